"""Trials of a study sorted by what they measured."""

import math
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TypeVar

from rightbatch.records import (
    Curve,
    DescribeResult,
    Evaluation,
    Goal,
    MemoryProbe,
    Probe,
    Run,
    Status,
    TrainingPoint,
    TrainingProbe,
    TrainingResult,
    Trial,
)

P = TypeVar("P", bound=Probe)
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


def distinct(trials: Iterable[Trial]) -> tuple[Trial, ...]:
    """The trials in order, without duplicate records of one measurement."""
    kept: list[Trial] = []
    known: set[tuple[str, str]] = set()
    for trial in sorted(trials, key=lambda trial: trial.number):
        measured = repr(trial.probe), repr(trial.result)  # NaN is alike in words alone
        if trial.result is None or measured not in known:
            kept.append(trial)
        known.add(measured)
    return tuple(kept)


def grouped(pairs: Iterable[tuple[K, V]]) -> dict[K, list[V]]:
    """The second of each pair by the first, both in order."""
    groups: dict[K, list[V]] = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return groups


def of_kind(trials: Iterable[Trial], kind: type[P]) -> Iterator[tuple[Trial, P]]:
    """Trials with one kind of probe, in order, with the probe."""
    return ((trial, trial.probe) for trial in trials if isinstance(trial.probe, kind))


def of_optimizer(trials: Iterable[Trial], optimizer: str) -> tuple[Trial, ...]:
    """Trials that measured with one optimizer, in order."""
    return tuple(t for t in trials if t.probe.optimizer == optimizer)


def description(trials: Iterable[Trial]) -> DescribeResult | None:
    """The description of the workload and machine; None before the first probe."""
    results = (trial.result for trial in trials)
    return next((result for result in results if isinstance(result, DescribeResult)), None)


def runs(trials: Iterable[Trial], optimizer: str) -> list[Run]:
    """Training runs of one optimizer with at least one evaluation, in order.

    A run that paused and was resumed is represented by its longest trial.
    """
    measured = grouped(
        (probe.run, (trial, probe, trial.result))
        for trial, probe in of_kind(trials, TrainingProbe)
        if probe.optimizer == optimizer
        and isinstance(trial.result, TrainingResult)
        and trial.result.points
    )
    return [_run_of(parts) for parts in measured.values()]


def begun(probe: TrainingProbe) -> Run:
    """A run under way, without results yet."""
    return Run(
        probe.batch_size,
        probe.learning_rate,
        probe.seed,
        optimizer=probe.optimizer,
        may_go_on=True,
    )


def _run_of(parts: Sequence[tuple[Trial, TrainingProbe, TrainingResult]]) -> Run:
    """A run as its longest trial recorded it; as the last one if several are equally long."""
    trial, probe, result = max(reversed(parts), key=lambda part: part[2].points[-1].step)
    decisions = dict.fromkeys(part[1].decision for part in parts)
    return replace(
        begun(probe),
        curve=_curve(result.points),
        status=trial.outcome.status,
        trial=trial.number,
        train_seconds=result.train_seconds,
        may_go_on=probe.pause and trial.outcome.status is not Status.DIVERGED,
        reason=probe.reason,
        decisions=tuple(decision for decision in decisions if decision is not None),
    )


@lru_cache(maxsize=1024)
def _curve(points: tuple[TrainingPoint, ...]) -> Curve:
    return Curve(tuple(Evaluation(each.step, each.examples, each.metric) for each in points))


def ran_out(trials: Iterable[Trial]) -> list[Trial]:
    """Trials that ran out of memory, except in the memory stage, which searches for that."""
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


def promised_seconds(under_way: Iterable[TrainingProbe]) -> float:
    """Training seconds that runs under way may take, by their limits."""
    return sum(probe.max_seconds for probe in under_way)


def seconds_to_model(trials: Sequence[Trial], goal: Goal) -> float | None:
    """Wall-clock time of all trials until a run first reached the goal; None where none did."""
    for number, trial in enumerate(trials, start=1):
        points = trial.result.points if isinstance(trial.result, TrainingResult) else ()
        if points and goal.reached_by(points[-1].metric):
            return wall_seconds(trials[:number])
    return None


def wall_seconds(trials: Iterable[Trial]) -> float:
    """Wall-clock time of trials, counting overlapping time once, in seconds."""
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
