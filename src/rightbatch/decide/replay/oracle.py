"""The oracle of a replay: a policy sees only what it asked and paid for."""

import random
from dataclasses import replace

from rightbatch.decide.learning.state import RaceRun
from rightbatch.decide.replay.question import Question
from rightbatch.records import Curve, Goal, Run

SPEED_STEPS = 20
"""Steps that a question for a batch size's speed is charged, and a training run at the least."""


class NoMoreSeeds(Exception):
    """The batch size was not recorded with yet another seed."""


class Oracle:
    """Answers a policy's questions about one target and keeps the account.

    Args:
        question: The recorded target.
        repeat: Number of the repeat, which draws the order of the seeds.
    """

    def __init__(self, question: Question, repeat: int = 0) -> None:
        self._question = question
        self._waiting = {
            size: _shuffled(runs, f"{question.study} {size} {repeat}")
            for size, runs in question.runs.items()
        }
        self._records: list[Run] = []
        self._seen: list[RaceRun] = []
        self._charged = 0.0
        self._charged_at_first_arrival: float | None = None

    @property
    def batch_sizes(self) -> tuple[int, ...]:
        """The candidates, ascending."""
        return self._question.batch_sizes

    @property
    def goal(self) -> Goal:
        """The target to reach."""
        return self._question.goal

    @property
    def examples_per_epoch(self) -> int:
        """Training examples in an epoch, nominally."""
        return self._question.examples_per_epoch

    @property
    def runs(self) -> tuple[RaceRun, ...]:
        """Every run asked for, as far as it was paid for."""
        return tuple(self._seen)

    @property
    def charged_seconds(self) -> float:
        """All time charged so far."""
        return self._charged

    @property
    def charged_at_first_arrival(self) -> float | None:
        """All time charged by when some run first reached the target; None before."""
        return self._charged_at_first_arrival

    def longest_steps(self, batch_size: int) -> int:
        """Steps after which a run at a batch size is given up."""
        return self._question.longest_steps(batch_size)

    def speed(self, batch_size: int) -> float:
        """Step time in seconds; charged 20 steps."""
        seconds = self._question.step_seconds[batch_size]
        self._charged += SPEED_STEPS * seconds
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
        self._seen.append(RaceRun(len(self._seen), replace(record, curve=Curve()), seconds))
        return self._go_on(len(self._seen) - 1, limit)

    def carry_on(self, run: int, limit: int | None = None) -> RaceRun:
        """Continue a run up to a limit, in steps from its start; only what is new is charged."""
        return self._go_on(run, limit)

    def _go_on(self, number: int, limit: int | None) -> RaceRun:
        record, before = self._records[number], self._seen[number]
        size = before.batch_size
        longest = max(self.longest_steps(size), record.curve.steps)
        reached = record.curve.arrival(self.goal)
        end = longest if reached is None else reached.step
        steps = max(before.steps, min(end, longest if limit is None else max(1, limit)))
        paid = max(SPEED_STEPS, before.steps) if before.steps else 0
        self._charged += (max(SPEED_STEPS, steps) - paid) * before.step_seconds
        run = replace(
            before,
            run=replace(record, curve=record.curve.until(steps)),
            steps=steps,
            arrived=reached is not None and steps >= reached.step,
            ended=steps >= end,
        )
        self._seen[number] = run
        if run.arrived and self._charged_at_first_arrival is None:
            self._charged_at_first_arrival = self._charged
        return run


def _shuffled(runs: tuple[Run, ...], seed: str) -> list[Run]:
    order = list(runs)
    random.Random(seed).shuffle(order)
    return order
