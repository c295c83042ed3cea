"""What keeps the best batch size, or any that was tried, from being larger."""

from collections.abc import Sequence

from rightbatch.records import (
    BatchPrediction,
    BindingConstraint,
    Fits,
    MemoryFit,
    Remark,
    WorkloadFacts,
)

WITHIN = 1.10
"""Batch sizes whose predicted cost is at most this many times the best one's are near-optimal."""
_FLAT_SPAN = 16
"""Near-optimal sizes that span at least this factor make the choice flat."""


def near_optimal(costs: dict[int, float], chosen: int) -> tuple[int, ...]:
    """Batch sizes predicted within 10% of the best, ascending; the chosen one always among them."""
    best = min(costs.values())
    return tuple(sorted({chosen, *(b for b, cost in costs.items() if cost <= WITHIN * best)}))


def enough_data(rows: Sequence[BatchPrediction], sizes: Sequence[int]) -> bool:
    """Whether runs reached the goal at two batch sizes, or at the only one considered."""
    return sum(row.runs_reached > 0 for row in rows) >= min(2, len(sizes))


def binding_constraint(
    chosen: int,
    optimal: Sequence[int],
    rows: Sequence[BatchPrediction],
    fits: Fits,
    facts: WorkloadFacts,
    considered: Sequence[int],
) -> BindingConstraint:
    """Why the recommended batch size is not larger.

    In this order: nothing, if sizes a factor of 16 apart are near-optimal; the training set or
    memory, if the choice is as large as they allow; the sizes considered, if it is the largest of
    `batch_sizes` or at `max_batch_size`; throughput, if it is at or beyond the knee, where a larger
    one gains little speed; else the critical batch size, beyond which each example contributes
    less.
    """
    if max(optimal) >= _FLAT_SPAN * min(optimal):
        return "none"
    if chosen >= facts.train_examples:
        return "data_set_size"
    memory = fits.memory
    if memory is not None and memory.capped_by == "memory":
        larger = [row for row in rows if row.batch_size > chosen and row.runs_reached]
        if chosen >= (memory.safe_batch_size or 0) and not larger:
            return "memory"
    if chosen >= max(considered):
        return "sizes_considered"
    if fits.speed is not None and chosen >= fits.speed.knee_batch_size.value:
        return "throughput"
    return "critical_batch_size"


def no_size_fits(fit: MemoryFit | None) -> bool:
    """Whether sizes were tried and none ran in the limit."""
    return fit is not None and fit.largest_batch_size is None and bool(fit.failed)


def why_none(fit: MemoryFit) -> Remark:
    """Why there is no largest or no safe micro-batch."""
    if fit.largest_batch_size is not None:
        return Remark.of("no_micro_batch_keeps_margin")
    return Remark.of("no_micro_batch_fits" if fit.failed else "no_memory_trial_finished")
