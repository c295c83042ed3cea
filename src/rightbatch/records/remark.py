"""What is found: numbers with their intervals, and remarks, which `report.sentences` words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

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


@dataclass(frozen=True, slots=True)
class Remark:
    """A reason, a warning or a recommendation, not yet put into words.

    Attributes:
        code: What it says, such as "micro_batch_too_large"; stable once released.
        values: (name, value) pairs that its sentence needs.
    """

    code: str
    values: tuple[tuple[str, Value], ...] = ()

    @classmethod
    def of(cls, code: str, **values: Value) -> Self:
        """A remark with values given as keyword arguments."""
        return cls(code, tuple(values.items()))

    def __getitem__(self, name: str) -> Value:
        """The value with this name.

        Raises:
            KeyError: There is no such value.
        """
        return dict(self.values)[name]


Value = int | float | str | bool | None | tuple[int | str, ...] | Remark
"""A value of a remark; a nested remark is inserted as a sentence."""
