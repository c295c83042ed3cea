"""One target of a recorded study as a question, and its true answer."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

from rightbatch.records import Goal, RecordedStudy, Run


@dataclass(frozen=True, slots=True)
class Question:
    """Which batch size reaches the target soonest? All that a replay knows of the answer.

    Attributes:
        study: Name of the study.
        dataset: Name of its training data.
        goal: The target to reach, in words and rules.
        target: Its level.
        examples_per_epoch: Training examples in an epoch, nominally.
        longest_run_epochs: Where a run that never arrived was given up.
        step_seconds: Time of a step, by candidate batch size, ascending.
        runs: Runs by candidate batch size, each at that size's best learning rate.
        seconds_to_target: True time to the target: mean over the runs of steps × step time, a run
            that never arrived counted at its longest.
    """

    study: str
    dataset: str
    goal: Goal
    target: float
    examples_per_epoch: int
    longest_run_epochs: float
    step_seconds: dict[int, float]
    runs: dict[int, tuple[Run, ...]]
    seconds_to_target: dict[int, float]

    @property
    def batch_sizes(self) -> tuple[int, ...]:
        """The candidates, ascending."""
        return tuple(self.step_seconds)

    @property
    def best_seconds(self) -> float:
        """True time to the target of the best candidate."""
        return min(self.seconds_to_target.values())

    @property
    def has_noise_scales(self) -> bool:
        """Whether the runs recorded their gradient noise scale."""
        every = (run for runs in self.runs.values() for run in runs)
        return any(e.noise_scale is not None for run in every for e in run.curve.evaluations)

    def longest_steps(self, batch_size: int) -> int:
        """Steps after which a run at a batch size is given up."""
        return longest_steps(self.longest_run_epochs, self.examples_per_epoch, batch_size)


def longest_steps(epochs: float, examples_per_epoch: int, batch_size: int) -> int:
    """Steps in so many epochs, rounded up to a whole step."""
    return math.ceil(round(epochs * examples_per_epoch / batch_size, 6))


def questions(study: RecordedStudy) -> list[Question]:
    """One question for each target of a study, in the study's order.

    A candidate without a run has one that never reached any level, so that every policy can have
    one run of each.
    """
    return [_question(study, target) for target in study.targets]


def _steps(run: Run, goal: Goal, longest: int) -> int:
    """Steps of a run to the target; those of the longest run where it never arrived."""
    there = run.curve.arrival(goal)
    return longest if there is None else there.step


def _question(study: RecordedStudy, target: float) -> Question:
    goal = Goal(study.metric, study.direction, target=target)
    step_seconds = {
        speed.batch_size: speed.step_seconds
        for speed in sorted(study.speeds, key=lambda speed: speed.batch_size)
    }
    runs: dict[int, tuple[Run, ...]] = {}
    seconds: dict[int, float] = {}
    for size, step in step_seconds.items():
        longest = longest_steps(study.longest_run_epochs, study.examples_per_epoch, size)
        recorded = [run for run in study.runs if run.batch_size == size]
        groups = _by_learning_rate(recorded or [Run(size, math.nan, seed=1)])
        means = [fmean(_steps(run, goal, longest) for run in group) for group in groups]
        best = min(range(len(groups)), key=means.__getitem__)
        runs[size] = groups[best]
        seconds[size] = means[best] * step
    return Question(
        study=study.name,
        dataset=study.dataset,
        goal=goal,
        target=target,
        examples_per_epoch=study.examples_per_epoch,
        longest_run_epochs=study.longest_run_epochs,
        step_seconds=step_seconds,
        runs=runs,
        seconds_to_target=seconds,
    )


def _by_learning_rate(runs: Iterable[Run]) -> list[tuple[Run, ...]]:
    """Runs grouped by learning rate; rates that were not recorded are one group."""
    groups: dict[float | None, list[Run]] = {}
    for run in runs:
        rate = None if math.isnan(run.learning_rate) else run.learning_rate
        groups.setdefault(rate, []).append(run)
    return [tuple(group) for group in groups.values()]
