"""The outcome of a probe, from how its process ended."""

import re
import signal
import sysconfig
from dataclasses import replace

from rightbatch import errors
from rightbatch.errors import RightbatchError, RunnerError, WorkloadFailed
from rightbatch.measure.ports import Measured
from rightbatch.measure.runners.call_end import CallEnd
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


def outcome_of(ending: CallEnd, probe: Probe, limit_bytes: int | None) -> Measured:
    """The outcome of a probe and what was measured.

    Args:
        ending: How its process ended.
        probe: The probe.
        limit_bytes: Memory its processes might use; None where the parent does not enforce it.

    Raises:
        WorkloadFailed: The user's code raised, or exited without a result.
        UsageError: As the child raised it.
        RunnerError: The child returned something else.
    """
    if ending.kind == "raised":
        raise _error(ending)
    if ending.kind not in {"returned", "paused"}:
        return _failure(ending, probe, limit_bytes), None
    match ending.value:
        case (Outcome() as outcome, MemoryResult() as result) if limit_bytes is not None:
            # With the memory of loader workers, which only the parent sees.
            return outcome, replace(
                result, peak_bytes=max(result.peak_bytes, ending.group_peak_bytes)
            )
        case (Outcome() as outcome, result) if result is None or isinstance(result, Result):
            return outcome, result
    raise RunnerError(
        f"A trial returned {type(ending.value).__name__} instead of an outcome and a result, as if "
        "its process ran another version of rightbatch; restart Python and try again."
    )


def _error(ending: CallEnd) -> RightbatchError:
    """The parent's exception for one raised in the child."""
    if ending.type_name == "SystemExit":
        return WorkloadFailed(
            f"The workload ended its process ({ending.message or 'exit status 0'}) before giving "
            "a result; remove sys.exit or os._exit from it.",
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


def _failure(ending: CallEnd, probe: Probe, limit_bytes: int | None) -> Outcome:
    """An expected failure: of which work, and where in the code."""
    work = _work(probe)
    if ending.kind == "out_of_memory":
        work |= {"limit_bytes": limit_bytes, "at_once": probe.at_once}
        return Outcome(Status.OUT_OF_MEMORY, Remark.of("memory_limit_passed", **work))
    work |= _place(ending.traceback)
    if ending.kind == "hung":
        return Outcome(Status.HUNG, Remark.of("hung", **work, seconds=probe.seconds_limit))
    name = signal.Signals(ending.signal_number or signal.SIGKILL).name
    return Outcome(Status.KILLED, Remark.of("killed_by_signal", **work, signal=name))


def _work(probe: Probe) -> dict[str, Value]:
    """What a probe does, and at which sizes."""
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
            micro_batch_size = probe.micro_batch_size
        case NoiseProbe():
            work, size, micro_batch_size = "gradients", probe.batch_size, probe.micro_batch_size
        case TrainingProbe():
            work, size, micro_batch_size = "training", probe.batch_size, probe.examples_at_once
        case _:
            return {"work": probe.kind}
    return {"work": work, "batch_size": size, "micro_batch_size": micro_batch_size}


def _place(stack: str) -> dict[str, Value]:
    """The innermost line outside installed code in a stack shown by faulthandler."""
    block = stack.rpartition("(most recent call first):")[2]  # the main thread comes last
    frames = list(_FRAME.finditer(block))
    paths = sysconfig.get_paths()
    installed = (*(paths[name] for name in ("stdlib", "purelib", "platlib")), "<frozen")
    own = [frame for frame in frames if not frame["file"].startswith(installed)]
    if not frames:
        return {}
    frame = (own or frames)[0]
    return {"file": frame["file"], "line": int(frame["line"]), "function": frame["function"]}
