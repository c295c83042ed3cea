"""Why a study ended, as numbers for a report to put into words."""

from dataclasses import dataclass
from typing import Literal

from rightbatch.records.study import Objective

EndingKind = Literal[
    "time", "late", "training_time", "worth", "arrived", "exhausted", "stages", "untimed", "stopped"
]


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
