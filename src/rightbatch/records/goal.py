"""The goal of a study: a metric to reach, or the best metric within a limit."""

import math
import re
from dataclasses import dataclass
from typing import Literal

from rightbatch.errors import GoalError
from rightbatch.records.quantities import parse_duration

Direction = Literal["max", "min"]
Objective = Literal["time", "examples", "steps", "energy", "cost"]
"""What is minimised on the way to the goal."""

EXAMPLES = (
    '"accuracy >= 0.96", "loss <= 0.4", "best accuracy within 60s", "lowest loss within 10 epochs"'
)
_REACH = re.compile(r"^\s*(?P<metric>.+?)\s*(?P<sign>>=|<=|≥|≤)\s*(?P<target>\S+)\s*$")
_BEST = re.compile(
    r"^\s*(?P<word>best|highest|lowest)\s+(?P<metric>.+?)\s+within\s+(?P<limit>.+?)\s*$", re.I
)
_EPOCHS = re.compile(r"^(?P<count>[0-9]*\.?[0-9]+)\s*epochs?$", re.I)


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal: reach `target`, or the best metric within a limit.

    Attributes:
        metric: Name of the validation metric, as the user wrote it.
        direction: "max" if larger is better, "min" if smaller is.
        target: Level to reach; None for a "best within" goal.
        within_seconds: Training time limit of a "best within" goal, in seconds.
        within_epochs: Epoch limit of a "best within" goal.
    """

    metric: str
    direction: Direction
    target: float | None = None
    within_seconds: float | None = None
    within_epochs: float | None = None

    def reached_by(self, value: float) -> bool:
        """Whether a metric value meets the target; always False for a "best within" goal."""
        return self.target is not None and (value == self.target or self.better(value, self.target))

    def better(self, value: float, other: float) -> bool:
        """Whether `value` is strictly better than `other`."""
        return value > other if self.direction == "max" else value < other

    def __str__(self) -> str:
        if self.target is not None:
            return f"{self.metric} {'>=' if self.direction == 'max' else '<='} {self.target:g}"
        word = "best" if self.direction == "max" else "lowest"
        if self.within_epochs is not None:
            return f"{word} {self.metric} within {self.within_epochs:g} epochs"
        return f"{word} {self.metric} within {self.within_seconds:g}s"


def parse_goal(text: str) -> Goal:
    """Parse a goal such as "accuracy >= 0.96" or "best accuracy within 60s".

    Args:
        text: The goal in words. "best" and "highest" mean larger is better, "lowest" smaller.

    Returns:
        The goal.

    Raises:
        GoalError: The text is not a goal; the message gives examples.
    """
    if match := _REACH.match(text):
        try:
            target = float(match["target"])
        except ValueError:
            target = math.nan
        if not math.isfinite(target):
            raise GoalError(
                f"The goal {text!r} has no number after {match['sign']}. Write one like {EXAMPLES}."
            )
        direction: Direction = "max" if match["sign"] in (">=", "≥") else "min"
        return Goal(match["metric"], direction, target=target)
    if match := _BEST.match(text):
        direction = "min" if match["word"].lower() == "lowest" else "max"
        if epochs := _EPOCHS.match(match["limit"]):
            count = float(epochs["count"])
            if count <= 0:
                raise GoalError(f"The goal {text!r} allows no epochs. Write one like {EXAMPLES}.")
            return Goal(match["metric"], direction, within_epochs=count)
        try:
            seconds = parse_duration(match["limit"])
        except ValueError as error:
            raise GoalError(f"The goal {text!r} has no usable limit: {error}") from None
        return Goal(match["metric"], direction, within_seconds=seconds)
    raise GoalError(f"The goal {text!r} cannot be read. Write one like {EXAMPLES}.")
