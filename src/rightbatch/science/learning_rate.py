"""First guesses of how the learning rate scales with the batch size."""

from math import sqrt

from rightbatch.records import ScalingRule


def scale(learning_rate: float, from_batch: float, to_batch: float, rule: ScalingRule) -> float:
    """Learning rate for another batch size, with κ = to_batch/from_batch.

    "linear": κ·η, for SGD (Goyal et al. 2017, section 2.1). "square_root": √κ·η, for Adam and
    RMSprop (Malladi et al. 2022, section 5). Both are first guesses: they overshoot beyond the
    critical batch size.

    Args:
        learning_rate: η at `from_batch`.
        from_batch: Batch size η belongs to, in examples, above 0.
        to_batch: Target batch size, in examples, above 0.
        rule: The rule to apply.

    Raises:
        ValueError: A batch size is not above 0, or the rule is unknown.
    """
    _check(from_batch, to_batch)
    ratio = to_batch / from_batch
    factors = {"linear": ratio, "square_root": sqrt(ratio)}
    if rule not in factors:
        raise ValueError(f"There is no learning-rate rule {rule!r}; use linear or square_root.")
    return learning_rate * factors[rule]


def scale_saturating(
    learning_rate: float, from_batch: float, to_batch: float, noise_scale: float
) -> float:
    """Learning rate for another batch size under ε(B) = ε_max/(1 + B_noise/B).

    The form is equation 2.6 of McCandlish et al. (2018): linear while both sizes are far below
    `noise_scale`, constant far above it.

    Args:
        learning_rate: ε at `from_batch`.
        from_batch: Batch size ε belongs to, in examples, above 0.
        to_batch: Target batch size, in examples, above 0.
        noise_scale: B_noise, in examples.
    """
    _check(from_batch, to_batch)
    return learning_rate * (1 + noise_scale / from_batch) / (1 + noise_scale / to_batch)


def _check(from_batch: float, to_batch: float) -> None:
    if from_batch <= 0 or to_batch <= 0:
        raise ValueError(f"Batch sizes are above 0, not {from_batch} and {to_batch}.")
