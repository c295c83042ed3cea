"""How trials ended, and what to do about it; how memory was predicted, and what could not be."""

from rightbatch.records import Value, memory_size
from rightbatch.report.sentences.phrases import Sentence
from rightbatch.report.words import duration

_WORK = {
    "building": "Building the workload",
    "predicting": "Predicting memory",
    "inference": "Inference with a batch of {batch_size:,}",
    "stepping": "Training with a micro-batch of {micro_batch_size:,}",
    "accumulating": "Accumulating {accumulation_steps:,} micro-batches of {micro_batch_size:,}",
    "timing": "Timing batch sizes up to {batch_size:,} (micro-batch {micro_batch_size:,})",
    "gradients": "Measuring gradients at batch size {batch_size:,} "
    "(micro-batch {micro_batch_size:,})",
    "training": "Training at batch size {batch_size:,} (micro-batch {micro_batch_size:,})",
}
"""What a trial was doing, as the subject of a sentence."""

_LESS_DATA = "load less data into memory, or raise the memory limit"
_ACCUMULATE = "use a smaller micro-batch with gradient accumulation"
_SMALLER = {"building": _LESS_DATA, "predicting": _LESS_DATA, "inference": "use a smaller batch"}
_KILLS = ("SIGKILL", "SIGTERM")
"""Signals sent by another process; any other is a crash."""

_SETTINGS = "batch size {batch_size:,} and learning rate {learning_rate:.3g}"
_STOPPED = "Stopped at step {step:,} (batch size {batch_size:,}, learning rate {learning_rate:.3g})"
_LIMITS = {"steps": "step limit reached", "seconds": "training time limit reached"}


def _what(work: str, **sizes: Value) -> str:
    return _WORK.get(work, f"The {work} trial").format(**sizes)


def _memory_limit_passed(
    work: str, limit_bytes: int | None = None, at_once: int = 1, **sizes: Value
) -> str:
    passed = (
        "ran out of memory on this machine"
        if limit_bytes is None
        else f"exceeded its memory limit of {memory_size(limit_bytes)}"
    )
    workers = ", or fewer workers" if at_once > 1 else ""
    remedy = _SMALLER.get(work, _ACCUMULATE + workers)
    return f"{_what(work, **sizes)} {passed}; {remedy}."


def _hung(
    work: str, seconds: float, file: str = "", line: int = 0, function: str = "", **sizes: Value
) -> str:
    there = "there " if file else ""
    return (
        f"{_what(work, **sizes)} did not finish within {duration(seconds)} and was stopped"
        f"{_place(file, line, function)}; allow more time, or look {there}for a call that never "
        "returns."
    )


def _killed_by_signal(
    work: str, signal: str, file: str = "", line: int = 0, function: str = "", **sizes: Value
) -> str:
    what, where = _what(work, **sizes), _place(file, line, function)
    if signal in _KILLS:
        return f"{what} was killed by {signal}{where}; check what kills processes on this machine."
    return f"{what} crashed with {signal}{where}; look for a bug in a compiled library."


def _place(file: str, line: int, function: str) -> str:
    return f" in {file}, line {line} ({function})" if file else ""


SENTENCES: dict[str, Sentence] = {
    "text": "{text}",
    "workload_too_large": f"Building the workload exceeded the memory limit; {_LESS_DATA}.",
    "batch_too_large": "A batch of {batch_size:,} does not fit within the memory limit; use a "
    "smaller batch.",
    "micro_batch_too_large": "A micro-batch of {micro_batch_size:,} does not fit within the "
    f"memory limit; {_ACCUMULATE}.",
    "memory_limit_passed": _memory_limit_passed,
    "in_swap": lambda micro_batch_size, swap_bytes: (
        f"A micro-batch of {micro_batch_size:,} ran with {memory_size(swap_bytes)} in swap, which "
        "slows every step; use a smaller micro-batch, or free memory that other processes hold."
    ),
    "spilled": lambda micro_batch_size, spilled_bytes: (
        f"A micro-batch of {micro_batch_size:,} needed {memory_size(spilled_bytes)} more than the "
        "device had free, so the driver spilled into system memory, which slows every step; use a "
        "smaller micro-batch, or turn off the driver's system-memory fallback."
    ),
    "allocator_thrashing": "A micro-batch of {micro_batch_size:,} ran, but the allocator emptied "
    "its cache {retries:,} times to find memory, which slows every step; use a smaller "
    "micro-batch.",
    "diverged": f"Training at {_SETTINGS} diverged by step {{step:,}}; use a smaller learning "
    "rate.",
    "diverged_at_present_settings": f"Training at your present settings, {_SETTINGS}, diverged by "
    "step {step:,}; use a smaller learning rate.",
    "given_up_behind": f"{_STOPPED}: behind the best run at step {{milestone_step:,}} "
    "(metric {metric:.4g}, needed {milestone:.4g}).",
    "given_up_limit": lambda limit, **run: f"{_STOPPED.format(**run)}: {_LIMITS[limit]}.",
    "given_up_late": f"{_STOPPED}: out of time.",
    "recorded_run_given_up": "The recorded run ended after {epochs:g} epochs without reaching the "
    "goal.",
    "hung": _hung,
    "killed_by_signal": _killed_by_signal,
    "not_predicted": "Memory could not be predicted ({error}); the search starts from small "
    "batch sizes instead.",
    "needs_data": "The step cannot run without real data ({error}: {message}).",
    "operations_differ": (
        "Memory that CPU operations allocate internally is not counted: steps at different batch "
        "sizes run different operations."
    ),
    "cannot_be_followed": "It cannot be predicted: {error}",
}
