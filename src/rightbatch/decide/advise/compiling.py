"""What compiling takes in a training run, which times to the goal leave out."""

from collections.abc import Sequence
from statistics import median

from rightbatch.records import TrainingResult, Trial

_NOTABLE_SECONDS = 0.1


def compiling(trials: Sequence[Trial]) -> str:
    """A sentence about it; empty where a framework compiles nothing worth telling."""
    results = [one.result for one in trials if isinstance(one.result, TrainingResult)]
    seconds = [one.compile_seconds for one in results if one.earlier_seconds == 0]
    if not seconds or max(seconds) < _NOTABLE_SECONDS:
        return ""
    return (
        f"Before its first step a run compiled for {median(seconds):.1f} s (at most "
        f"{max(seconds):.1f} s), which no time to the goal counts."
    )
