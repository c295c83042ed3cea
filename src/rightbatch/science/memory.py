"""Peak memory against micro-batch size."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rightbatch.records import Estimate
from rightbatch.science.stats import Array, non_negative, t_quantile

RESIDENT_FILLED = 0.85
"""Share of a resident-memory limit that tensors can be relied on to fill, as heaps fragment."""


@dataclass(frozen=True, slots=True)
class MemoryLine:
    """bytes(B) = fixed + slope · B.

    Attributes:
        fixed: Memory at B = 0, in bytes.
        slope: Memory per example, in bytes per example.
        lack_of_fit: Largest relative residual of the line.
    """

    fixed: Estimate
    slope: Estimate
    lack_of_fit: float

    def at(self, batch_size: float) -> float:
        """Predicted peak memory of a micro-batch of `batch_size` examples, in bytes."""
        return self.fixed.value + self.slope.value * batch_size


def fit_line(
    batch_sizes: Sequence[float], peak_bytes: Sequence[float], level: float = 0.95
) -> MemoryLine:
    """Fit bytes(B) = fixed + slope·B by least squares with both coefficients >= 0.

    Allocators round memory up to blocks, so the peaks of small sizes form a staircase: absolute
    (not relative) least squares lets the large sizes, near the limit, determine the slope. The
    intervals are Student's, with the staircase as the error. Rounding up adds half a block to
    `fixed` on average. The rounding error is bounded and not quite independent of B: for slopes of
    1 to 8 MiB per example and blocks of 2 and 20 MiB, 92 to 97% of simulated 95% intervals covered
    the truth; for a single slope, or sizes within a few blocks, up to 99%.

    Args:
        batch_sizes: Micro-batch sizes in examples, shape (n,), at least two of them distinct.
        peak_bytes: Peak memory in bytes, shape (n,).
        level: Coverage of the intervals.

    Returns:
        The line; without intervals if n = 2.

    Raises:
        ValueError: Fewer than two distinct sizes, or different shapes.
    """
    B = np.asarray(batch_sizes, dtype=float)
    y = np.asarray(peak_bytes, dtype=float)
    if B.shape != y.shape or np.unique(B).size < 2:
        raise ValueError("A memory line needs peak bytes at two or more distinct batch sizes.")
    from scipy import optimize

    X = np.column_stack([np.ones_like(B), B / B.max()])
    scale = float(y.max())
    fitted, _ = optimize.nnls(X, y / scale)
    free = np.linalg.lstsq(X, y / scale, rcond=None)[0]
    residuals = y / scale - X @ fitted
    lack_of_fit = float(np.max(np.abs(residuals) * scale / y))
    unit_scale = np.array([scale, scale / B.max()])
    half = np.full(2, np.nan)
    if B.size > 2:
        variance = float(np.sum((y / scale - X @ free) ** 2)) / (B.size - 2)
        spread = np.sqrt(variance * np.diag(np.linalg.inv(X.T @ X)))
        half = t_quantile(level, B.size - 2) * spread
    fixed, slope = (
        Estimate(float(value), level=level, unit=unit, note="two_points")
        if B.size == 2
        else non_negative(value, centre, width, level, unit, "line_through_allocator_steps")
        for value, centre, width, unit in zip(
            fitted * unit_scale,
            free * unit_scale,
            half * unit_scale,
            ("bytes", "bytes/example"),
            strict=True,
        )
    )
    return MemoryLine(fixed, slope, lack_of_fit)


def largest_within(limit_bytes: float, fixed: float, slope: float) -> int | None:
    """Largest micro-batch size with fixed + slope·B <= limit_bytes.

    Args:
        limit_bytes: Memory allowed, in bytes.
        fixed: Memory at B = 0, in bytes.
        slope: Memory per example, in bytes per example, >= 0.

    Returns:
        Examples, 0 if not even one fits; None if memory does not grow with the batch size.
    """
    if slope < 0:
        raise ValueError(f"Memory per example is never below 0; it was given as {slope}.")
    if fixed > limit_bytes:
        return 0
    if slope == 0:
        return None
    return int((limit_bytes - fixed) // slope)


def largest_between(points: Sequence[tuple[int, int]], limit_bytes: float) -> int | None:
    """Largest micro-batch within a limit, by linear interpolation between measured sizes.

    Near the limit, nearby measurements are more reliable than a single line: allocators, and
    kernels chosen by size, bend it. Peaks are made monotonic. Beyond the largest measured size, the
    line continues with the slope from the nearest size at most two thirds as large.

    Args:
        points: (micro-batch size, peak bytes) pairs, at least two distinct sizes.
        limit_bytes: Memory allowed, in bytes.

    Returns:
        Examples, 0 if not even one fits; None if memory does not grow with the batch size.

    Raises:
        ValueError: Fewer than two distinct sizes.
    """
    B, y = _never_falling(points)
    if len(B) < 2:
        raise ValueError("Lines between sizes need peak bytes at two or more distinct ones.")
    above = int(np.searchsorted(y, limit_bytes, side="right"))  # the first that passes the limit
    if above == len(B):
        low, high = int(np.searchsorted(B, B[-1] / 1.5, side="right")) - 1, len(B) - 1
        start, low = high, max(low, 0)
    else:
        high = max(above, 1)
        start = low = high - 1
    slope = (y[high] - y[low]) / (B[high] - B[low])
    if slope == 0:
        return None if above == len(B) else 0
    return max(0, int(B[start] + (limit_bytes - y[start]) / slope))


def line_through(first: tuple[int, float], second: tuple[int, float]) -> tuple[float, float]:
    """(bytes at batch size 0, bytes per example) of the line through two (batch size, bytes)."""
    slope = (second[1] - first[1]) / (second[0] - first[0])
    return first[1] - slope * first[0], slope


def peak_between(points: Sequence[tuple[int, int]], batch_size: int) -> float:
    """Peak memory at a size by linear interpolation, in bytes; constant beyond either end.

    Args:
        points: (micro-batch size, peak bytes) pairs, at least one.
        batch_size: Micro-batch size in examples.
    """
    return float(np.interp(batch_size, *_never_falling(points)))


def _never_falling(
    points: Sequence[tuple[int, int]],
) -> tuple[Array, Array]:
    """Distinct sizes in ascending order, and the highest peak up to each."""
    highest = dict(sorted(points))  # each size counts with its last pair, which has its highest
    peaks = np.maximum.accumulate([float(peak) for peak in highest.values()])
    return np.array(list(highest), dtype=float), peaks
