"""A study told as a race: its training runs, what they may still take and what failed."""

import math
from collections.abc import Sequence
from dataclasses import replace

from rightbatch.decide.learning.arms import Arm
from rightbatch.decide.learning.limits import TimeLeft
from rightbatch.decide.learning.state import Race, RaceRun
from rightbatch.decide.study.evidence import Run, of_kind
from rightbatch.decide.study.situation import Situation
from rightbatch.decide.study.sizes import RATE_OCTAVES
from rightbatch.records import (
    Goal,
    RecordedLevel,
    Status,
    TrainingProbe,
    TrainingResult,
    Trial,
)


def race_of(now: Situation, arm: Arm, left: TimeLeft) -> tuple[Race, list[TrainingProbe]]:
    """The race so far, and the probes of its runs in order.

    A batch size at which a run was lost (out of memory, killed) is asked for no more, nor is a
    learning rate at or above one that diverged there; where none arrived either, and no other
    learning rate is looked for, the batch size is no candidate.
    """
    model, rate = arm.model, arm.optimizer.learning_rate
    searched = now.settings.learning_rates == "search" and not math.isnan(rate)
    goal = _goal(arm)
    failed = _failed(now.trials, arm.optimizer.name, searched)
    arrived = {run.probe.batch_size for run in model.runs if _arrival(run, goal) is not None}
    sizes = tuple(size for size in now.sizes if size in arrived or size not in failed)
    known = [run for run in model.runs if run.probe.batch_size in sizes]
    names = {run.probe.run for run in known}
    begun = [probe for probe in model.under_way if probe.run not in names]
    begun = [probe for probe in begun if probe.batch_size in sizes]
    runs = [_told(run, arm, goal, searched, now.facts.train_examples) for run in known]
    runs += [_unknown(probe, arm, searched) for probe in begun]
    under_way = {probe.run for probe in model.under_way}
    probes = [*(run.probe for run in known), *begun]
    race = Race(
        goal=goal,
        batch_sizes=sizes,
        examples_per_epoch=now.facts.train_examples,
        step_seconds={size: model.cost_per_step(size) for size in sizes},
        runs=tuple(
            replace(
                run,
                number=number,
                going=probe.run in under_way,
                ended=run.ended or probe.batch_size in failed,
            )
            for number, (run, probe) in enumerate(zip(runs, probes, strict=True))
        ),
        exhausted=frozenset(failed & set(sizes)),
        noise_scale=model.critical if searched else model.critical_guess,
        octaves=RATE_OCTAVES if searched else (0.0,),
        ceilings=_ceilings(runs),
        present=now.facts.batch_size,
        steps_left={size: left.for_one_run / arm.seconds(size) for size in sizes},
    )
    return race, probes


def _goal(arm: Arm) -> Goal:
    """The goal; for the best metric within a limit, the best level that any run has reached."""
    goal = arm.model.goal
    return goal if goal.target is not None else replace(goal, target=arm.model.level)


def _told(run: Run, arm: Arm, goal: Goal, searched: bool, train_examples: int) -> RaceRun:
    """A training run as the race sees it: its steps cost what the study's objective says."""
    arrival = _arrival(run, goal)
    diverged = run.outcome.status is Status.DIVERGED
    return replace(
        _unknown(run.probe, arm, searched),
        steps=run.result.points[-1].step if arrival is None else arrival,
        levels=tuple(
            RecordedLevel(point.step, point.examples / train_examples, point.metric)
            for point in run.result.points
        ),
        arrived=arrival is not None,
        ended=arrival is not None or diverged or not run.probe.pause,
        diverged=diverged,
    )


def _unknown(probe: TrainingProbe, arm: Arm, searched: bool) -> RaceRun:
    """A run that is under way, of which nothing is known."""
    size = probe.batch_size
    octaves = arm.model.rate_octaves(size, probe.learning_rate) if searched else 0.0
    return RaceRun(
        number=0,
        batch_size=size,
        step_seconds=arm.model.cost_per_step(size),
        steps=0,
        levels=(),
        arrived=False,
        ended=False,
        octaves=round(2 * octaves) / 2,
    )


def _arrival(run: Run, goal: Goal) -> int | None:
    """Steps after which a run reached the goal; None if it did not."""
    return next((p.step for p in run.result.points if goal.reached_by(p.metric)), None)


def _ceilings(runs: Sequence[RaceRun]) -> dict[int, float]:
    """The lowest learning rate that diverged, by batch size."""
    ceilings: dict[int, float] = {}
    for run in runs:
        if run.diverged:
            ceilings[run.batch_size] = min(run.octaves, ceilings.get(run.batch_size, run.octaves))
    return ceilings


def _failed(trials: Sequence[Trial], optimizer: str, searched: bool) -> set[int]:
    """Batch sizes with a run that was lost, or that diverged at the only learning rate."""
    return {
        probe.batch_size
        for trial, probe in of_kind(trials, TrainingProbe)
        if probe.optimizer == optimizer
        and (
            (trial.outcome.status is Status.DIVERGED and not searched)
            or not isinstance(trial.result, TrainingResult)
            or not trial.result.points
        )
    }
