"""A published study as a recording: a study with trials, as if measured here."""

import math
from pathlib import Path

from rightbatch.exchange.recorded import read_recorded
from rightbatch.records import (
    Evaluation,
    Goal,
    Hardware,
    OptimizerFacts,
    Origin,
    Outcome,
    RecordedSpeed,
    RecordedStudy,
    Recording,
    Remark,
    Run,
    Settings,
    SpeedProbe,
    SpeedResult,
    SpeedSample,
    Status,
    Study,
    TrainingPoint,
    TrainingProbe,
    TrainingResult,
    Trial,
    WorkloadFacts,
    WorkloadReference,
)


def read_plain_files(directory: Path) -> Recording:
    """A published study as a recording.

    It becomes one speed trial and one training trial per (batch size, learning rate, seed); the
    goal is the last of its targets. A run that never reached any level has one evaluation, where it
    was stopped, with a metric of NaN. What the files lack is filled in: the lower middle candidate
    stands for the user's present settings, losses are NaN and times of day 0.

    Raises:
        StoreError: A file is missing or malformed; the message names file and line.
    """
    recorded = read_recorded(directory)
    goal = Goal(recorded.metric, recorded.direction, target=recorded.targets[-1])
    speeds = {speed.batch_size: speed for speed in recorded.speeds}
    trained = (
        _training_trial(number, recorded, goal, run, speeds[run.batch_size])
        for number, run in enumerate(recorded.runs, start=2)
    )
    return Recording(_study(recorded, goal), (_speed_trial(recorded), *trained))


def _study(recorded: RecordedStudy, goal: Goal) -> Study:
    reference = sorted(recorded.batch_sizes)[(len(recorded.batch_sizes) - 1) // 2]
    rate = next(
        (run.learning_rate for run in recorded.runs if run.batch_size == reference), math.nan
    )
    own = OptimizerFacts(
        name=recorded.optimizer,
        rule="square_root" if "adam" in recorded.optimizer.lower() else "linear",
        learning_rate=rate,
        tuned=not math.isnan(rate),
    )
    facts = WorkloadFacts(
        title=recorded.name,
        framework="recorded",
        train_examples=recorded.examples_per_epoch,
        valid_examples=0,
        batch_size=reference,
        optimizers=(own,),
        goal=goal,
        parameters=0,
        origin=Origin(recorded.dataset, recorded.targets, recorded.longest_run_epochs),
    )
    return Study(
        name=recorded.name,
        workload=WorkloadReference(factory="", title=recorded.name),
        settings=Settings(goal=str(goal), batch_sizes=recorded.batch_sizes),
        created=0.0,
        rightbatch_version="",
        facts=facts,
        finished=True,
    )


def _speed_trial(recorded: RecordedStudy) -> Trial:
    samples = tuple(
        SpeedSample(speed.batch_size, 1, speed.step_seconds, load_seconds=0.0, round=0)
        for speed in recorded.speeds
    )
    seconds = sum(sample.step_seconds for sample in samples)
    probe = SpeedProbe(
        recorded.optimizer,
        recorded.batch_sizes,
        micro_batch_size=max(speed.micro_batch_size for speed in recorded.speeds),
        seconds=seconds,
        seconds_limit=seconds,
    )
    power = tuple(
        (speed.batch_size, speed.power_watts)
        for speed in recorded.speeds
        if speed.power_watts is not None
    )
    return Trial(
        1,
        probe,
        Outcome(Status.OK),
        SpeedResult(samples, power_watts=power),
        0.0,
        seconds,
        _hardware(recorded),
    )


def _training_trial(
    number: int, recorded: RecordedStudy, goal: Goal, run: Run, speed: RecordedSpeed
) -> Trial:
    longest = recorded.longest_run_epochs * recorded.examples_per_epoch
    max_steps = max(math.ceil(round(longest / run.batch_size, 6)), run.curve.steps)
    reached = run.curve.arrival(goal) is not None
    seconds = (run.curve.steps if reached else max_steps) * speed.step_seconds
    # advice leaves out runs without any evaluation
    given_up = Evaluation(max_steps, longest, math.nan)
    points = tuple(
        TrainingPoint(
            step=each.step,
            examples=round(each.examples),
            seconds=each.step * speed.step_seconds,
            metric=each.metric,
            loss=math.nan,
        )
        for each in run.curve.evaluations or (given_up,)
    )
    limit = max_steps * speed.step_seconds
    probe = TrainingProbe(
        optimizer=recorded.optimizer,
        batch_size=run.batch_size,
        micro_batch_size=speed.micro_batch_size,
        learning_rate=run.learning_rate,
        seed=run.seed,
        max_steps=max_steps,
        max_seconds=limit,
        seconds_limit=limit,
    )
    ended = Remark.of("recorded_run_given_up", epochs=recorded.longest_run_epochs)
    outcome = Outcome(Status.OK) if reached else Outcome(Status.GOAL_NOT_REACHED, ended)
    result = TrainingResult(points, seconds, 0.0)
    return Trial(number, probe, outcome, result, 0.0, seconds, _hardware(recorded))


def _hardware(recorded: RecordedStudy) -> Hardware:
    return Hardware("recorded", recorded.hardware, 0, 0, 0, 0, platform="")
