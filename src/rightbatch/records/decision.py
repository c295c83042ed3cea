"""The planner's decisions and why a study ended, as numbers for a report to put into words."""

from dataclasses import dataclass
from typing import Literal

from rightbatch.records.goal import Objective

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
EndingKind = Literal[
    "time", "late", "training_time", "worth", "arrived", "exhausted", "stages", "untimed", "stopped"
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


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a study ended.

    "time": the budget was used up, or too little was left for another trial. "late": no run worth
    making would have reached the goal in the time left. "training_time": the training budget was
    used up. "worth": no further run was expected to be worth its time. "arrived": a single model
    was requested, and a run reached the goal. "exhausted": no candidate was left. "stages": only
    stages before learning were selected. "untimed": step times (or power) are unknown. "stopped":
    the study was interrupted.

    Attributes:
        kind: One of these.
        worth: Share by which a search as long as the fastest run would have had to be expected to
            lower the objective; None if irrelevant.
        run_seconds: Training time of the fastest run to the goal; None if none reached it.
        overhead_seconds: Wall-clock time of a run beyond its training; None if nothing trained.
        spent_seconds: Wall-clock time of all trials.
        trained_seconds: Time in training steps.
        budget_seconds: The wall-clock budget.
        training_budget_seconds: The budget for training steps; None for no limit.
        objective: What was minimised.
    """

    kind: EndingKind
    worth: float | None = None
    run_seconds: float | None = None
    overhead_seconds: float | None = None
    spent_seconds: float = 0.0
    trained_seconds: float = 0.0
    budget_seconds: float = 0.0
    training_budget_seconds: float | None = None
    objective: Objective = "time"
