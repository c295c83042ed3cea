"""Medians and spreads, with intervals that are valid for few samples."""

from collections.abc import Sequence
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt
from scipy import special

from rightbatch.records import Estimate, Note

Array = npt.NDArray[np.float64]

MEDIAN_VARIANCE = np.pi / 2
"""Variance of the median over that of the mean for many normal samples (less for few)."""

Z95 = float(special.ndtri(0.975))
"""Half-width of a 95% interval in standard deviations, for normal errors."""

SIGNIFICANCE = 0.05
"""p-value below which a curve is taken not to fit the points."""


@lru_cache(maxsize=1024)
def t_quantile(level: float, degrees_of_freedom: float) -> float:
    """Two-sided quantile of Student's t: |t| stays below it with probability `level`.

    Args:
        level: Coverage, 0 < level < 1.
        degrees_of_freedom: Degrees of freedom, above 0.
    """
    if not 0 < level < 1:
        raise ValueError(f"An interval's level lies between 0 and 1, not at {level}.")
    share_below = (1 + level) / 2
    if np.isinf(degrees_of_freedom):
        return float(special.ndtri(share_below))
    return float(special.stdtrit(degrees_of_freedom, share_below))


def _clean(samples: Sequence[float] | Array) -> Array:
    values = np.sort(np.asarray(samples, dtype=float))
    if values.ndim != 1 or values.size == 0 or not np.isfinite(values).all():
        raise ValueError("An estimate needs one or more finite samples in one dimension.")
    return values


def median_interval(
    samples: Sequence[float] | Array, level: float = 0.95, unit: str = ""
) -> Estimate:
    """Median with a confidence interval, from three samples up.

    If n is large enough for order statistics to reach the level (n >= 6 at 95%), the interval is
    distribution-free: P(x_(k) < median < x_(n+1-k)) = 1 - 2·P(Binomial(n, 1/2) < k) (David and
    Nagaraja 2003, section 7.1), interpolated between the two k on either side of the level
    (Hettmansperger and Sheather 1986). With fewer samples it is median ± t_(n-1)·s·√(π/(2n)), which
    assumes roughly normal samples. One or two samples have no interval.

    Args:
        samples: Independent samples, shape (n,).
        level: Target coverage.
        unit: Unit of the samples.

    Returns:
        The median in `unit`.
    """
    values = _clean(samples)
    n = values.size
    value = float(np.median(values))
    if n < 3:
        return Estimate(value, level=level, unit=unit, note="too_few_samples")
    k, share = _order_statistics(n, level)
    if k:
        low, high = (
            float((1 - share) * row[k - 1] + share * row[k]) for row in (values, values[::-1])
        )
        return Estimate(value, low, high, level, unit, "order_statistics")
    half = t_quantile(level, n - 1) * values.std(ddof=1) * np.sqrt(MEDIAN_VARIANCE / n)
    return Estimate(value, float(value - half), float(value + half), level, unit, "normal_samples")


@cache
def _order_statistics(n: int, level: float) -> tuple[int, float]:
    """k and λ: the interval ends a share λ of the way from the k-th sample inwards to the next.

    λ = (n - k)·I/(k + (n - 2k)·I), where I = (c_k - level)/(c_k - c_(k+1)) and c_k is the coverage
    of the k-th (Hettmansperger and Sheather 1986). k is 0 if n is too small for the level.
    """
    each = np.arange(n)
    at_most = special.betainc(n - each, each + 1, 0.5)  # P(Binomial(n, 1/2) <= each)
    k = int(np.searchsorted(at_most, (1 - level) / 2))
    if k == 0:
        return 0, 0.0
    outer, inner = (1 - 2 * float(at_most[j - 1]) for j in (k, k + 1))
    way = (outer - level) / (outer - inner)
    return k, (n - k) * way / (k + (n - 2 * k) * way)


def median_log_variance(median: Estimate, samples: int) -> tuple[float, float] | None:
    """Variance of the log of a median and its degrees of freedom, from the median's interval.

    (log(high/low)/(2·t_(n-1)))², which a few stalled samples do not affect.

    Args:
        median: An estimate made by `median_interval`.
        samples: n, its number of samples.

    Returns:
        (variance, degrees of freedom); None if it has no interval, or one that reaches 0.
    """
    if median.low is None or median.high is None or median.low <= 0 or samples < 2:
        return None
    halves = float(np.log(median.high / median.low)) / (2 * t_quantile(median.level, samples - 1))
    return halves**2, samples - 1.0


def sum_of_variances(parts: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Variance of a sum of independent errors and its degrees of freedom (Satterthwaite 1946).

    By his approximation, (Σ v_i)²/Σ (v_i²/f_i) degrees of freedom; infinite if all v_i are 0.

    Args:
        parts: (variance, degrees of freedom above 0) of each error.
    """
    total = sum(variance for variance, _ in parts)
    squares = sum(variance**2 / freedom for variance, freedom in parts)
    return total, total**2 / squares if squares > 0 else float("inf")


def non_negative(
    value: float, centre: float, half: float, level: float, unit: str, note: Note
) -> Estimate:
    """A value that is at least 0 with the interval `centre` ± `half`, its ends kept about it.

    Args:
        value: The value, at least 0.
        centre: The value without that bound.
        half: Half-width of the interval.
        level: Coverage of the interval.
        unit: Unit of the value.
        note: What the interval assumes.
    """
    low = min(max(0.0, float(centre - half)), float(value))
    high = max(float(centre + half), float(value))
    return Estimate(float(value), low, high, level, unit, note)


def relative_spread(samples: Sequence[float] | Array) -> float:
    """Interquartile range over the median, for samples above 0.

    Args:
        samples: Samples, shape (n,).

    Returns:
        The spread, dimensionless; 0 for one sample.
    """
    values = _clean(samples)
    if values[0] <= 0:
        raise ValueError("A relative spread needs samples above 0.")
    low, middle, high = np.percentile(values, [25, 50, 75])
    return float((high - low) / middle)


def residual_variance(
    lack_mean_square: float, lack_df: int, pure_mean_square: float, pure_df: int
) -> tuple[float, int]:
    """Error variance for the intervals of a fitted curve, and its degrees of freedom.

    If the curve misses the points by more than their repeats scatter (F test of lack of fit,
    Draper and Smith 1998, section 2.1), the misfit is the error, which more repeats at the same
    points do not reduce. Otherwise both are pooled.

    Args:
        lack_mean_square: Mean square of the points' means (or medians) about the curve, scaled to
            have the expectation of `pure_mean_square` if the curve is true.
        lack_df: Its degrees of freedom: points minus parameters.
        pure_mean_square: Mean square of repeats about their own point.
        pure_df: Its degrees of freedom: samples minus points.

    Returns:
        (variance, degrees of freedom).

    Raises:
        ValueError: There are no degrees of freedom.
    """
    if lack_df + pure_df < 1:
        raise ValueError("A variance needs more samples than the curve has parameters.")
    if pure_df < 1:
        return lack_mean_square, lack_df
    if lack_df < 1:
        return pure_mean_square, pure_df
    pooled = (lack_mean_square * lack_df + pure_mean_square * pure_df) / (lack_df + pure_df)
    if pooled == 0:
        return 0.0, lack_df + pure_df
    ratio = lack_mean_square / pure_mean_square if pure_mean_square > 0 else np.inf
    if float(special.fdtrc(lack_df, pure_df, ratio)) < SIGNIFICANCE:
        return lack_mean_square, lack_df
    return pooled, lack_df + pure_df
