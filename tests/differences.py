"""Compares what was advised twice."""

import math


def differences(before, now, where="", within=1e-9):
    """Where something that was known before is another now; what was added is no difference.

    Numbers agree to a share `within`: the last digits of a fit depend on the process.
    """
    if isinstance(before, dict) and isinstance(now, dict):
        return [
            d for k, v in before.items() for d in differences(v, now.get(k), f"{where}.{k}", within)
        ]
    if isinstance(before, list) and isinstance(now, list | tuple) and len(before) == len(now):
        pairs = enumerate(zip(before, now, strict=True))
        return [d for i, (b, n) in pairs for d in differences(b, n, f"{where}[{i}]", within)]
    both = isinstance(before, int | float) and isinstance(now, int | float)
    if both and math.isclose(before, now, rel_tol=within, abs_tol=1e-300):
        return []
    return [] if before == now else [f"{where}: {before} -> {now}"]
