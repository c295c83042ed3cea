"""One target of a recorded study as a question, and the oracle that answers it for a price."""

import math
import random
from dataclasses import dataclass, replace
from statistics import fmean

from rightbatch.decide.learning.state import RaceRun
from rightbatch.decide.study.evidence import grouped
from rightbatch.records import Curve, Goal, RecordedStudy, Run

SPEED_STEPS = 20
"""Steps that a question for a batch size's speed is charged, and a training run at the least."""


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
        by_rate = grouped(  # rates that were not recorded are one group
            (None if math.isnan(run.learning_rate) else run.learning_rate, run)
            for run in recorded or [Run(size, math.nan, seed=1)]
        )
        groups = [tuple(group) for group in by_rate.values()]
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


class NoMoreSeeds(Exception):
    """The batch size was not recorded with yet another seed."""


class Oracle:
    """Answers a policy's questions about one target and keeps the account.

    Args:
        question: The recorded target.
        repeat: Number of the repeat, which draws the order of the seeds.

    Attributes:
        batch_sizes: The candidates, ascending.
        goal: The target to reach.
        examples_per_epoch: Training examples in an epoch, nominally.
        runs: Every run asked for, as far as it was paid for.
        charged_seconds: All time charged so far.
        charged_at_first_arrival: All time charged by when some run first reached the target; None
            before.
    """

    def __init__(self, question: Question, repeat: int = 0) -> None:
        self._question = question
        self.batch_sizes = question.batch_sizes
        self.goal = question.goal
        self.examples_per_epoch = question.examples_per_epoch
        self._waiting = {
            size: _shuffled(runs, f"{question.study} {size} {repeat}")
            for size, runs in question.runs.items()
        }
        self._records: list[Run] = []
        self.runs: tuple[RaceRun, ...] = ()
        self.charged_seconds = 0.0
        self.charged_at_first_arrival: float | None = None

    def speed(self, batch_size: int) -> float:
        """Step time in seconds; charged 20 steps."""
        seconds = self._question.step_seconds[batch_size]
        self.charged_seconds += SPEED_STEPS * seconds
        return seconds

    def train(self, batch_size: int, limit: int | None = None) -> RaceRun:
        """Train with the next seed up to a limit in steps; charged its steps, at least 20.

        Args:
            batch_size: A candidate.
            limit: Steps at the most; None for the longest run.

        Raises:
            NoMoreSeeds: Every recorded seed of the batch size was asked for; nothing is charged.
        """
        waiting = self._waiting[batch_size]
        if not waiting:
            raise NoMoreSeeds(f"There is no other recorded run at batch size {batch_size}.")
        record = waiting.pop(0)
        self._records.append(record)
        seconds = self._question.step_seconds[batch_size]
        self.runs += (RaceRun(len(self.runs), replace(record, curve=Curve()), seconds),)
        return self.carry_on(len(self.runs) - 1, limit)

    def carry_on(self, run: int, limit: int | None = None) -> RaceRun:
        """Continue a run up to a limit, in steps from its start; only what is new is charged."""
        record, before = self._records[run], self.runs[run]
        longest = max(self._question.longest_steps(before.batch_size), record.curve.steps)
        reached = record.curve.arrival(self.goal)
        end = longest if reached is None else reached.step
        steps = max(before.steps, min(end, longest if limit is None else max(1, limit)))
        paid = max(SPEED_STEPS, before.steps) if before.steps else 0
        self.charged_seconds += (max(SPEED_STEPS, steps) - paid) * before.step_seconds
        after = replace(
            before,
            run=replace(record, curve=record.curve.until(steps)),
            steps=steps,
            arrived=reached is not None and steps >= reached.step,
            ended=steps >= end,
        )
        self.runs = (*self.runs[:run], after, *self.runs[run + 1 :])
        if after.arrived and self.charged_at_first_arrival is None:
            self.charged_at_first_arrival = self.charged_seconds
        return after


def _shuffled(runs: tuple[Run, ...], seed: str) -> list[Run]:
    order = list(runs)
    random.Random(seed).shuffle(order)
    return order
