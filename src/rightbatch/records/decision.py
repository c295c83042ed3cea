"""The planner's decisions, as numbers for a report to put into words."""

from dataclasses import dataclass
from typing import Literal

DecisionKind = Literal[
    "time",
    "begin",
    "look",
    "settle",
    "carry_on",
    "challenge",
    "return",
    "try",
    "race",
    "repeat",
    "asked",
    "compare",
    "slower",
    "behind",
    "ahead",
    "overdue",
    "silent",
    "best",
    "diverged",
    "unrivalled",
    "choose",
    "choose_first",
    "choose_untrained",
]


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision of a race between batch sizes, or how a run compared.

    Why a run was requested: "time" a step; "begin" with the size that looks cheapest; "look"
    briefly at another learning rate; "settle" on one of those; "carry_on" with a run; "challenge" a
    stalled run with a smaller size; "return" to a run once all have stalled; "try" another size
    after a run ended short of the target; "race" a size or learning rate against the best; "repeat"
    a size with another seed; "asked": a size that the user named; "compare": the user's present
    settings.

    How a run compared with the fastest one at the target: "slower" to the target; "behind" or
    "ahead" at the deepest level that both reached, and stopped; "overdue": ahead there, but too
    long without improvement; "silent": no level in common; "best": the run that others are compared
    with; "diverged"; "unrivalled": no run reached the target to compare with.

    What was chosen: "choose": the best of the race; "choose_first": a single model was requested
    and this size reached the target first; "choose_untrained": no run reached the target.

    Attributes:
        kind: One of these.
        batch_size: The batch size it is about.
        against: The batch size it is compared with, possibly the same one with another seed; None
            without a comparison.
        difference: Time to the level relative to the other run's, minus 1; None if unknown.
        level: Metric level at which they were compared; None for the target.
        learning_rate: The learning rate it is about; None if it follows from the batch size.
        against_rate: Learning rate of the run it is compared with.
    """

    kind: DecisionKind
    batch_size: int
    against: int | None = None
    difference: float | None = None
    level: float | None = None
    learning_rate: float | None = None
    against_rate: float | None = None
