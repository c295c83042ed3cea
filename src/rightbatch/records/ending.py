"""Why a study ended, as numbers that a report can put into words."""

from dataclasses import dataclass
from typing import Literal

from rightbatch.records.study import Objective

EndingKind = Literal[
    "time", "late", "training_time", "worth", "arrived", "exhausted", "stages", "untimed", "stopped"
]


@dataclass(frozen=True, slots=True)
class Ending:
    """Why nothing more was measured.

    "time": all of it was used, or no trial fits in what was left. "late": what was worth making
    would not have arrived in the time left. "training_time": the user's limit on training was met.
    "worth": nothing was expected to be worth its time. "arrived": one model was wanted, and is
    there. "exhausted": no candidate is left. "stages": only stages before learning were asked for.
    "untimed": nothing tells what a step takes. "stopped": it has not run to its end.

    Attributes:
        kind: Which of these.
        worth: By what share a search as long as the fastest run had to be expected to lower what is
            minimised; None where that was no matter.
        run_seconds: Training time of the fastest run to the goal; None where none arrived.
        overhead_seconds: Wall-clock time of a run beyond its training; None where nothing trained.
        spent_seconds: Wall-clock time of all trials.
        trained_seconds: Time in training steps.
        budget_seconds: Wall-clock time that was allowed.
        training_budget_seconds: Time in training steps that was allowed; None for no limit.
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
