"""Mean power of a device over training steps, from its energy counter."""

import time
from collections.abc import Callable

from rightbatch.measure.ports import Device

WINDOW_SECONDS = 0.5
"""Shortest window: some counters are updated only ten times a second."""


def mean_power(
    device: Device, step: Callable[[], object], seconds: float = WINDOW_SECONDS
) -> float | None:
    """Mean power during steps, in watts; None without a usable counter.

    Measured between two updates of the counter, so that rare updates cause no error. A counter that
    stands still for half a second longer, or is reset meanwhile, is not usable.

    Args:
        device: The device whose energy is counted.
        step: Runs some steps and waits for them.
        seconds: Shortest duration.
    """
    before = device.energy_joules()
    if before is None:
        return None
    began: tuple[float, float] | None = None
    moved = time.perf_counter()
    until = moved + seconds
    while True:
        step()
        moment, joules = time.perf_counter(), device.energy_joules()
        if joules is None:
            return None
        if joules == before:
            if moment > max(until, moved) + WINDOW_SECONDS:
                return None
            continue
        if began is None:
            began = moment, joules
        elif moment >= until:
            watts = (joules - began[1]) / (moment - began[0])
            return watts if watts > 0 else None
        before, moved = joules, moment
