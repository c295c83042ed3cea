"""A study as study.json, training.csv and speed.csv, for spreadsheets and replays."""

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

from rightbatch.decide.study.evidence import grouped, of_optimizer
from rightbatch.decide.study.evidence import runs as runs_of
from rightbatch.errors import StoreError
from rightbatch.records import (
    Goal,
    Recording,
    Run,
    SpeedResult,
    TrainingProbe,
    WorkloadFacts,
    target_level,
)

TRAINING_COLUMNS = ("batch_size", "seed", "learning_rate", "step", "epoch", "metric")
SPEED_COLUMNS = ("batch_size", "step_seconds")

_READING_OF_RECORDED = (
    "as the study was recorded elsewhere: a training row is a metric value reported by a run; a "
    "run that never reached a target was stopped at longest_run_epochs"
)


def plain_files(recording: Recording) -> dict[str, str]:
    """The plain files of a study: file name -> content.

    They hold the runs of the study's first optimizer only. Of runs with the same batch size,
    learning rate and seed only the longest is written, as the others are its beginning. Of a study
    recorded elsewhere, micro-batches and gradient statistics are not kept.

    Raises:
        StoreError: The study ended before its workload was described.
    """
    facts = recording.study.facts
    if facts is None:
        raise StoreError(
            f"The study {recording.study.name} ended before its first trial, so there is nothing "
            "to export; run it again."
        )
    optimizer = (*recording.study.settings.optimizers, facts.optimizers[0].name)[0]
    runs = sorted(runs_of(recording.trials, optimizer), key=lambda run: run.batch_size)
    trials = of_optimizer(recording.trials, optimizer)
    timings = [trial.result for trial in trials if isinstance(trial.result, SpeedResult)]
    seconds = _step_seconds(timings, runs)
    summary = _summary(recording, facts, optimizer, runs, seconds)
    return {
        "study.json": json.dumps(summary, indent=2, allow_nan=False) + "\n",
        "training.csv": _csv(TRAINING_COLUMNS, _training_rows(runs, facts.train_examples)),
        "speed.csv": _speed_table(seconds, timings),
    }


def _step_seconds(timings: Sequence[SpeedResult], runs: Sequence[Run]) -> dict[int, float]:
    """Median step time by batch size: as timed, else from the training runs."""
    samples = (sample for result in timings for sample in result.samples)
    timed = grouped((sample.batch_size, sample.step_seconds) for sample in samples)
    trained = grouped(
        (run.batch_size, run.train_seconds / run.curve.steps)
        for run in runs
        if run.train_seconds > 0
    )
    return {size: median(values) for size, values in (trained | timed).items()}


def _speed_table(seconds: dict[int, float], timings: Sequence[SpeedResult]) -> str:
    """speed.csv, with a power column if power was measured: the last measurement counts."""
    rows = sorted(seconds.items())
    watts = {size: watts for result in timings for size, watts in result.power_watts}
    if not watts:
        return _csv(SPEED_COLUMNS, rows)
    powered = [(size, each, watts.get(size, "")) for size, each in rows]
    return _csv((*SPEED_COLUMNS, "power_watts"), powered)


def _training_rows(runs: Iterable[Run], train_examples: int) -> Iterable[tuple[Any, ...]]:
    for run in runs:
        rate = "" if math.isnan(run.learning_rate) else run.learning_rate
        for each in run.curve.evaluations:
            epoch = each.examples / train_examples
            yield run.batch_size, run.seed, rate, each.step, epoch, each.metric


def _summary(
    recording: Recording,
    facts: WorkloadFacts,
    optimizer: str,
    runs: Sequence[Run],
    seconds: dict[int, float],
) -> dict[str, Any]:
    study, goal, origin = recording.study, facts.goal, facts.origin
    count = Counter(run.batch_size for run in runs)
    candidates = sorted(count.keys() & seconds.keys())
    level = target_level(runs, goal)
    targets = [] if level is None else [level]
    return {
        "name": study.name,
        "task": "",
        "dataset": facts.title if origin is None else origin.dataset,
        "model": "",
        "optimizer": optimizer,
        "hardware": recording.hardware.device_name if recording.hardware else "",
        "devices": 1,
        "metric": {"name": goal.metric, "direction": goal.direction},
        "targets": targets if origin is None else list(origin.targets),
        "examples_per_epoch": facts.train_examples,
        "longest_run_epochs": _longest_epochs(facts, runs, seconds, level)
        if origin is None
        else origin.longest_run_epochs,
        "batch_sizes": candidates,
        "runs_per_batch_size": {str(size): count[size] for size in candidates},
        "source": f"study {study.name} of rightbatch {study.rightbatch_version}".strip(),
        "reading": _reading(optimizer, _others(recording, optimizer), level, goal)
        if origin is None
        else _READING_OF_RECORDED,
    }


def _longest_epochs(
    facts: WorkloadFacts, runs: Sequence[Run], seconds: dict[int, float], level: float | None
) -> float:
    """Epochs of the longest run, counting runs stopped early as long as the fastest run.

    A run is stopped early where it is not expected to win, so it would have taken at least the
    time of the fastest run.
    """
    examples = facts.train_examples
    longest = max(
        (e.examples / examples for run in runs for e in run.curve.evaluations), default=0.0
    )
    goal = replace(facts.goal, target=level)
    ends = [(run.batch_size, run.curve.arrival(goal)) for run in runs if run.batch_size in seconds]
    arrived = [there.step * seconds[size] for size, there in ends if there is not None]
    if not arrived:
        return longest
    short = {size for size, there in ends if there is None}
    return max([longest, *(min(arrived) / seconds[size] * size / examples for size in short)])


def _others(recording: Recording, optimizer: str) -> list[str]:
    probes = (trial.probe for trial in recording.trials)
    trained = {probe.optimizer for probe in probes if isinstance(probe, TrainingProbe)}
    return sorted(trained - {optimizer})


def _reading(optimizer: str, others: Sequence[str], level: float | None, goal: Goal) -> str:
    """How to read the files, in words."""
    missed = goal.target is not None and goal.target != level
    target = f"; no run reached {goal}: the target is the best level that any did" if missed else ""
    elsewhere = f"; those of {', '.join(others)} are in trials.jsonl" if others else ""
    return (
        f"a training row is one evaluation, of runs with the optimizer {optimizer} only"
        f"{elsewhere}; a run that did not reach the target was stopped at its last row, which may "
        "be earlier than longest_run_epochs, by which it would have taken as long as the fastest "
        f"run{target}; of runs with the same batch size, learning rate and seed only the longest "
        "is listed; a batch size that was not timed has the step time of its training runs"
    )


def _csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return file.getvalue()
