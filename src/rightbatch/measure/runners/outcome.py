"""What came of a probe, by how its process ended."""

import re
import signal
import sysconfig
from dataclasses import replace

from rightbatch import errors
from rightbatch.errors import RightbatchError, RunnerError, WorkloadFailed
from rightbatch.measure.runners.ending import Ending
from rightbatch.records import (
    DescribeProbe,
    MemoryProbe,
    MemoryResult,
    NoiseProbe,
    Outcome,
    PredictProbe,
    Probe,
    Remark,
    Result,
    SpeedProbe,
    Status,
    TrainingProbe,
    Value,
)

_FRAME = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+) in (?P<function>.+)')


def told(ending: Ending, probe: Probe, limit_bytes: int | None) -> tuple[Outcome, Result | None]:
    """The outcome of a probe and what was measured.

    Args:
        ending: How its process ended.
        probe: What was asked.
        limit_bytes: Memory its processes might use; None where that is not watched from here.

    Raises:
        WorkloadFailed: The user's code raised, or left without a result.
        UsageError: As the child raised it.
        RunnerError: The child gave back something else.
    """
    if ending.kind in {"returned", "paused"}:
        outcome, result = _returned(ending.value)
        if isinstance(result, MemoryResult) and limit_bytes is not None:
            return outcome, _with_descendants(result, ending)
        return outcome, result
    if ending.kind == "raised":
        raise _error(ending)
    return _outcome(ending, probe, limit_bytes), None


def _returned(value: object) -> tuple[Outcome, Result | None]:
    match value:
        case (Outcome() as outcome, result) if result is None or isinstance(result, Result):
            return outcome, result
    raise RunnerError(
        f"A trial gave back a {type(value).__name__} in place of an outcome and a result; "
        "parent and child run different versions of rightbatch."
    )


def _with_descendants(result: MemoryResult, ending: Ending) -> MemoryResult:
    """With the memory of a loader's workers, which only this side sees."""
    return replace(result, peak_bytes=max(result.peak_bytes, ending.group_peak_bytes))


def _error(ending: Ending) -> RightbatchError:
    """The exception to raise here for one that was raised in the child."""
    if ending.type_name == "SystemExit":
        return WorkloadFailed(
            f"The workload ended its process ({ending.message or 'exit status 0'}) before giving "
            "a result; take out sys.exit or os._exit.",
            ending.traceback or ending.output_tail,
        )
    module, _, name = ending.type_name.rpartition(".")
    own = vars(errors).get(name) if module == errors.__name__ else None
    if own is WorkloadFailed:
        return WorkloadFailed(ending.message, ending.traceback)
    if isinstance(own, type) and issubclass(own, RightbatchError):
        return own(ending.message)
    return WorkloadFailed(
        f"The workload failed with {ending.type_name}: {ending.message}", ending.traceback
    )


def _outcome(ending: Ending, probe: Probe, limit_bytes: int | None) -> Outcome:
    """An expected failure: of what, and where."""
    work = _work(probe)
    if ending.kind == "out_of_memory":
        limited = {"limit_bytes": limit_bytes, "at_once": probe.at_once}
        return Outcome(Status.OUT_OF_MEMORY, Remark.of("memory_limit_passed", **work, **limited))
    work |= _place(ending.traceback)
    if ending.kind == "hung":
        return Outcome(Status.HUNG, Remark.of("hung", **work, seconds=probe.seconds_limit))
    name = signal.Signals(ending.signal_number or signal.SIGKILL).name
    return Outcome(Status.KILLED, Remark.of("killed_by_signal", **work, signal=name))


def _work(probe: Probe) -> dict[str, Value]:
    """What a probe does, and with what sizes."""
    match probe:
        case DescribeProbe():
            return {"work": "building"}
        case PredictProbe():
            return {"work": "predicting"}
        case MemoryProbe():
            size, steps = probe.batch_size, probe.accumulation_steps
            if probe.inference:
                return {"work": "inference", "batch_size": size}
            work = "stepping" if steps == 1 else "accumulating"
            return {"work": work, "micro_batch_size": size, "accumulation_steps": steps}
        case SpeedProbe():
            work, size = "timing", max(probe.batch_sizes, default=probe.micro_batch_size)
        case NoiseProbe():
            work, size = "gradients", probe.batch_size
        case TrainingProbe():
            work, size = "training", probe.batch_size
        case _:
            return {"work": probe.kind}
    return {"work": work, "batch_size": size, "micro_batch_size": probe.examples_at_once}


def _place(stack: str) -> dict[str, Value]:
    """Where a stack shown by faulthandler stood: the innermost line outside installed code."""
    block = stack.rpartition("(most recent call first):")[2]  # the main thread comes last
    frames = list(_FRAME.finditer(block))
    paths = sysconfig.get_paths()
    installed = (*(paths[name] for name in ("stdlib", "purelib", "platlib")), "<frozen")
    own = [frame for frame in frames if not frame["file"].startswith(installed)]
    if not frames:
        return {}
    frame = (own or frames)[0]
    return {"file": frame["file"], "line": int(frame["line"]), "function": frame["function"]}
