"""The learning stage as a race: learning rates go with the batch size, so only sizes are raced.

The race is the one that replays play (`race.next_move`). A study's trials are told to it as runs,
and what it asks for becomes a probe.
"""

from collections.abc import Sequence

from rightbatch.decide.advice.arms import Arm, Situation
from rightbatch.decide.advice.evidence import Run, of_kind
from rightbatch.decide.planning.going_on import unused_seed
from rightbatch.decide.planning.limits import TimeLeft
from rightbatch.decide.planning.race import next_move
from rightbatch.decide.planning.race_state import Choose, Race, RaceRun, Train, Tuning
from rightbatch.records import (
    Goal,
    RecordedLevel,
    Status,
    TrainingProbe,
    TrainingResult,
    Trial,
)
from rightbatch.science.evaluations import evaluated_step

_IN_TIME = 0.5
"""Once a run arrived, another goes on only where the time left holds this share of what it would
still take to be as long: one that gets half the way can be compared."""
_SLOWER = 4.0
"""A trial may take so many times what its run's steps, all of them since a process that is gone
starts anew, should take as they were timed."""


def next_racing_probe(
    now: Situation, arm: Arm, micro_batch_size: int, left: TimeLeft, deadline: float
) -> TrainingProbe | None:
    """What the race asks for; None once it has chosen, or where the time left is too short."""
    if left.for_one_run <= 0:
        return None
    race, runs = _race(now, arm)
    if not race.batch_sizes:
        return None
    move = next_move(race, "one-off" if now.settings.one_off else "recurring", Tuning())
    if isinstance(move, Choose) or not _in_time(race, move, arm, left):
        return None
    size, rate = move.batch_size, arm.model.rule(move.batch_size)
    seed = unused_seed(now.trials, arm.model, (size, rate), now.settings.seed)
    if move.run is not None:
        rate, seed = runs[move.run].probe.learning_rate, runs[move.run].probe.seed
    limit = evaluated_step(move.limit, size, now.facts.train_examples)
    return TrainingProbe(
        optimizer=arm.optimizer.name,
        batch_size=size,
        micro_batch_size=min(size, micro_batch_size),
        learning_rate=rate,
        seed=seed,
        max_steps=limit,
        max_seconds=min(left.for_one_run, _SLOWER * limit * arm.seconds(size)),
        seconds_limit=deadline,
        pause=True,
        decision=move.decision,
    )


def _race(now: Situation, arm: Arm) -> tuple[Race, list[Run]]:
    """The race so far, and its runs in order.

    A batch size at which a run was lost (out of memory, killed) or diverged is asked for no more;
    where none arrived there either, it is no candidate.
    """
    failed = _failed(now.trials, arm.optimizer.name)
    arrived = {run.probe.batch_size for run in arm.model.runs if _arrived(run, arm.model.goal)}
    sizes = tuple(size for size in now.sizes if size in arrived or size not in failed)
    runs = [run for run in arm.model.runs if run.probe.batch_size in sizes]
    cost = arm.model.cost_per_step
    race = Race(
        goal=arm.model.goal,
        batch_sizes=sizes,
        examples_per_epoch=now.facts.train_examples,
        step_seconds={size: cost(size) for size in sizes},
        runs=tuple(
            _told(number, run, arm, failed, now.facts.train_examples)
            for number, run in enumerate(runs)
        ),
        exhausted=frozenset(failed & set(sizes)),
        noise_scale=arm.model.critical_guess,
    )
    return race, runs


def _told(number: int, run: Run, arm: Arm, failed: set[int], train_examples: int) -> RaceRun:
    """A training run as the race sees it: its steps cost what the study's objective says."""
    size, arrived = run.probe.batch_size, _arrived(run, arm.model.goal)
    return RaceRun(
        number=number,
        batch_size=size,
        step_seconds=arm.model.cost_per_step(size),
        steps=run.result.points[-1].step,
        levels=tuple(
            RecordedLevel(point.step, point.examples / train_examples, point.metric)
            for point in run.result.points
        ),
        arrived=arrived,
        ended=arrived or size in failed,
    )


def _arrived(run: Run, goal: Goal) -> bool:
    return goal.reached_by(run.result.points[-1].metric)


def _failed(trials: Sequence[Trial], optimizer: str) -> set[int]:
    """Batch sizes with a run that was lost or diverged."""
    return {
        probe.batch_size
        for trial, probe in of_kind(trials, TrainingProbe)
        if probe.optimizer == optimizer
        and (
            trial.outcome.status is Status.DIVERGED
            or not isinstance(trial.result, TrainingResult)
            or not trial.result.points
        )
    }


def _in_time(race: Race, move: Train, arm: Arm, left: TimeLeft) -> bool:
    """Whether the run asked for may still tell something."""
    cheapest = min((run.seconds for run in race.runs if run.arrived), default=0.0)
    done = 0.0 if move.run is None else race.runs[move.run].seconds
    steps = (cheapest - done) / race.step_seconds[move.batch_size]
    return left.for_one_run >= _IN_TIME * steps * arm.seconds(move.batch_size)
