"""Power against batch size."""

from collections.abc import Sequence

import numpy as np


def interpolate_power(
    batch_sizes: Sequence[float], watts: Sequence[float], batch_size: float
) -> float:
    """Mean power at a batch size, in watts: straight lines over log batch size.

    Below the smallest and above the largest measured size it is taken to stay as it is there: an
    idle device bounds it on one side, a busy one on the other.

    Args:
        batch_sizes: Measured sizes in examples, distinct and above 0, shape (k,), in any order.
        watts: Mean power at each, shape (k,).
        batch_size: Where to tell it, in examples, above 0.

    Raises:
        ValueError: No sizes, or not one power for each.
    """
    if not batch_sizes or len(batch_sizes) != len(watts):
        raise ValueError("Each batch size needs a power of its own.")
    known = sorted(zip(batch_sizes, watts, strict=True))
    logs = np.log([size for size, _ in known])
    return float(np.interp(np.log(batch_size), logs, [power for _, power in known]))
