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
    Outcome,
    PredictProbe,
    Probe,
    Result,
    SpeedProbe,
    Status,
    TrainingProbe,
    memory_size,
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
    """An expected failure, with one sentence of advice."""
    where = _place(ending.traceback)
    if ending.kind == "out_of_memory":
        limit = (
            f"its limit of {memory_size(limit_bytes)}" if limit_bytes else "the machine's memory"
        )
        return Outcome(
            Status.OUT_OF_MEMORY, f"{_work(probe)} needs more than {limit}; {_smaller(probe)}."
        )
    if ending.kind == "hung":
        return Outcome(
            Status.HUNG,
            f"{_work(probe)} was not done after {probe.seconds_limit:.0f} s and was stopped"
            f"{where}; allow it more time, or look there for a wait without end.",
        )
    name = signal.Signals(ending.signal_number or signal.SIGKILL).name
    blame = (
        "see who ends processes on this machine"
        if name in {"SIGKILL", "SIGTERM"}
        else "look for a crash in a compiled library"
    )
    return Outcome(Status.KILLED, f"{_work(probe)} was ended by {name}{where}; {blame}.")


def _work(probe: Probe) -> str:
    """What a probe does, with its sizes, as the subject of a sentence."""
    match probe:
        case DescribeProbe():
            return "Building the workload"
        case PredictProbe():
            return "Predicting memory"
        case MemoryProbe():
            return _step_of(probe)
        case SpeedProbe():
            size = max(probe.batch_sizes, default=probe.micro_batch_size)
            micro = min(size, probe.micro_batch_size)
            return f"Timing batch sizes up to {size} (micro-batch {micro})"
        case TrainingProbe():
            size, micro = probe.batch_size, probe.examples_at_once
            return f"Training at batch size {size} (micro-batch {micro})"
    return f"The {probe.kind} trial"


def _step_of(probe: MemoryProbe) -> str:
    """What a memory trial does, as the subject of a sentence."""
    if probe.inference:
        return f"Inference with a batch of {probe.batch_size}"
    if probe.accumulation_steps > 1:
        return f"Accumulating {probe.accumulation_steps} micro-batches of {probe.batch_size}"
    return f"Training with a micro-batch of {probe.batch_size}"


def _smaller(probe: Probe) -> str:
    if isinstance(probe, DescribeProbe | PredictProbe):
        return "load less data into memory, or raise the memory limit"
    if isinstance(probe, MemoryProbe) and probe.inference:
        return "use a smaller batch"
    fewer = ", or fewer workers" if probe.at_once > 1 else ""
    return f"use a smaller micro-batch and accumulate gradients{fewer}"


def _place(stack: str) -> str:
    """Where a stack shown by faulthandler stood: the innermost line outside installed code."""
    block = stack.rpartition("(most recent call first):")[2]  # the main thread comes last
    frames = list(_FRAME.finditer(block))
    paths = sysconfig.get_paths()
    installed = (*(paths[name] for name in ("stdlib", "purelib", "platlib")), "<frozen")
    own = [frame for frame in frames if not frame["file"].startswith(installed)]
    if not frames:
        return ""
    frame = (own or frames)[0]
    return f" in {frame['file']}, line {frame['line']} ({frame['function']})"
