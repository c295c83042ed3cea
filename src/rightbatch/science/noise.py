"""Gradient noise scale, B_simple = tr(Σ)/|G|² (McCandlish et al. 2018, equation 2.9)."""

from collections.abc import Sequence

import numpy as np

from rightbatch.records import Estimate, NoisePoint
from rightbatch.science.stats import Array, t_quantile

_Groups = Sequence[float] | Array


def unbiased_parts(
    small_sqr_norms: _Groups, large_sqr_norms: _Groups, small_batch: int, large_batch: int
) -> tuple[Array, Array]:
    """Unbiased |G|² and tr(Σ) of each group.

    |G|² ≈ (B·|G_B|² - b·|G_b|²)/(B - b) and tr(Σ) ≈ (|G_b|² - |G_B|²)/(1/b - 1/B), from
    E|G_B|² = |G|² + tr(Σ)/B (McCandlish et al. 2018, appendix A.1). Each number may be negative.

    Args:
        small_sqr_norms: |G_b|² per group (the mean over its micro-batches), shape (n,).
        large_sqr_norms: |G_B|² per group, shape (n,).
        small_batch: b, in examples.
        large_batch: B, in examples, above b.

    Returns:
        (|G|², tr(Σ)), each of shape (n,).
    """
    small = np.asarray(small_sqr_norms, dtype=float)
    large = np.asarray(large_sqr_norms, dtype=float)
    b, B = float(small_batch), float(large_batch)
    if not 0 < b < B:
        raise ValueError(f"The noise scale needs two batch sizes, 0 < b < B, not {b:g} and {B:g}.")
    if small.shape != large.shape or small.ndim != 1 or small.size == 0:
        raise ValueError("The noise scale needs as many small as large squared norms, at least 1.")
    with np.errstate(invalid="ignore"):  # norms of a run that diverged are not finite
        return (B * large - b * small) / (B - b), (small - large) / (1 / b - 1 / B)


def noise_scale(
    small_sqr_norms: _Groups,
    large_sqr_norms: _Groups,
    small_batch: int,
    large_batch: int,
    level: float = 0.95,
) -> Estimate | None:
    """Gradient noise scale with Fieller's interval; None without enough data.

    Numerator and denominator are averaged over groups separately, then divided: a mean of ratios
    would be biased. The interval contains every θ for which mean(tr(Σ) - θ·|G|²) is within t_(n-1)
    standard errors of 0 (Fieller 1954). It is bounded exactly when |G|² differs from 0 at `level`.
    Otherwise the ratio is unbounded and the result is None; nothing is clipped.

    Args:
        small_sqr_norms: |G_b|² per group, shape (n,).
        large_sqr_norms: |G_B|² of the same examples per group, shape (n,).
        small_batch: b, in examples.
        large_batch: B, in examples.
        level: Coverage of the interval.

    Returns:
        tr(Σ)/|G|² in examples; `low` is None if the interval reaches 0. None if |G|² is
        indistinguishable from 0, tr(Σ) is not above 0, a norm is not finite, or there are fewer
        than two groups.
    """
    return _ratio([unbiased_parts(small_sqr_norms, large_sqr_norms, small_batch, large_batch)],
                  level)  # fmt: skip


def pooled_noise_scale(points: Sequence[NoisePoint], level: float = 0.95) -> Estimate | None:
    """Pooled gradient noise scale of several checkpoints: Σ tr(Σ) / Σ |G|², each counted once.

    This is the average of the checkpoints' noise scales, weighted by |G|². The error is the scatter
    within checkpoints; if any has a single group, it is the (wider) scatter of all groups together.

    Args:
        points: Checkpoints, each with its squared norms; batch sizes may differ.
        level: Coverage of the interval.

    Returns:
        As `noise_scale`; None without points.
    """
    parts = [
        unbiased_parts(p.small_sqr_norms, p.large_sqr_norms, p.micro_batch_size, p.large_batch_size)
        for p in points
    ]
    if not parts:
        return None
    if any(sqr_norm.size < 2 for sqr_norm, _ in parts):
        parts = [(np.concatenate([g for g, _ in parts]), np.concatenate([s for _, s in parts]))]
    return _ratio(parts, level)


def _ratio(strata: Sequence[tuple[Array, Array]], level: float) -> Estimate | None:
    """Σ mean(tr(Σ)) / Σ mean(|G|²) over strata, with Fieller's interval."""
    df = sum(sqr_norm.size - 1 for sqr_norm, _ in strata)
    if df < 1 or not all(np.isfinite(part).all() for part in strata):
        return None
    g, s = (float(sum(part[i].mean() for part in strata)) for i in (0, 1))
    covariance = np.sum(
        [np.cov(*part) / part[0].size for part in strata if part[0].size > 1], axis=0
    )
    t2 = t_quantile(level, df) ** 2
    # (g² - t²·v_gg)·θ² - 2·(g·s - t²·v_gs)·θ + (s² - t²·v_ss) <= 0
    quadratic = g**2 - t2 * covariance[0, 0]
    if g <= 0 or quadratic <= 0 or s <= 0:
        return None
    linear = g * s - t2 * covariance[0, 1]
    constant = s**2 - t2 * covariance[1, 1]
    root = float(np.sqrt(max(linear**2 - quadratic * constant, 0.0)))
    low, high = (linear - root) / quadratic, (linear + root) / quadratic
    return Estimate(
        s / g, float(low) if low > 0 else None, float(high), level, "examples", "fieller"
    )
