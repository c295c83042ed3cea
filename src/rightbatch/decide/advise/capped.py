"""What ended the search for the largest micro-batch, in words."""

from rightbatch.decide.study.sizes import DEFAULT_CAP, DEFAULT_TIMES
from rightbatch.records import MemoryFit

_WORDS = {
    "memory": "more does not fit",
    "data_set_size": "the whole training set",
    "max_batch_size": "the largest you allow",
    "default_cap": f"without --max-batch-size the search ends at {DEFAULT_CAP:,} examples or "
    f"{DEFAULT_TIMES} times your batch size, so that it ends at all",
    "broken": "a trial of a larger one hung or was killed, which ended the search",
    "time": "larger ones were too slow to try in the time allowed",
}


def why_no_larger(fit: MemoryFit) -> str:
    """Why nothing larger was found, as part of a sentence."""
    return _WORDS[fit.capped_by]


def no_size_fits(fit: MemoryFit | None) -> bool:
    """Whether sizes were tried and none ran in the limit."""
    return fit is not None and fit.largest_batch_size is None and bool(fit.failed)


def why_none(fit: MemoryFit) -> str:
    """Why there is no largest or no safe micro-batch, in a sentence."""
    if fit.largest_batch_size is not None:
        return "No micro-batch that was tried keeps the margin free."
    if fit.failed:
        return "No micro-batch that was tried fits the memory limit."
    return "No memory trial ran to its end, so it is not known what fits."
