"""Every training run compared with the best one."""

import math
from dataclasses import replace

from rightbatch.decide.learning.model import LearningModel
from rightbatch.decide.learning.progress import deepest
from rightbatch.records import Decision, DecisionKind, Run


def compared(model: LearningModel) -> tuple[Run, ...]:
    """The runs of a model, each compared with the best one."""
    return tuple(replace(run, compared=_compared(model, run)) for run in model.runs)


def _compared(model: LearningModel, run: Run) -> Decision:
    decision, best = Decision("unrivalled", run.batch_size, learning_rate=_rate(run)), model.best
    if run.diverged:
        return replace(decision, kind="diverged")
    if best is None or best.steps is None or (run.steps is not None and not model.arrived):
        return decision
    if run.trial == best.trial:
        return replace(decision, kind="best")
    decision = replace(decision, against=best.batch_size, against_rate=_rate(best))
    price = model.cost_per_step(run.batch_size) / model.cost_per_step(best.batch_size)
    if run.steps is not None:
        return replace(decision, kind="slower", difference=price * run.steps / best.steps - 1)
    both = deepest(run, best, model.goal)
    if both is None:
        return replace(decision, kind="silent")
    level, own_met, met = both
    kind: DecisionKind = "ahead" if own_met * price < met else "behind"
    return replace(decision, kind=kind, difference=price * own_met / met - 1, level=level)


def _rate(run: Run) -> float | None:
    return None if math.isnan(run.learning_rate) else run.learning_rate
