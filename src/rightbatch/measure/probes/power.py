"""Mean power of a device over training steps, from a counter of its energy."""

import time
from collections.abc import Callable

from rightbatch.measure.ports import Device

WINDOW_SECONDS = 0.5
"""Steps go on so long at least: some counters move ten times a second."""


def mean_power(
    device: Device, step: Callable[[], object], seconds: float = WINDOW_SECONDS
) -> float | None:
    """Mean power while steps are taken, in watts; None where no counter tells.

    It is taken from one movement of the counter to another, so that how seldom it moves is no
    matter. A counter that stands still for half a second more, or starts anew meanwhile, tells
    nothing.

    Args:
        device: The device whose energy is counted.
        step: Takes some steps and waits for them.
        seconds: For how long at least.
    """
    before = device.energy_joules()
    if before is None:
        return None
    began: tuple[float, float] | None = None
    moved = time.perf_counter()
    until = moved + seconds
    while True:
        step()
        now, joules = time.perf_counter(), device.energy_joules()
        if joules is None:
            return None
        if joules == before:
            if now > max(until, moved) + WINDOW_SECONDS:
                return None
            continue
        if began is None:
            began = now, joules
        elif now >= until:
            watts = (joules - began[1]) / (now - began[0])
            return watts if watts > 0 else None
        before, moved = joules, now
