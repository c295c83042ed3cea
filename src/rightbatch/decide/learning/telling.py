"""A study as a race: its training runs, the time that is left and what failed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rightbatch.decide.learning.arms import Arm
from rightbatch.decide.learning.state import Race, RaceRun
from rightbatch.decide.study.evidence import begun, grouped, of_kind
from rightbatch.decide.study.situation import RATE_OCTAVES, Situation
from rightbatch.records import Goal, Run, Status, TrainingProbe, TrainingResult, Trial


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


def race_of(situation: Situation, arm: Arm, left: TimeLeft) -> Race:
    """The race so far.

    A batch size at which a run was lost (out of memory, killed) is asked for no more, nor is a
    learning rate at or above one that diverged there; where none arrived either, and no other
    learning rate is looked for, the batch size is no candidate.
    """
    model, rate = arm.model, arm.optimizer.learning_rate
    searched = situation.settings.learning_rates == "search" and not math.isnan(rate)
    goal = model.goal
    if goal.target is None:  # the best metric within a limit: the best level of any run so far
        goal = replace(goal, target=model.level)
    failed = _failed(situation.trials, arm.optimizer.name, searched)
    lost = (run for run in model.runs if run.batch_size in failed)
    arrived = {run.batch_size for run in lost if run.curve.arrival(goal) is not None}
    sizes = tuple(size for size in situation.sizes if size in arrived or size not in failed)
    going = {probe.run: begun(probe) for probe in model.under_way}
    known = {run.name: run for run in model.runs}
    every = known | {name: run for name, run in going.items() if name not in known}
    raced = (_raced(run, arm, goal, searched) for run in every.values() if run.batch_size in sizes)
    runs = tuple(
        replace(
            run,
            number=number,
            going=run.run.name in going,
            ended=run.ended or run.batch_size in failed,
        )
        for number, run in enumerate(raced)
    )
    diverged = grouped((run.batch_size, run.octaves) for run in runs if run.diverged)
    return Race(
        goal=goal,
        batch_sizes=sizes,
        examples_per_epoch=situation.facts.train_examples,
        step_seconds={size: model.cost_per_step(size) for size in sizes},
        runs=runs,
        exhausted=frozenset(failed & set(sizes)),
        noise_scale=model.critical if searched else model.critical_guess,
        octaves=RATE_OCTAVES if searched else (0.0,),
        ceilings={size: min(octaves) for size, octaves in diverged.items()},
        present=situation.facts.batch_size,
        steps_left={size: left.for_one_run / arm.seconds(size) for size in sizes},
    )


def _raced(run: Run, arm: Arm, goal: Goal, searched: bool) -> RaceRun:
    """A training run as the race sees it: its steps cost what the study's objective says."""
    there = run.curve.arrival(goal)
    octaves = arm.model.rate_octaves(run.batch_size, run.learning_rate) if searched else 0.0
    return RaceRun(
        number=0,
        run=run,
        step_seconds=arm.model.cost_per_step(run.batch_size),
        steps=run.curve.steps if there is None else there.step,
        arrived=there is not None,
        ended=there is not None or not run.may_go_on,
        octaves=round(2 * octaves) / 2,
    )


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
