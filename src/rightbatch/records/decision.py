"""What the planner decided, as numbers that a report can put into words."""

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
    """One decision of a race of batch sizes, or what became of a run.

    What is asked for: "time" a step; "begin" with the size that looks cheapest; "look" for a short
    time at another learning rate; "settle" on one of them; "carry_on" with a run on its way;
    "challenge" a run that stalled with a smaller size; "return" to a run once all have stalled;
    "try" another size after a run ended without the target; "race" a size or learning rate against
    the best; "repeat" a size with another seed; a size that the user "asked" for; the user's
    present settings, to "compare".

    What became of a run, next to the fastest that arrived: "slower" to the target; "behind" or
    "ahead" at the deepest level both reached, and given up; "overdue": ahead there, and too long
    without a better one; "silent": no level to compare.
    "best": it is the run that the others are compared with; "diverged"; "unrivalled": no run
    arrived that it could be compared with.

    How it ended: "choose" the best of those raced; "choose_first": one model was wanted and this
    size arrived first; "choose_untrained": no run arrived.

    Attributes:
        kind: Which of these.
        batch_size: The size it is about.
        against: The size it is compared with; None where there is none. It may be the same size,
            with another seed.
        difference: Time to the level, over the other's, less 1; None where it is not known.
        level: Level of the metric at which they were compared; None where it is the target.
        learning_rate: The learning rate it is about; None where that goes with the batch size.
        against_rate: That of the run it is compared with.
    """

    kind: DecisionKind
    batch_size: int
    against: int | None = None
    difference: float | None = None
    level: float | None = None
    learning_rate: float | None = None
    against_rate: float | None = None
