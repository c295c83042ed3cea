"""Memory trials -> MemoryFit."""

from collections.abc import Sequence

from rightbatch.decide.advice.evidence import of_kind
from rightbatch.records import MemoryFit, MemoryProbe, MemoryResult, Settings, Status, Trial
from rightbatch.records.fits import Cap
from rightbatch.science.memory import MemoryLine, fit_line, largest_within


def line(points: Sequence[tuple[int, int]]) -> MemoryLine | None:
    """bytes(B) through measured points; None with fewer than two sizes."""
    if len({size for size, _ in points}) < 2:
        return None
    return fit_line([size for size, _ in points], [peak for _, peak in points])


def fit_memory(
    trials: Sequence[Trial], settings: Settings, train_examples: int, limit_bytes: int
) -> MemoryFit | None:
    """The memory line and the largest micro-batch that ran; None where nothing was tried.

    A trial counts as failed under a smaller limit than its own where its peak passes it.
    """
    points: list[tuple[int, int]] = []
    failed: list[int] = []
    tried = False
    for trial, probe in of_kind(trials, MemoryProbe):
        tried = True
        if isinstance(trial.result, MemoryResult):
            points.append((probe.batch_size, trial.result.peak_bytes))
        elif trial.outcome.status is Status.OUT_OF_MEMORY:
            failed.append(probe.batch_size)
    if not tried:
        return None
    fitting = [size for size, peak in points if peak <= limit_bytes]
    failed += [size for size, peak in points if peak > limit_bytes]
    largest = max(fitting, default=None)
    fitted = line(points)
    return MemoryFit(
        points=tuple(sorted(points)),
        failed=tuple(sorted(set(failed))),
        bytes_fixed=fitted.fixed if fitted else None,
        bytes_per_example=fitted.slope if fitted else None,
        lack_of_fit=fitted.lack_of_fit if fitted else None,
        limit_bytes=limit_bytes,
        largest_batch_size=largest,
        safe_batch_size=_safe(points, largest, fitted, limit_bytes, settings.margin),
        margin=settings.margin,
        capped_by=_cap(largest, failed, settings, train_examples),
    )


def _safe(
    points: Sequence[tuple[int, int]],
    largest: int | None,
    fitted: MemoryLine | None,
    limit_bytes: int,
    margin: float,
) -> int | None:
    """Largest micro-batch that keeps a share of the limit free."""
    allowed = (1 - margin) * limit_bytes
    measured = max((size for size, peak in points if peak <= allowed), default=None)
    if largest is None or fitted is None or measured == largest:
        return measured
    predicted = largest_within(allowed, fitted.fixed.value, fitted.slope.value)
    if predicted is None:
        return measured
    return max(min(predicted, largest), measured or 0) or None


def _cap(
    largest: int | None, failed: Sequence[int], settings: Settings, train_examples: int
) -> Cap:
    if failed or largest is None:
        return "memory"
    if settings.max_batch_size is not None and largest >= settings.max_batch_size:
        return "max_batch_size"
    return "data_set_size" if largest >= train_examples else "time"
