"""Power against batch size."""

from collections.abc import Sequence

import numpy as np


def interpolate_power(
    batch_sizes: Sequence[float], watts: Sequence[float], batch_size: float
) -> float:
    """Mean power at a batch size, in watts, interpolated linearly in log batch size.

    Power is constant below the smallest and above the largest measured size: an idle device bounds
    it on one side, a busy one on the other.

    Args:
        batch_sizes: Measured sizes in examples, distinct and above 0, shape (k,), in any order.
        watts: Mean power at each, shape (k,).
        batch_size: Batch size to interpolate at, in examples, above 0.

    Raises:
        ValueError: No sizes, or not exactly one power per size.
    """
    if not batch_sizes or len(batch_sizes) != len(watts):
        raise ValueError("Each batch size needs exactly one power.")
    known = sorted(zip(batch_sizes, watts, strict=True))
    logs = np.log([size for size, _ in known])
    return float(np.interp(np.log(batch_size), logs, [power for _, power in known]))
