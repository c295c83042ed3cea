"""What time is left, and how far runs go that end where they stop."""

import math
from dataclasses import dataclass

from rightbatch.decide.learning.arms import Arm
from rightbatch.decide.learning.model import LearningModel
from rightbatch.records import WorkloadFacts, level_at

PATIENCE = 1.5
"""A run may cost this many times the best one before it is given up."""
_MILESTONES = ((0.35, 2.0), (0.5, 1.8), (0.7, 1.6), (0.85, 1.45))
"""(way, slack): the level the best run had after `way` of its cost must be met by slack·way."""
FIRST_SHARE = 0.6
"""Share of the time left that a run may take before any has reached the goal."""


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


def whole_run(arm: Arm, size: int, facts: WorkloadFacts) -> int:
    """Steps of a run towards the best metric within a limit: to that, or as far as is worth it."""
    goal, model = arm.model.goal, arm.model
    steps = math.inf
    if goal.within_epochs is not None:
        steps = goal.within_epochs * facts.steps_per_epoch(size)
    if goal.within_seconds is not None:
        steps = goal.within_seconds / arm.seconds(size)
    if model.best is not None:
        steps = min(steps, PATIENCE * model.cost(model.best) / model.cost_per_step(size))
    return max(1, math.ceil(steps))


def milestones(model: LearningModel, size: int) -> tuple[tuple[int, float], ...]:
    """(step, level) pairs from the best run's curve that a run at a batch size is to meet."""
    best = model.best
    if best is None or best.steps is None:
        return ()
    path = best.curve.improvements(model.goal)
    times = model.cost_per_step(best.batch_size) / model.cost_per_step(size)
    levels_due = []
    for way, slack in _MILESTONES:
        level = level_at(path, way * best.steps)
        if level is not None:
            levels_due.append((math.ceil(slack * times * way * best.steps), level))
    return tuple(levels_due)
