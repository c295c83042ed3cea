"""Training runs that stopped at a limit and may go on: which, with what seed, at what cost."""

import math
from collections.abc import Sequence
from itertools import count

from rightbatch.decide.advice.arms import arrived
from rightbatch.decide.advice.evidence import Run, of_kind
from rightbatch.decide.advice.model import LearningModel
from rightbatch.records import Status, TrainingProbe, Trial

_STILL_TO_GO = 0.1
"""A run that goes on is taken to need at least this share of a whole one."""


def open_run(model: LearningModel, pair: tuple[int, float]) -> Run | None:
    """The run at a pair that stopped at a limit and may yet win; None where there is none.

    One that is under way has gone on already.
    """
    going = {probe.run for probe in model.under_way}
    most = math.inf
    if model.best is not None and arrived(model):
        winner, path = model.best
        most = path.arrival * model.cost_per_step(winner.batch_size)
    for run in model.runs:
        paused = run.probe.pause and run.outcome.status is Status.GOAL_NOT_REACHED
        same = (run.probe.batch_size, run.probe.learning_rate) == pair
        if paused and same and run.probe.run not in going and _cost(model, run) < most:
            return run
    return None


def next_seed(
    trials: Sequence[Trial], model: LearningModel, pair: tuple[int, float], first: int
) -> int:
    """That of the run that may go on, else the first that the pair was not trained with."""
    run = open_run(model, pair)
    if run is not None:
        return run.probe.seed
    return unused_seed(trials, model, pair, first)


def unused_seed(
    trials: Sequence[Trial], model: LearningModel, pair: tuple[int, float], first: int
) -> int:
    """The first seed that a pair was not trained with, and is not under way with."""
    probes = [probe for _, probe in of_kind(trials, TrainingProbe)]
    used = {
        probe.seed
        for probe in (*probes, *model.under_way)
        if (probe.optimizer, probe.batch_size, probe.learning_rate) == (model.optimizer.name, *pair)
    }
    return next(seed for seed in count(first) if seed not in used)


def cost_to_go(model: LearningModel, pair: tuple[int, float], cost: float) -> float:
    """What of a predicted cost is still to be paid, given the run that may go on."""
    run = open_run(model, pair)
    done = 0.0 if run is None else _cost(model, run)
    return max(_STILL_TO_GO * cost, cost - done)


def _cost(model: LearningModel, run: Run) -> float:
    """What a run has cost so far."""
    return run.result.points[-1].step * model.cost_per_step(run.probe.batch_size)
