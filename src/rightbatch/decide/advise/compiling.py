"""What compiling takes in a training run, which times to the goal leave out."""

from collections.abc import Sequence
from statistics import median

from rightbatch.records import Remark, TrainingResult, Trial

_NOTABLE_SECONDS = 0.1


def compiling(trials: Sequence[Trial]) -> Remark | None:
    """How long runs compiled; None where a framework compiles nothing worth mentioning."""
    results = [one.result for one in trials if isinstance(one.result, TrainingResult)]
    seconds = [one.compile_seconds for one in results if one.earlier_seconds == 0]
    if not seconds or max(seconds) < _NOTABLE_SECONDS:
        return None
    return Remark.of("compile_time", median_seconds=median(seconds), most_seconds=max(seconds))
