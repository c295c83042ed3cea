"""A study as study.json, training.csv and speed.csv: what a spreadsheet or a replay reads."""

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import median
from typing import Any, NamedTuple

from rightbatch.errors import StoreError
from rightbatch.records import (
    Goal,
    Recording,
    SpeedProbe,
    SpeedResult,
    Status,
    TrainingProbe,
    TrainingResult,
    WorkloadFacts,
)

TRAINING_COLUMNS = ("batch_size", "seed", "learning_rate", "step", "epoch", "metric")
SPEED_COLUMNS = ("batch_size", "step_seconds")

_READING_OF_RECORDED = (
    "as the study was recorded elsewhere: a training row is a level of the metric that a run told; "
    "a run that never reached a target was given up at longest_run_epochs"
)

_TRAINED = {Status.OK, Status.GOAL_NOT_REACHED, Status.DIVERGED}


class _Run(NamedTuple):
    probe: TrainingProbe
    result: TrainingResult


def plain_files(recording: Recording) -> dict[str, str]:
    """The plain files of a study: file name to content.

    Only runs of the study's first optimizer are in them. Of runs at the same batch size,
    learning rate and seed the longest stands for all, the others being its beginning. Of a study
    that was recorded elsewhere micro-batches and gradient statistics are not kept.

    Raises:
        StoreError: The study ended before its workload was described.
    """
    facts = recording.study.facts
    if facts is None:
        raise StoreError(
            f"The study {recording.study.name} ended before its first trial; there is nothing to "
            "export."
        )
    optimizer = (*recording.study.settings.optimizers, facts.optimizers[0].name)[0]
    runs = _runs(recording, optimizer)
    seconds = _step_seconds(recording, optimizer, runs)
    summary = json.dumps(
        _summary(recording, facts, optimizer, runs, seconds), indent=2, allow_nan=False
    )
    return {
        "study.json": summary + "\n",
        "training.csv": _csv(TRAINING_COLUMNS, _training_rows(runs, facts.train_examples)),
        "speed.csv": _speed_table(seconds, _power_watts(recording, optimizer)),
    }


def _runs(recording: Recording, optimizer: str) -> list[_Run]:
    longest: dict[tuple[int, float, int], _Run] = {}
    for trial in recording.trials:
        probe, result = trial.probe, trial.result
        if not (isinstance(probe, TrainingProbe) and isinstance(result, TrainingResult)):
            continue
        if probe.optimizer != optimizer or trial.outcome.status not in _TRAINED:
            continue
        key = (probe.batch_size, probe.learning_rate, probe.seed)
        run = _Run(probe, result)
        if key not in longest or _last_step(run) >= _last_step(longest[key]):
            longest[key] = run
    return sorted(longest.values(), key=lambda run: run.probe.batch_size)


def _last_step(run: _Run) -> int:
    return run.result.points[-1].step if run.result.points else 0


def _step_seconds(recording: Recording, optimizer: str, runs: Sequence[_Run]) -> dict[int, float]:
    """Median seconds per step, by batch size: as timed, else as the training runs took."""
    timed: dict[int, list[float]] = {}
    trained: dict[int, list[float]] = {}
    for trial in recording.trials:
        if isinstance(trial.result, SpeedResult) and isinstance(trial.probe, SpeedProbe):
            if trial.probe.optimizer != optimizer:
                continue
            for sample in trial.result.samples:
                timed.setdefault(sample.batch_size, []).append(sample.step_seconds)
    for run in runs:
        if run.result.points and run.result.points[-1].seconds > 0:
            last = run.result.points[-1]
            trained.setdefault(run.probe.batch_size, []).append(last.seconds / last.step)
    return {size: median(values) for size, values in (trained | timed).items()}


def _power_watts(recording: Recording, optimizer: str) -> dict[int, float]:
    """Mean power while steps were timed, by batch size; as measured last."""
    return {
        size: watts
        for trial in recording.trials
        if isinstance(trial.result, SpeedResult) and isinstance(trial.probe, SpeedProbe)
        if trial.probe.optimizer == optimizer
        for size, watts in trial.result.power_watts
    }


def _speed_table(seconds: dict[int, float], watts: dict[int, float]) -> str:
    """speed.csv, with a column of power where that was measured."""
    rows = sorted(seconds.items())
    if not watts:
        return _csv(SPEED_COLUMNS, rows)
    powered = [(size, each, watts.get(size, "")) for size, each in rows]
    return _csv((*SPEED_COLUMNS, "power_watts"), powered)


def _training_rows(runs: Iterable[_Run], train_examples: int) -> Iterable[tuple[Any, ...]]:
    for probe, result in runs:
        rate = "" if math.isnan(probe.learning_rate) else probe.learning_rate
        for point in result.points:
            epoch = point.examples / train_examples
            yield probe.batch_size, probe.seed, rate, point.step, epoch, point.metric


def _summary(
    recording: Recording,
    facts: WorkloadFacts,
    optimizer: str,
    runs: Sequence[_Run],
    seconds: dict[int, float],
) -> dict[str, Any]:
    study, goal = recording.study, facts.goal
    count = Counter(run.probe.batch_size for run in runs)
    candidates = sorted(count.keys() & seconds.keys())
    targets = _targets(facts, runs)
    return {
        "name": study.name,
        "task": "",
        "dataset": facts.title if facts.origin is None else facts.origin.dataset,
        "model": "",
        "optimizer": optimizer,
        "hardware": recording.hardware.device_name if recording.hardware else "",
        "devices": 1,
        "metric": {"name": goal.metric, "direction": goal.direction},
        "targets": targets,
        "examples_per_epoch": facts.train_examples,
        "longest_run_epochs": _longest_epochs(facts, runs, seconds, targets),
        "batch_sizes": candidates,
        "runs_per_batch_size": {str(size): count[size] for size in candidates},
        "source": f"study {study.name} of rightbatch {study.rightbatch_version}".strip(),
        "reading": _READING_OF_RECORDED
        if facts.origin is not None
        else _reading(optimizer, _others(recording, optimizer), targets, goal),
    }


def _targets(facts: WorkloadFacts, runs: Sequence[_Run]) -> list[float]:
    """The goal's target; the best level of any run where none reached that, or there is none.

    All targets of a study that was recorded elsewhere.
    """
    if facts.origin is not None:
        return list(facts.origin.targets)
    goal = facts.goal
    levels = [p.metric for run in runs for p in run.result.points if math.isfinite(p.metric)]
    if not levels:
        return [] if goal.target is None else [goal.target]
    best = max(levels) if goal.direction == "max" else min(levels)
    return [goal.target if goal.target is not None and goal.reached_by(best) else best]


def _longest_epochs(
    facts: WorkloadFacts, runs: Sequence[_Run], seconds: dict[int, float], targets: Sequence[float]
) -> float:
    """Epochs of the longest run, and what all that stopped short could train in the best time.

    A run stops short where it is not expected to win, so that it would have taken the time of the
    fastest run at the least. What a study that was recorded elsewhere tells holds.
    """
    if facts.origin is not None:
        return facts.origin.longest_run_epochs
    examples = facts.train_examples
    longest = max((p.examples / examples for run in runs for p in run.result.points), default=0.0)
    goal = replace(facts.goal, target=targets[0] if targets else None)
    steps = {run: _arrival(run, goal) for run in runs if run.probe.batch_size in seconds}
    arrived = [at * seconds[run.probe.batch_size] for run, at in steps.items() if at is not None]
    if not arrived:
        return longest
    short = {run.probe.batch_size for run, at in steps.items() if at is None}
    return max([longest, *(min(arrived) / seconds[size] * size / examples for size in short)])


def _arrival(run: _Run, goal: Goal) -> int | None:
    """Steps of a run to its first evaluation at the target; None where it never got there."""
    return next((p.step for p in run.result.points if goal.reached_by(p.metric)), None)


def _others(recording: Recording, optimizer: str) -> list[str]:
    """Other optimizers that the study trained with."""
    probes = (trial.probe for trial in recording.trials)
    trained = {probe.optimizer for probe in probes if isinstance(probe, TrainingProbe)}
    return sorted(trained - {optimizer})


def _reading(optimizer: str, others: Sequence[str], targets: Sequence[float], goal: Goal) -> str:
    missed = goal.target is not None and goal.target not in targets
    target = f"; no run reached {goal}: the target is the best level that any did" if missed else ""
    elsewhere = f"; those of {', '.join(others)} are in trials.jsonl" if others else ""
    return (
        f"a training row is one evaluation, of runs with the optimizer {optimizer} only"
        f"{elsewhere}; a run that did not reach the target was given up at its last row, which may "
        "be earlier than longest_run_epochs, by which it would have taken the time of the fastest"
        f"{target}; of runs alike in batch size, learning rate and seed "
        "the longest is given; a batch size that was not timed has the step time of its training "
        "runs"
    )


def _csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return file.getvalue()
