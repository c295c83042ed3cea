"""A number with its interval."""

from dataclasses import dataclass
from typing import Literal

Note = Literal[
    "",
    "bootstrap_of_medians",
    "fieller",
    "line_through_allocator_steps",
    "line_through_medians",
    "lognormal_samples",
    "normal_samples",
    "order_statistics",
    "predicted_without_device",
    "profile_likelihood",
    "response_surface",
    "surface_and_step_time",
    "surface_step_time_and_power",
    "surface_without_what_is_shared",
    "too_few_samples",
    "two_points",
]
"""What an interval assumes, or why there is none."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with an interval that covers the truth with probability `level`.

    Attributes:
        value: Point estimate, in `unit`.
        low: Lower end of the interval; None if unbounded below.
        high: Upper end of the interval; None if unbounded above.
        level: Target coverage of the interval, 0 < level < 1.
        unit: Unit of all three, such as "s", "bytes", "examples" or "examples/s".
        note: What the interval assumes.
    """

    value: float
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    unit: str = ""
    note: Note = ""
