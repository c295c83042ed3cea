"""How the learning rate is proposed to change with the batch size."""

from math import sqrt

from rightbatch.records import ScalingRule


def _ratio(from_batch: float, to_batch: float) -> float:
    if from_batch <= 0 or to_batch <= 0:
        raise ValueError(f"Batch sizes are above 0, not {from_batch} and {to_batch}.")
    return to_batch / from_batch


def scale(learning_rate: float, from_batch: float, to_batch: float, rule: ScalingRule) -> float:
    """Learning rate for another batch size, with κ = to_batch/from_batch.

    "linear": κ·η, for SGD (Goyal et al. 2017, section 2.1). "square_root": √κ·η, for Adam and
    RMSprop (Malladi et al. 2022, section 5). Either is a first guess: it overshoots
    beyond the critical batch size.

    Args:
        learning_rate: η at `from_batch`.
        from_batch: Batch size that η belongs to, in examples.
        to_batch: Batch size wanted, in examples.
        rule: Which rule.
    """
    ratio = _ratio(from_batch, to_batch)
    if rule == "linear":
        return learning_rate * ratio
    if rule == "square_root":
        return learning_rate * sqrt(ratio)
    raise ValueError(f"There is no learning-rate rule {rule!r}; use linear or square_root.")


def saturating(max_learning_rate: float, batch_size: float, noise_scale: float) -> float:
    """ε(B) = ε_max/(1 + B_noise/B) (McCandlish et al. 2018, equation 2.6).

    Args:
        max_learning_rate: ε_max, the best learning rate of the exact gradient.
        batch_size: B, in examples.
        noise_scale: B_noise, in examples.
    """
    return max_learning_rate / (1 + noise_scale * _ratio(batch_size, 1.0))


def scale_saturating(
    learning_rate: float, from_batch: float, to_batch: float, noise_scale: float
) -> float:
    """Learning rate for another batch size under ε(B) = ε_max/(1 + B_noise/B).

    Linear while both sizes are far below `noise_scale`, constant far above it.

    Args:
        learning_rate: ε at `from_batch`.
        from_batch: Batch size that ε belongs to, in examples.
        to_batch: Batch size wanted, in examples.
        noise_scale: B_noise, in examples.
    """
    _ratio(from_batch, to_batch)
    return learning_rate * (1 + noise_scale / from_batch) / (1 + noise_scale / to_batch)


def adascale_gain(
    variance: float, sqr_norm: float, replication: float, *, adam: bool = False
) -> float:
    """AdaScale's gain r = (σ² + μ²)/(σ²/S + μ²), 1 <= r <= S (Johnson et al. 2020).

    The learning rate and the count of steps done are both multiplied by r; Adam's by √r (the form
    that Pollux uses; Qiao et al. 2021).

    Args:
        variance: σ², trace of the gradient's covariance at the small batch.
        sqr_norm: μ², squared norm of the expected gradient.
        replication: S, how many times larger the batch is.
        adam: Whether to give √r, for Adam and its kin.
    """
    if variance < 0 or sqr_norm < 0 or variance + sqr_norm == 0 or replication < 1:
        raise ValueError("AdaScale needs σ² and μ² >= 0, not both 0, and a replication >= 1.")
    gain = (variance + sqr_norm) / (variance / replication + sqr_norm)
    return sqrt(gain) if adam else gain


def scale_adam(
    betas: tuple[float, float], epsilon: float, from_batch: float, to_batch: float
) -> tuple[tuple[float, float], float]:
    """Adam's betas and epsilon under the square-root rule, with κ = to_batch/from_batch.

    1 - β → κ·(1 - β) and ε → ε/√κ, beside η → √κ·η (Malladi et al. 2022, section 5).

    Args:
        betas: (β₁, β₂) at `from_batch`.
        epsilon: ε at `from_batch`.
        from_batch: Batch size that they belong to, in examples.
        to_batch: Batch size wanted, in examples.

    Returns:
        ((β₁, β₂), ε) at `to_batch`.

    Raises:
        ValueError: κ·(1 - β) reaches 1, so that the rule does not hold this far.
    """
    ratio = _ratio(from_batch, to_batch)
    first, second = (1 - ratio * (1 - beta) for beta in betas)
    if min(first, second) < 1e-9:  # 0 but for rounding
        raise ValueError(
            f"The square-root rule cannot carry betas {betas} over a batch {ratio:g} times as "
            "large; keep the betas as they are or choose a smaller batch."
        )
    return (first, second), epsilon / sqrt(ratio)


def hold_half_life(beta: float, from_batch: float, to_batch: float) -> float:
    """β for another batch size that keeps its half-life in examples: β^(to_batch/from_batch).

    For Adam's β₂ (Marek et al. 2025).

    Args:
        beta: β at `from_batch`, 0 < β < 1.
        from_batch: Batch size that β belongs to, in examples.
        to_batch: Batch size wanted, in examples.
    """
    if not 0 < beta < 1:
        raise ValueError(f"A decay rate lies between 0 and 1, not at {beta}.")
    return float(beta ** _ratio(from_batch, to_batch))
