"""A number with its interval."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with the interval that covers the truth with probability `level`.

    Attributes:
        value: Best guess, in `unit`.
        low: Lower end of the interval; None where nothing bounds it from below.
        high: Upper end of the interval; None where nothing bounds it from above.
        level: Coverage the interval aims at, 0 < level < 1.
        unit: Unit of all three, such as "s", "bytes", "examples" or "examples/s".
        note: What the interval assumed, in a few words.
    """

    value: float
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    unit: str = ""
    note: str = ""
