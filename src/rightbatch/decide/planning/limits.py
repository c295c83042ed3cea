"""How long a run that is worth making may go on, and the milestones it must meet."""

import math
from dataclasses import dataclass

from rightbatch.decide.advice.arms import Arm, arrived
from rightbatch.decide.advice.model import LearningModel
from rightbatch.decide.planning.going_on import open_run

PATIENCE = 1.2
"""A run may cost this many times the best one, and twice its seed noise, before it is given up."""
_PATIENCE_BEFORE_ARRIVAL = 1.5
"""Before any run has reached the goal, milestones are so many times as lenient."""
_MILESTONES = ((0.35, 1.6), (0.5, 1.4), (0.7, 1.25), (0.85, 1.15))
"""(way, slack): the level the best run had after `way` of its cost must be met by slack·way."""
FIRST_SHARE = 0.6
"""Share of the time left that a run may take before any has reached the goal."""

Pair = tuple[int, float]


@dataclass(frozen=True, slots=True)
class Idea:
    """A run worth making.

    Attributes:
        pair: Its batch size and learning rate.
        reason: Why, in a few words.
        patience: Times the best run's cost after which it is given up.
        raced: Whether it is given up as soon as it is clearly behind.
        first_share: Share of the time left it may take before any run has reached the goal.
    """

    pair: Pair
    reason: str
    patience: float = PATIENCE
    raced: bool = True
    first_share: float = FIRST_SHARE


@dataclass(frozen=True, slots=True)
class TimeLeft:
    """What the learning stage may still spend, in seconds.

    Attributes:
        wall: Wall-clock time.
        training: Time in training steps.
        overhead: Wall-clock time of a trial beyond its training steps, as seen so far.
    """

    wall: float
    training: float
    overhead: float

    @property
    def for_one_run(self) -> float:
        """Training seconds that fit."""
        return min(self.training, self.wall - self.overhead)


class Limits:
    """How long a run may go on, and the milestones it must meet."""

    def __init__(self, arm: Arm, idea: Idea, left: TimeLeft, train_examples: int) -> None:
        model, goal, size = arm.model, arm.model.goal, idea.pair[0]
        step_seconds = arm.seconds(size)
        run = open_run(model, idea.pair)
        done = 0 if run is None else run.result.points[-1].step
        done_seconds = 0.0 if run is None else run.result.train_seconds
        self.max_seconds = left.for_one_run
        self.milestones: tuple[tuple[int, float], ...] = ()
        steps = done + self.max_seconds / step_seconds
        if goal.within_epochs is not None:
            steps = min(steps, goal.within_epochs * train_examples / size)
        if goal.within_seconds is not None:
            steps = min(steps, goal.within_seconds / step_seconds)
        self.hopeless = steps < done + 1
        allowed = math.exp(2 * model.surface.noise_sd)
        per_step = model.cost_per_step(size)
        if arm.chosen is not None and model.best is not None and arrived(model):
            cost = arm.chosen.steps.value * model.cost_per_step(arm.chosen.batch_size)
            self.hopeless |= steps < 0.5 * cost / per_step
            steps = max(done + 1, min(steps, idea.patience * allowed * cost / per_step))
        else:
            self.max_seconds *= idea.first_share
            shortest = min((run.train_seconds for run in model.alive), default=0.0)
            self.hopeless |= done_seconds + self.max_seconds < 0.5 * shortest
            allowed *= _PATIENCE_BEFORE_ARRIVAL
        if idea.raced:
            milestones = _milestones(model, allowed, per_step)
            self.milestones = tuple((step, level) for step, level in milestones if step > done)
        self.max_steps = max(1, math.ceil(steps))


def _milestones(
    model: LearningModel, allowed: float, per_step: float
) -> tuple[tuple[int, float], ...]:
    """(step, level) pairs from the best run's curve."""
    if model.best is None:
        return ()
    winner, path = model.best
    winner_cost = model.cost_per_step(winner.batch_size)
    told = []
    for way, slack in _MILESTONES:
        level = path.level_at(way * path.arrival)
        if level is not None:
            step = math.ceil(slack * allowed * way * path.arrival * winner_cost / per_step)
            told.append((step, level))
    return tuple(told)
