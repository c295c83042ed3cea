"""Formulas from the literature that tests reproduce, and that the package itself does not use."""

from collections.abc import Sequence
from math import exp, log, sqrt
from statistics import fmean, stdev

from rightbatch.records import Estimate
from rightbatch.science.stats import t_quantile


def zhang_critical_batch_size(a: float, b: float) -> float:
    """Batch size with 20% more steps than perfect scaling from B = 256 (Zhang et al. 2024).

    With S = a + b/B: S(B) = 1.2·S(256)·256/B gives B = 1.2·256 + 0.2·b/a.

    Args:
        a: S_min, in steps, above 0.
        b: E_min = S_min·B_crit, in examples.
    """
    if a <= 0:
        raise ValueError("The critical batch size is unbounded unless S_min is above 0.")
    return 1.2 * 256 + 0.2 * b / a


def saturating(max_learning_rate: float, batch_size: float, noise_scale: float) -> float:
    """ε(B) = ε_max/(1 + B_noise/B) (McCandlish et al. 2018, equation 2.6).

    Args:
        max_learning_rate: ε_max, the best learning rate for the exact gradient.
        batch_size: B, in examples.
        noise_scale: B_noise, in examples.
    """
    return max_learning_rate / (1 + noise_scale / batch_size)


def adascale_gain(
    variance: float, sqr_norm: float, replication: float, *, adam: bool = False
) -> float:
    """AdaScale's gain r = (σ² + μ²)/(σ²/S + μ²), 1 <= r <= S (Johnson et al. 2020).

    Both the learning rate and the number of steps completed are multiplied by r; for Adam, the
    learning rate by √r (as in Pollux; Qiao et al. 2021).

    Args:
        variance: σ², trace of the gradient's covariance at the small batch.
        sqr_norm: μ², squared norm of the expected gradient.
        replication: S, how many times larger the batch is.
        adam: Whether to return √r, for Adam and its relatives.
    """
    if variance < 0 or sqr_norm < 0 or variance + sqr_norm == 0 or replication < 1:
        raise ValueError("AdaScale needs σ² and μ² >= 0, not both 0, and a replication >= 1.")
    gain = (variance + sqr_norm) / (variance / replication + sqr_norm)
    return sqrt(gain) if adam else gain


def scale_adam(
    betas: tuple[float, float], epsilon: float, from_batch: float, to_batch: float
) -> tuple[tuple[float, float], float]:
    """Adam's betas and epsilon under the square-root rule, with κ = to_batch/from_batch.

    1 - β → κ·(1 - β) and ε → ε/√κ, alongside η → √κ·η (Malladi et al. 2022, section 5).

    Args:
        betas: (β₁, β₂) at `from_batch`.
        epsilon: ε at `from_batch`.
        from_batch: Batch size they belong to, in examples.
        to_batch: Target batch size, in examples.

    Returns:
        ((β₁, β₂), ε) at `to_batch`.

    Raises:
        ValueError: κ·(1 - β) reaches 1, beyond which the rule does not apply.
    """
    ratio = to_batch / from_batch
    first, second = (1 - ratio * (1 - beta) for beta in betas)
    if min(first, second) < 1e-9:  # 0 up to rounding
        raise ValueError(
            f"The square-root rule does not reach a batch {ratio:g} times as large with betas "
            f"{betas}; keep the betas or choose a smaller batch."
        )
    return (first, second), epsilon / sqrt(ratio)


def hold_half_life(beta: float, from_batch: float, to_batch: float) -> float:
    """β with the same half-life in examples at another batch size: β^(to_batch/from_batch).

    For Adam's β₂ (Marek et al. 2025).

    Args:
        beta: β at `from_batch`, 0 < β < 1.
        from_batch: Batch size β belongs to, in examples.
        to_batch: Target batch size, in examples.
    """
    if not 0 < beta < 1:
        raise ValueError(f"A decay rate lies between 0 and 1, not at {beta}.")
    return float(beta ** (to_batch / from_batch))


def mean_interval(samples: Sequence[float], level: float = 0.95, unit: str = "") -> Estimate:
    """Mean with Student's interval, mean ± t_(n-1)·s/√n; no interval from one sample.

    Args:
        samples: Independent, roughly normal samples, shape (n,).
        level: Target coverage.
        unit: Unit of the samples.
    """
    value, n = fmean(samples), len(samples)
    if n < 2:
        return Estimate(value, level=level, unit=unit, note="too_few_samples")
    half = t_quantile(level, n - 1) * stdev(samples) / sqrt(n)
    return Estimate(value, value - half, value + half, level, unit, "normal_samples")


def geometric_mean_interval(
    samples: Sequence[float], level: float = 0.95, unit: str = ""
) -> Estimate:
    """Geometric mean with Student's interval on the logarithms: the median of lognormal samples.

    Args:
        samples: Independent, roughly lognormal samples above 0, shape (n,).
        level: Target coverage.
        unit: Unit of the samples.
    """
    if min(samples) <= 0:
        raise ValueError("A geometric mean needs samples above 0.")
    logs = mean_interval([log(sample) for sample in samples], level)
    low, high = (None if end is None else exp(end) for end in (logs.low, logs.high))
    return Estimate(exp(logs.value), low, high, level, unit, "lognormal_samples")
