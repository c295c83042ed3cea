"""Training runs, from studies, recordings and races alike, and recorded studies."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rightbatch.records.decision import Decision
from rightbatch.records.goal import Direction, Goal
from rightbatch.records.study import Status

Improvements = Sequence[tuple[float, int]]
"""(best metric so far, step) at each improvement of a run."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One point of a learning curve.

    Attributes:
        step: Updates so far.
        examples: Training examples seen so far; for a recorded run, epochs times examples per
            epoch, not necessarily whole.
        metric: The validation metric; the best one if several were recorded at this step.
        noise_scale: The run's estimate of the gradient noise scale tr(Σ)/|G|² so far, in examples;
            None if not recorded.
    """

    step: int
    examples: float
    metric: float
    noise_scale: float | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """The learning curve of a run.

    Attributes:
        evaluations: Its evaluations, in order.
    """

    evaluations: tuple[Evaluation, ...] = ()

    @property
    def steps(self) -> int:
        """Updates at the last evaluation; 0 without any."""
        return self.evaluations[-1].step if self.evaluations else 0

    def arrival(self, goal: Goal) -> Evaluation | None:
        """The first evaluation that reached a goal; None if none did.

        That is where a run stops and what it is charged, so studies, races, replays, exports and
        advice all count it so. The crossing between two evaluations is not interpolated:
        evaluations come at the same examples at every batch size, 7% apart, so all are late alike,
        by about 2%, and no size gains by more frequent evaluations.
        """
        return next((each for each in self.evaluations if goal.reached_by(each.metric)), None)

    def improvements(self, goal: Goal) -> Improvements:
        """The improvements of the metric; NaN and an infinite loss are ignored."""
        best = -math.inf if goal.direction == "max" else math.inf
        path: list[tuple[float, int]] = []
        for each in self.evaluations:
            if goal.better(each.metric, best):
                best = each.metric
                path.append((best, each.step))
        return path

    def until(self, step: int) -> "Curve":
        """The curve up to a step."""
        return Curve(tuple(each for each in self.evaluations if each.step <= step))


@dataclass(frozen=True, slots=True)
class Run:
    """A training run: its settings, its learning curve and how it ended.

    Attributes:
        batch_size: Examples per update.
        learning_rate: Its learning rate; NaN if not recorded.
        seed: Its seed.
        curve: Its evaluations so far.
        optimizer: Name of its optimizer.
        status: How its longest trial ended; OK outside a study.
        trial: Number of that trial; 0 outside a study.
        train_seconds: Its training time, as measured during the run.
        may_go_on: Whether it is paused or running, rather than ended.
        reason: Why it was requested, as worded by an earlier version; otherwise empty.
        decisions: Why a race requested its trials, in order and without repetition.
        steps: Updates to the goal, as a fit counts them; None if not reached.
        compared: How it compares with the best run; None before the comparison.
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
        """Its identity, in the form of `TrainingProbe.run`."""
        return self.optimizer, self.batch_size, repr(self.learning_rate), self.seed

    @property
    def diverged(self) -> bool:
        """Whether training diverged, so that more steps would not have helped."""
        return self.status is Status.DIVERGED


@dataclass(frozen=True, slots=True)
class RecordedSpeed:
    """The recorded step time of a batch size.

    Attributes:
        batch_size: Examples per update.
        step_seconds: Time per update.
        micro_batch_size: Examples per forward and backward pass, over all devices.
        power_watts: Mean power during the steps; None if not recorded.
    """

    batch_size: int
    step_seconds: float
    micro_batch_size: int
    power_watts: float | None = None


@dataclass(frozen=True, slots=True)
class RecordedStudy:
    """A study recorded for import or replay.

    Attributes:
        name: Its name.
        dataset: Name of its training data; studies of one data set are not independent.
        optimizer: Name of its optimizer; "recorded" if unknown.
        hardware: The machine it ran on.
        metric: Name of the validation metric.
        direction: "max" if larger is better, "min" if smaller is.
        targets: Metric levels to reach, each replayed on its own.
        examples_per_epoch: Nominal number of training examples in an epoch.
        longest_run_epochs: Epochs after which runs were stopped.
        speeds: Step times, one for each candidate batch size.
        runs: Runs at candidate batch sizes, including those that reached no target.
    """

    name: str
    dataset: str
    optimizer: str
    hardware: str
    metric: str
    direction: Direction
    targets: tuple[float, ...]
    examples_per_epoch: int
    longest_run_epochs: float
    speeds: tuple[RecordedSpeed, ...]
    runs: tuple[Run, ...]

    @property
    def batch_sizes(self) -> tuple[int, ...]:
        """The candidate batch sizes, in the study's order."""
        return tuple(speed.batch_size for speed in self.speeds)


def best_level(runs: Iterable[Run], goal: Goal) -> float | None:
    """The best finite metric level that any run reached; None without one."""
    metrics = (each.metric for run in runs for each in run.curve.evaluations)
    best = max if goal.direction == "max" else min
    return best(filter(math.isfinite, metrics), default=None)


def target_level(runs: Iterable[Run], goal: Goal) -> float | None:
    """The metric level that counts as the target; None if it is not known yet.

    This is the goal's target. For a "best within" goal, and as long as no run has reached the
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
    """The best metric of a path of improvements up to a step; None before the first evaluation."""
    return next((level for level, at in reversed(path) if at <= step), None)
