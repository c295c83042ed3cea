"""A training run and its learning curve, whoever trained it: a study, a record or a race."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rightbatch.records.decision import Decision
from rightbatch.records.goal import Goal
from rightbatch.records.trial import Status

Improvements = Sequence[tuple[float, int]]
"""(best metric so far, step) wherever a run improved: each metric better than the one before."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One point of a learning curve.

    Attributes:
        step: Updates so far.
        examples: Training examples seen so far; of a recorded run, epochs times the examples of
            one, which need not be whole.
        metric: The validation metric; where several were recorded at this step, the best.
        noise_scale: Gradient noise scale tr(Σ)/|G|² that the run estimated by then, in examples;
            None where it was not recorded.
    """

    step: int
    examples: float
    metric: float
    noise_scale: float | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """The learning curve of a run.

    Attributes:
        evaluations: In order; none where the run never showed any level.
    """

    evaluations: tuple[Evaluation, ...] = ()

    @property
    def steps(self) -> int:
        """Updates at the last evaluation; 0 without one."""
        return self.evaluations[-1].step if self.evaluations else 0

    def arrival(self, goal: Goal) -> Evaluation | None:
        """The first evaluation that reached a goal; None where none did.

        That is where a run stops and what it was charged, so that studies, races, replays, exports
        and advice all count it so. Where the curve crossed the level between two evaluations is
        not asked: evaluations come at the same examples at every batch size, 7% apart, so that all
        are late alike, by some 2%, and no size gains by frequent looks.
        """
        return next((each for each in self.evaluations if goal.reached_by(each.metric)), None)

    def improvements(self, goal: Goal) -> Improvements:
        """The best metric so far, wherever it improved; NaN and a boundless loss are no level."""
        best = -math.inf if goal.direction == "max" else math.inf
        path: list[tuple[float, int]] = []
        for each in self.evaluations:
            if goal.better(each.metric, best):
                best = each.metric
                path.append((best, each.step))
        return path

    def until(self, step: int) -> "Curve":
        """What it showed by a step."""
        return Curve(tuple(each for each in self.evaluations if each.step <= step))


@dataclass(frozen=True, slots=True)
class Run:
    """A training run: what it trained with, what it showed and how it ended.

    Attributes:
        batch_size: Examples per update.
        learning_rate: Its learning rate; NaN where it was not recorded.
        seed: Its seed.
        curve: Its evaluations so far.
        optimizer: Name of its optimizer.
        status: How its longest trial ended; OK outside a study, where that is not told.
        trial: Number of that trial; 0 outside a study.
        train_seconds: Training time it took, as measured during the run.
        may_go_on: Whether it waits at a limit or is under way; else it has ended.
        reason: Why the planner asked for it, in one sentence, where no decision tells.
        decisions: Why a race asked for each of its trials, in order, each reason once.
        steps: Updates to the level that a fit takes for the goal; None where not reached.
        compared: What became of it next to the best run; None before they are compared.
    """

    batch_size: int
    learning_rate: float
    seed: int
    curve: Curve = Curve()
    optimizer: str = ""
    status: Status = Status.OK
    trial: int = 0
    train_seconds: float = 0.0
    may_go_on: bool = False
    reason: str = ""
    decisions: tuple[Decision, ...] = ()
    steps: int | None = None
    compared: Decision | None = None

    @property
    def name(self) -> tuple[str, int, str, int]:
        """What names it, as `TrainingProbe.run` does."""
        return self.optimizer, self.batch_size, repr(self.learning_rate), self.seed

    @property
    def diverged(self) -> bool:
        """Whether training diverged, so that no number of steps would have done."""
        return self.status is Status.DIVERGED


def best_level(runs: Iterable[Run], goal: Goal) -> float | None:
    """The best level of the metric that any run reached; None where none showed any."""
    told = (each.metric for run in runs for each in run.curve.evaluations)
    levels = filter(math.isfinite, told)
    return max(levels, default=None) if goal.direction == "max" else min(levels, default=None)


def target_level(runs: Iterable[Run], goal: Goal) -> float | None:
    """The level that counts as arriving; None without runs.

    It is the goal's target. For a "best within" goal, and as long as no run has reached the
    target, it is the best level that any run has reached.
    """
    best = best_level(runs, goal)
    return goal.target if best is None or goal.reached_by(best) else best


def step_at(path: Improvements, metric: float, goal: Goal) -> float | None:
    """Steps after which a path of improvements first met a metric, interpolated; None if never."""
    sign = 1.0 if goal.direction == "max" else -1.0
    at = bisect_left(path, sign * metric, key=lambda point: sign * point[0])
    if at == len(path):
        return None
    level, step = path[at]
    before, earlier = path[max(0, at - 1)]
    if at == 0 or math.isinf(level):
        return float(step)
    return earlier + (metric - before) / (level - before) * (step - earlier)


def level_at(path: Improvements, step: float) -> float | None:
    """The best metric of a path of improvements by a step; None before the first evaluation."""
    return next((level for level, at in reversed(path) if at <= step), None)
