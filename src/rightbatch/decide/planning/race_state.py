"""What the planner of a race is told, and what it asks for."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from rightbatch.records import Decision, Goal, RecordedLevel
from rightbatch.science.convergence import steps_to_target
from rightbatch.science.relative_cost import CostPrior

FIRST_STEPS = 20
"""Steps of a run that is begun only to see how long they take."""


@dataclass(frozen=True, slots=True)
class RaceRun:
    """What is known of one training run.

    Attributes:
        number: Its place among the runs asked for, from 0.
        batch_size: Examples per update.
        step_seconds: Time of a step, which whoever trains sees.
        steps: Updates made so far.
        levels: Its evaluations so far.
        arrived: Whether it reached the target, where it stops.
        ended: Whether it stopped for good: at the target, or after the longest run allowed.
    """

    number: int
    batch_size: int
    step_seconds: float
    steps: int
    levels: tuple[RecordedLevel, ...]
    arrived: bool
    ended: bool

    @property
    def seconds(self) -> float:
        """Training time so far."""
        return self.steps * self.step_seconds


@dataclass(frozen=True, slots=True)
class Race:
    """All that the planner of a race knows.

    Attributes:
        goal: The target to reach.
        batch_sizes: The candidates, ascending.
        examples_per_epoch: Training examples in an epoch.
        step_seconds: Step times known so far, by batch size.
        runs: The runs so far.
        exhausted: Batch sizes at which no other run can be had.
        noise_scale: Gradient noise scale to expect on the way, in examples, where the runs do not
            record it; None if unknown.
    """

    goal: Goal
    batch_sizes: tuple[int, ...]
    examples_per_epoch: int
    step_seconds: dict[int, float]
    runs: tuple[RaceRun, ...] = ()
    exhausted: frozenset[int] = frozenset()
    noise_scale: float | None = None


@dataclass(frozen=True, slots=True)
class Tuning:
    """The constants of a race.

    Attributes:
        worth: Fall of the log cost that a search as long as one run must bring; one over the
            number of trainings that are to come.
        drift_sd: Standard deviation, one octave of batch size apart, of the log ratio of two runs
            at 1/e of the way about that at its end; it goes with √(-log way).
        drift_weight: Comparisons that this is worth before any is made.
        stall: A run stalls when it is so many times as long as at its last improvement.
        patience: A raced run is given up at so many times the best known time.
        knee: Log throughput that an octave of batch size must add for larger ones to be timed.
        flat_sd: Standard deviation of log time between seeds for each e-fold of the way that the
            fastest run spent on its last tenth of progress.
        prior: What is believed of the cost before.
    """

    worth: float = 0.022
    drift_sd: float = 0.1
    drift_weight: float = 1.0
    stall: float = 2.5
    patience: float = 1.2
    knee: float = 0.025
    flat_sd: float = 0.18
    prior: CostPrior = field(default_factory=CostPrior)


@dataclass(frozen=True, slots=True)
class Train:
    """Train up to `limit` steps: the run of that number, or a new one where it is None."""

    batch_size: int
    run: int | None
    limit: int
    decision: Decision


@dataclass(frozen=True, slots=True)
class Choose:
    """The race is over.

    Attributes:
        batch_size: The choice.
        decisions: What became of every run but the fastest, then the choice.
    """

    batch_size: int
    decisions: tuple[Decision, ...]


Move = Train | Choose


def improvements(levels: Sequence[RecordedLevel], goal: Goal) -> list[tuple[float, int]]:
    """(best metric so far, step) wherever a run improved; evaluations that are NaN are left out."""
    path: list[tuple[float, int]] = []
    for level in levels:
        if math.isnan(level.metric):
            continue
        if not path or goal.better(level.metric, path[-1][0]):
            path.append((level.metric, level.step))
    return path


def step_at(path: Sequence[tuple[float, int]], metric: float, goal: Goal) -> float | None:
    """Steps after which a path of improvements first met a metric, interpolated; None if never."""
    return steps_to_target(
        [step for _, step in path], [level for level, _ in path], metric, goal.direction
    )
