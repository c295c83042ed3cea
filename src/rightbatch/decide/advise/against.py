"""The recommended settings against the user's present ones."""

import math

from rightbatch.decide.learning.arms import Arm
from rightbatch.decide.learning.fit import half_width
from rightbatch.records import BatchPrediction, Estimate

Predicted = tuple[Arm, BatchPrediction]
"""An optimizer's arm and one of its predictions."""


def times_as_fast(best: Predicted, present: Predicted) -> Estimate | None:
    """How many times as fast the best reaches the goal as the present settings do.

    The delta method on logs: variances add, less what both have in common, which is the level of
    the response surface and the line through the step times of one optimizer.

    Returns:
        The ratio of their seconds to the goal; None where both are the same settings.
    """
    arm, row = best
    own_arm, reference = present
    same_arm = arm.optimizer.name == own_arm.optimizer.name
    rates = row.learning_rate, reference.learning_rate  # the same as they are shown, or unknown
    alike = all(map(math.isnan, rates)) or math.isclose(*rates, rel_tol=1e-3)
    if same_arm and row.batch_size == reference.batch_size and alike:
        return None
    pairs = [(row.batch_size, row.learning_rate), (reference.batch_size, reference.learning_rate)]
    if same_arm:
        surface = (arm.model.difference_sd(*pairs) ** 2, arm.model.surface.freedom)
        errors = [surface, arm.seconds.log_error(row.batch_size, reference.batch_size)]
    else:
        errors = []
        for one, pair in zip((arm, own_arm), pairs, strict=True):
            ((_, sd),) = one.model.predict([pair])
            errors += [(sd**2, one.model.surface.freedom), one.seconds.log_error(pair[0])]
    ratio, half = reference.seconds.value / row.seconds.value, half_width(errors)
    low, high = ratio * math.exp(-half), ratio * math.exp(half)
    return Estimate(ratio, low, high, 0.95, "times as fast", "surface_without_what_is_shared")
