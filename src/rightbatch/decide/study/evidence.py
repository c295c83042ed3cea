"""Trials of a study sorted by what they measured."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from rightbatch.records import (
    Decision,
    DescribeResult,
    Goal,
    MemoryProbe,
    Outcome,
    Probe,
    Settings,
    Status,
    TrainingProbe,
    TrainingResult,
    Trial,
)

P = TypeVar("P", bound=Probe)


@dataclass(frozen=True, slots=True)
class Run:
    """A training run: its probe, how it ended and its evaluations.

    Attributes:
        trial: Number of its longest trial.
        probe: What that was asked.
        outcome: How it ended.
        result: What it measured.
        decisions: Why a race asked for each of its trials, in order, each reason once.
    """

    trial: int
    probe: TrainingProbe
    outcome: Outcome
    result: TrainingResult
    decisions: tuple[Decision, ...] = ()


def distinct(trials: Iterable[Trial]) -> tuple[Trial, ...]:
    """The trials by number, each measurement once: told twice, it is no more evidence."""
    kept: list[Trial] = []
    alike: dict[str, list[Trial]] = {}
    for trial in sorted(trials, key=lambda trial: trial.number):
        others = alike.setdefault(repr(trial.probe), [])
        measured = trial.result is not None and repr(trial.result)  # NaN is alike in words alone
        if measured and any(repr(other.result) == measured for other in others):
            continue
        others.append(trial)
        kept.append(trial)
    return tuple(kept)


def of_kind(trials: Iterable[Trial], kind: type[P]) -> Iterator[tuple[Trial, P]]:
    """Trials with one kind of probe, in order, with the probe."""
    for trial in trials:
        if isinstance(trial.probe, kind):
            yield trial, trial.probe


def of_optimizer(trials: Iterable[Trial], optimizer: str) -> tuple[Trial, ...]:
    """Trials that measured with one optimizer, in order."""
    return tuple(t for t in trials if t.probe.optimizer == optimizer)


def description(trials: Iterable[Trial]) -> DescribeResult | None:
    """What the first look told; None before it."""
    for trial in trials:
        if isinstance(trial.result, DescribeResult):
            return trial.result
    return None


def runs(trials: Iterable[Trial], optimizer: str) -> list[Run]:
    """Training runs of one optimizer that measured something, in order.

    One that paused and went on is told by its longest trial.
    """
    longest: dict[object, Run] = {}
    decisions: dict[object, dict[Decision, None]] = {}
    for trial, probe in of_kind(trials, TrainingProbe):
        result = trial.result
        if probe.optimizer != optimizer or not isinstance(result, TrainingResult):
            continue
        if not result.points:
            continue
        told = decisions.setdefault(probe.run, {})
        if probe.decision is not None:
            told[probe.decision] = None
        known = longest.get(probe.run)
        if known is None or result.points[-1].step >= known.result.points[-1].step:
            longest[probe.run] = Run(trial.number, probe, trial.outcome, result)
    return [replace(run, decisions=tuple(decisions[name])) for name, run in longest.items()]


def ran_out(trials: Iterable[Trial]) -> list[Trial]:
    """Trials that ran out of memory, but for those of the memory stage, which look for that."""
    return [
        trial
        for trial in trials
        if trial.outcome.status is Status.OUT_OF_MEMORY and not isinstance(trial.probe, MemoryProbe)
    ]


def training_seconds(trials: Iterable[Trial]) -> float:
    """Time in training steps of the learning stage, in seconds."""
    return sum(
        trial.result.train_seconds - trial.result.earlier_seconds
        for trial in trials
        if isinstance(trial.result, TrainingResult)
    )


def seconds_to_model(trials: Iterable[Trial], goal: Goal) -> float | None:
    """Wall-clock time of all trials until a run first reached the goal; None where none did."""
    so_far = []
    for trial in trials:
        so_far.append(trial)
        points = trial.result.points if isinstance(trial.result, TrainingResult) else ()
        if points and goal.reached_by(points[-1].metric):
            return wall_seconds(so_far)
    return None


def wall_seconds(trials: Iterable[Trial]) -> float:
    """Wall-clock time that trials took, that of runs side by side counted once, in seconds."""
    total, until = 0.0, -math.inf
    for trial in sorted(trials, key=lambda trial: trial.started):
        counted = trial.wall_seconds
        if trial.probe.at_once > 1:
            end = trial.started + trial.wall_seconds
            counted = max(0.0, end - max(trial.started, until))
            until = max(until, end)
        total += counted
    return total


def measuring_seconds(trials: Iterable[Trial]) -> float:
    """Wall-clock time of memory, speed and noise trials, in seconds."""
    return sum(t.wall_seconds for t in trials if t.probe.stage not in (None, "learning"))


def sizes_asked(settings: Settings, train_examples: int) -> tuple[int, ...]:
    """Batch sizes the user restricted the study to, 0 read as the full training set, ascending."""
    asked = {min(size or train_examples, train_examples) for size in settings.batch_sizes}
    return tuple(sorted(asked))
