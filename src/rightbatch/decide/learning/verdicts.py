"""What became of every training run, next to the best one."""

import math
from dataclasses import replace

from rightbatch.decide.learning.model import LearningModel
from rightbatch.decide.learning.progress import Curve, curve
from rightbatch.decide.study.evidence import Run
from rightbatch.records import Decision, Goal, RunSummary, Status


def with_verdicts(model: LearningModel) -> tuple[RunSummary, ...]:
    """The runs of a model, each with a verdict."""
    return tuple(
        replace(summary, verdict=_verdict(model, summary, run))
        for summary, run in zip(model.summaries, model.runs, strict=True)
    )


def _verdict(model: LearningModel, summary: RunSummary, run: Run) -> Decision:
    told = Decision("unrivalled", summary.batch_size, learning_rate=_known(summary.learning_rate))
    if summary.status == Status.DIVERGED.value:
        return replace(told, kind="diverged")
    if model.best is None or (summary.steps is not None and not model.arrived):
        return told
    winner, path = model.best
    if summary.trial == winner.trial:
        return replace(told, kind="best")
    told = replace(told, against=winner.batch_size, against_rate=_known(winner.learning_rate))
    price = model.cost_per_step(summary.batch_size) / model.cost_per_step(winner.batch_size)
    if summary.steps is not None:
        return replace(told, kind="slower", difference=price * summary.steps / path.arrival - 1)
    return _behind(told, curve(run, math.nan, model.goal), path, price, model.goal)


def _behind(told: Decision, own: Curve, best: Curve, price: float, goal: Goal) -> Decision:
    """A run that did not arrive, at the deepest level that both reached.

    Args:
        told: Which two are compared.
        own: The run's curve.
        best: The best run's curve.
        price: Cost of one of its steps over that of one of the best's.
        goal: The goal.
    """
    level = own.levels[-1] if own.levels else math.nan
    met, own_met = best.steps_to(level, goal), own.steps_to(level, goal)
    if not met or not own_met:
        return replace(told, kind="silent")
    told = replace(told, kind="behind", difference=price * own_met / met - 1, level=level)
    if own_met * price < met:
        return replace(told, kind="ahead")
    return told


def _known(rate: float) -> float | None:
    return None if math.isnan(rate) else rate
