"""Step time and throughput against batch size."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rightbatch.records import Estimate
from rightbatch.science.stats import (
    MEDIAN_VARIANCE,
    Array,
    non_negative,
    residual_variance,
    t_quantile,
)

LARGEST_LACK_OF_FIT = 0.10
"""RMS relative residual above which step times are interpolated rather than read off the line."""

KNEE_SHARE = 0.90
"""Share of the highest throughput that defines the knee."""


@dataclass(frozen=True, slots=True)
class StepTime:
    """step_seconds(B), from measured medians and the line α + β·B through them.

    Attributes:
        batch_sizes: Measured sizes in examples, ascending, each timed without accumulation.
        median_seconds: Median step time at each, in seconds.
        alpha: Fixed time per step, in seconds; None with fewer than three sizes.
        beta: Time per example, in seconds per example; None with fewer than three sizes.
        lack_of_fit: RMS relative residual of the line; None without a line.
        micro_batch_size: Larger steps accumulate micro-batches of this size; None if none do.
    """

    batch_sizes: tuple[float, ...]
    median_seconds: tuple[float, ...]
    alpha: Estimate | None
    beta: Estimate | None
    lack_of_fit: float | None
    micro_batch_size: int | None = None

    @property
    def interpolated(self) -> bool:
        """Whether medians are interpolated because the line is missing or fits poorly."""
        return self.lack_of_fit is None or self.lack_of_fit > LARGEST_LACK_OF_FIT

    def at(self, batch_size: float) -> float:
        """Step time at a batch size, in seconds.

        Read off the line if it fits; otherwise interpolated between medians in log-log axes,
        extrapolated below the smallest size along the first segment (slope clamped to 0 to 1) and
        above the largest by β per example. Above the micro-batch size m, a step counts as
        floor(B/m) steps of size m and one of the remainder: every micro-batch pays α, although the
        update, a part of α, happens once (an upper bound if updates are expensive).

        Args:
            batch_size: Examples per step, above 0.
        """
        if batch_size <= 0:
            raise ValueError(f"A batch size is above 0; it was given as {batch_size}.")
        m = self.micro_batch_size
        if m is None or batch_size <= m:
            return self._one_pass(batch_size)
        full, rest = divmod(batch_size, m)
        return full * self._one_pass(m) + (self._one_pass(rest) if rest else 0.0)

    def perturbed(self, relative: float) -> tuple["StepTime", ...]:
        """The model with each median in turn increased by a relative change: one per median."""
        return tuple(self._with_median(i, relative) for i in range(len(self.batch_sizes)))

    def _with_median(self, index: int, relative: float) -> "StepTime":
        medians = np.array(self.median_seconds)
        medians[index] *= 1 + relative
        changed = replace(self, median_seconds=tuple(medians.tolist()))
        if self.alpha is None or self.beta is None:
            return changed
        whole = self.micro_batch_size or self.batch_sizes[-1]
        single = np.array([size for size in self.batch_sizes if size <= whole])
        alpha, beta = _line(single, medians[: single.size])
        return replace(
            changed,
            alpha=replace(self.alpha, value=float(alpha)),
            beta=replace(self.beta, value=float(beta)),
        )

    def _one_pass(self, batch_size: float) -> float:
        if not self.interpolated and self.alpha is not None and self.beta is not None:
            return self.alpha.value + self.beta.value * batch_size
        first, last = self.batch_sizes[0], self.batch_sizes[-1]
        if batch_size > last:
            beta = self.median_seconds[-1] / last if self.beta is None else self.beta.value
            return self.median_seconds[-1] + beta * (batch_size - last)
        logs, seconds = np.log(self.batch_sizes), np.log(self.median_seconds)
        if batch_size < first:
            slope = (seconds[1] - seconds[0]) / (logs[1] - logs[0]) if len(logs) > 1 else 1.0
            slope = min(max(float(slope), 0.0), 1.0)
            return float(self.median_seconds[0] * (batch_size / first) ** slope)
        return float(np.exp(np.interp(np.log(batch_size), logs, seconds)))


def _by_size(
    batch_sizes: Sequence[float], samples: Sequence[Sequence[float]]
) -> tuple[Array, list[Array]]:
    B = np.asarray(batch_sizes, dtype=float)
    values = [np.asarray(row, dtype=float) for row in samples]
    if B.size == 0 or B.size != len(values) or any(row.size == 0 for row in values):
        raise ValueError("Each batch size needs one or more samples of its own.")
    if np.unique(B).size != B.size or B.min() <= 0 or any(row.min() <= 0 for row in values):
        raise ValueError("Batch sizes must be distinct and, like their samples, above 0.")
    order = np.argsort(B)
    return B[order], [values[i] for i in order]


def fit_step_time(
    batch_sizes: Sequence[float],
    step_seconds: Sequence[Sequence[float]],
    micro_batch_size: int | None = None,
    level: float = 0.95,
) -> StepTime:
    """Fit step_seconds(B) = α + β·B, α and β >= 0, to the medians by relative least squares.

    Minimises Σ ((α + β·B_i - t_i)/t_i)² over the sizes, with t_i the median at size i, which a
    stalled step does not move. Intervals are Student's. Their error is the scatter of a median,
    √(π/2)·s/√n with the relative standard deviation s pooled over sizes, or the misfit of the line
    if it is larger than chance allows (`residual_variance`). Ends below 0 are set to 0. Linear step
    time per micro-batch: Qiao et al. 2021 (Pollux).

    Args:
        batch_sizes: Distinct sizes in examples, shape (k,).
        step_seconds: Raw step times in seconds, one or more per size.
        micro_batch_size: Larger steps accumulate micro-batches of this size.
        level: Coverage of the intervals.

    Returns:
        The model; without a line for k < 3.

    Raises:
        ValueError: No sizes, repeated sizes, or samples that are missing or not above 0.
    """
    B, samples = _by_size(batch_sizes, step_seconds)
    k = B.size
    medians = np.array([np.median(row) for row in samples])
    known = (tuple(B.tolist()), tuple(medians.tolist()))
    if k < 3:
        return StepTime(*known, None, None, None, micro_batch_size)
    value = _line(B, medians)
    X = np.column_stack([1 / medians, B / medians])
    norms = np.linalg.norm(X, axis=0)
    free = np.linalg.lstsq(X / norms, np.ones(k), rcond=None)[0] / norms
    n = sum(row.size for row in samples)
    squares = sum(
        float(np.sum((row / m - np.mean(row / m)) ** 2))
        for row, m in zip(samples, medians, strict=True)
    )
    per_median = MEDIAN_VARIANCE * float(np.mean([1 / row.size for row in samples]))
    pure = per_median * squares / (n - k) if n > k else 0.0
    lack = float(np.sum((X @ free - 1) ** 2)) / (k - 2)
    variance, df = residual_variance(lack, k - 2, pure, n - k)
    half = t_quantile(level, df) * np.sqrt(variance * np.diag(np.linalg.inv(X.T @ X)))
    alpha, beta = (
        non_negative(v, c, h, level, unit, "line_through_medians")
        for v, c, h, unit in zip(value, free, half, ("s", "s/example"), strict=True)
    )
    lack_of_fit = float(np.sqrt(np.mean((X @ value - 1) ** 2)))
    return StepTime(*known, alpha, beta, lack_of_fit, micro_batch_size)


def _line(B: Array, medians: Array) -> Array:
    """α and β, both >= 0, of the line through the medians, by relative least squares."""
    from scipy import optimize

    X = np.column_stack([1 / medians, B / medians])
    norms = np.linalg.norm(X, axis=0)
    value: Array = optimize.nnls(X / norms, np.ones(B.size))[0] / norms
    return value


def knee(
    batch_sizes: Sequence[float],
    throughput_samples: Sequence[Sequence[float]],
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Estimate:
    """Smallest batch size with 90% of the highest median throughput.

    Medians are interpolated linearly in log batch size. The interval is a percentile bootstrap of
    the medians (Efron and Tibshirani 1993, section 13.3). As resamples of n scatter less than
    samples by √((n-1)/n), their log distance from the median is stretched by as much (Davison and
    Hinkley 1997, ch. 2).

    Args:
        batch_sizes: Distinct sizes in examples, shape (k,).
        throughput_samples: Raw throughputs in examples/s, one or more per size.
        level: Coverage of the interval.
        resamples: Number of bootstrap resamples.
        seed: Seed of the bootstrap.

    Returns:
        The knee in whole examples, rounded up, possibly between measured sizes.
    """
    B, samples = _by_size(batch_sizes, throughput_samples)
    rng = np.random.default_rng(seed)
    value = _knee(B, np.array([[np.median(row)] for row in samples]))[0]
    drawn = np.array(
        [_medians(row, row[rng.integers(row.size, size=(resamples, row.size))]) for row in samples]
    )
    low, high = np.quantile(_knee(B, drawn), [(1 - level) / 2, (1 + level) / 2])
    ends = min(float(low), float(value)), max(float(high), float(value))
    return Estimate(float(value), *ends, level, "examples", "bootstrap_of_medians")


def _medians(row: Array, drawn: Array) -> Array:
    """Medians of resamples of shape (resamples, n), stretched to scatter as samples' medians do."""
    median, n = np.median(row), row.size
    stretched: Array = median * (np.median(drawn, axis=1) / median) ** np.sqrt(n / max(1, n - 1))
    return stretched


def _knee(B: Array, throughput: Array) -> Array:
    """Knee of each column, for B of shape (k,) and throughput of shape (k, columns)."""
    goal = KNEE_SHARE * throughput.max(axis=0)
    above = np.argmax(throughput >= goal, axis=0)
    below = np.maximum(above - 1, 0)
    columns = np.arange(throughput.shape[1])
    slow, fast = throughput[below, columns], throughput[above, columns]
    share = np.where(above > 0, (goal - slow) / np.where(fast > slow, fast - slow, 1.0), 0.0)
    whole: Array = np.ceil(np.round(B[below] * (B[above] / B[below]) ** share, 6))
    return whole
