"""Whether any micro-batch that was tried fits."""

from rightbatch.records import MemoryFit, Remark


def no_size_fits(fit: MemoryFit | None) -> bool:
    """Whether sizes were tried and none ran in the limit."""
    return fit is not None and fit.largest_batch_size is None and bool(fit.failed)


def why_none(fit: MemoryFit) -> Remark:
    """Why there is no largest or no safe micro-batch."""
    if fit.largest_batch_size is not None:
        return Remark.of("no_micro_batch_keeps_margin")
    return Remark.of("no_micro_batch_fits" if fit.failed else "no_memory_trial_finished")
