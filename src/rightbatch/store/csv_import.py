"""A published study, read from study.json, training.csv and speed.csv."""

import csv
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from rightbatch.errors import StoreError
from rightbatch.records import (
    Goal,
    Hardware,
    OptimizerFacts,
    Outcome,
    Recording,
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
from rightbatch.store.csv_export import SPEED_COLUMNS, TRAINING_COLUMNS
from rightbatch.store.text_files import read_text

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class _Summary:
    """What study.json says."""

    name: str
    optimizer: str
    hardware: str
    goal: Goal
    examples_per_epoch: int
    longest_run_epochs: float
    batch_sizes: tuple[int, ...]
    runs_per_batch_size: dict[int, int]


@dataclass(frozen=True, slots=True)
class _Speed:
    """One row of speed.csv; the micro-batches of all devices count as one."""

    batch_size: int
    step_seconds: float
    micro_batch_size: int


@dataclass(frozen=True, slots=True)
class _Level:
    """One row of training.csv."""

    step: int
    epoch: float
    metric: float


@dataclass(slots=True)
class _Run:
    """The rows of training.csv that belong together, in order."""

    batch_size: int
    learning_rate: float
    seed: int
    levels: list[_Level]


def read_plain_files(directory: Path) -> Recording:
    """A published study as a recording.

    It becomes one speed trial and one training trial per (batch size, learning rate, seed), for
    the study's candidate batch sizes; rows of other sizes are left out, having no step time.
    What the files do not tell: a learning rate left blank is NaN; the reference batch size is
    the lower middle candidate; losses are NaN; times of day are 0. Of several rows at one step
    the best level stands for all. A run without a row (see `runs_per_batch_size`) never reached
    any level. Columns of power and of gradient norms are not read.

    Raises:
        StoreError: A file is missing or malformed; the message names file and line.
    """
    summary = _read_summary(directory / "study.json")
    speeds = _read_speeds(directory / "speed.csv", summary.batch_sizes)
    runs = [
        run
        for run in _read_runs(directory / "training.csv", summary.goal)
        if run.batch_size in summary.batch_sizes
    ]
    runs += _runs_without_rows(runs, summary.runs_per_batch_size)
    trials = [_speed_trial(summary, speeds)]
    for number, run in enumerate(runs, start=2):
        trials.append(_training_trial(number, summary, run, speeds[run.batch_size]))
    return Recording(_study(summary, runs), tuple(trials))


def _read_summary(path: Path) -> _Summary:
    try:
        data = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise StoreError(f"{path}, line {error.lineno}: {error.msg}.") from None

    def field(name: str, convert: Callable[[Any], _Value]) -> _Value:
        try:
            return convert(data[name])
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            raise StoreError(f"{path}: the field {name!r} is missing or malformed.") from None

    if not isinstance(data, dict):
        raise StoreError(f"{path}: this is no JSON object.")
    target = field("targets", lambda targets: float(targets[-1]))
    metric, direction = field("metric", lambda metric: (str(metric["name"]), metric["direction"]))
    if direction not in {"max", "min"}:
        raise StoreError(f'{path}: the direction of the metric is neither "max" nor "min".')
    data.setdefault("runs_per_batch_size", {})
    return _Summary(
        name=field("name", str),
        optimizer=field("optimizer", str) or "recorded",
        hardware=field("hardware", str),
        goal=Goal(metric, direction, target=target),
        examples_per_epoch=field("examples_per_epoch", lambda value: _positive(int(value))),
        longest_run_epochs=field("longest_run_epochs", lambda value: _positive(float(value))),
        batch_sizes=field("batch_sizes", _candidates),
        runs_per_batch_size=field(
            "runs_per_batch_size",
            lambda counts: {int(size): int(count) for size, count in counts.items()},
        ),
    )


def _read_speeds(path: Path, batch_sizes: Sequence[int]) -> dict[int, _Speed]:
    """Rows of speed.csv by batch size, for every candidate."""
    speeds: dict[int, _Speed] = {}
    for row in _read_csv(path, SPEED_COLUMNS):
        size = row.value("batch_size", lambda text: _positive(int(text)))
        seconds = row.value("step_seconds", lambda text: _positive(float(text)))
        micro = row.value("micro_batch", lambda text: _positive(int(float(text))), default=size)
        steps = row.value(
            "accumulation", lambda text: _positive(int(text)), default=math.ceil(size / micro)
        )
        speeds[size] = _Speed(size, seconds, math.ceil(size / steps))
    for size in batch_sizes:
        if size not in speeds:
            raise StoreError(f"{path}: no row for the batch size {size} of study.json.")
    return {size: speeds[size] for size in batch_sizes}


def _read_runs(path: Path, goal: Goal) -> list[_Run]:
    runs: dict[tuple[int, str, int], _Run] = {}
    for row in _read_csv(path, TRAINING_COLUMNS):
        size = row.value("batch_size", lambda text: _positive(int(text)))
        rate = row.value("learning_rate", float, default=math.nan)
        seed = row.value("seed", int)
        step = row.value("step", lambda text: _positive(int(text)))
        epoch = row.value("epoch", lambda text: _positive(float(text)))
        level = _Level(step, epoch, row.value("metric", float))
        run = runs.setdefault((size, row.cells["learning_rate"], seed), _Run(size, rate, seed, []))
        last = run.levels[-1] if run.levels else None
        if last is None or step > last.step:
            run.levels.append(level)
        elif step < last.step:
            raise StoreError(f"{row.where}: the steps of a run go back from {last.step} to {step}.")
        elif goal.better(level.metric, last.metric):
            run.levels[-1] = level
    return list(runs.values())


def _runs_without_rows(runs: Sequence[_Run], counts: dict[int, int]) -> list[_Run]:
    """The runs that study.json counts and training.csv has no row of."""
    silent = []
    for size, count in counts.items():
        present = [run for run in runs if run.batch_size == size]
        seeds = {run.seed for run in present}
        rate = present[0].learning_rate if present else math.nan
        free = (seed for seed in range(1, count + len(seeds) + 1) if seed not in seeds)
        silent += [_Run(size, rate, next(free), []) for _ in range(count - len(present))]
    return silent


def _study(summary: _Summary, runs: Sequence[_Run]) -> Study:
    reference = sorted(summary.batch_sizes)[(len(summary.batch_sizes) - 1) // 2]
    rate = next((run.learning_rate for run in runs if run.batch_size == reference), math.nan)
    own = OptimizerFacts(
        name=summary.optimizer,
        rule="square_root" if "adam" in summary.optimizer.lower() else "linear",
        learning_rate=rate,
        tuned=not math.isnan(rate),
    )
    facts = WorkloadFacts(
        title=summary.name,
        framework="recorded",
        train_examples=summary.examples_per_epoch,
        valid_examples=0,
        batch_size=reference,
        optimizers=(own,),
        goal=summary.goal,
        parameters=0,
    )
    return Study(
        name=summary.name,
        workload=WorkloadReference(factory="", title=summary.name),
        settings=Settings(goal=str(summary.goal), batch_sizes=summary.batch_sizes),
        created=0.0,
        rightbatch_version="",
        facts=facts,
        hardware=Hardware("recorded", summary.hardware, 0, 0, 0, 0, platform=""),
        finished=True,
    )


def _speed_trial(summary: _Summary, speeds: dict[int, _Speed]) -> Trial:
    samples = tuple(
        SpeedSample(size, 1, compute_seconds=speed.step_seconds, load_seconds=0.0, round=0)
        for size, speed in speeds.items()
    )
    seconds = sum(sample.step_seconds for sample in samples)
    micro = max(speed.micro_batch_size for speed in speeds.values())
    probe = SpeedProbe(summary.optimizer, tuple(speeds), micro, seconds, seconds_limit=seconds)
    return Trial(1, probe, Outcome(Status.OK), SpeedResult(samples), 0.0, seconds)


def _training_trial(number: int, summary: _Summary, run: _Run, speed: _Speed) -> Trial:
    examples = summary.examples_per_epoch
    last = run.levels[-1].step if run.levels else 0
    given_up = math.ceil(round(summary.longest_run_epochs * examples / run.batch_size, 6))
    max_steps = max(given_up, last)
    reached = any(summary.goal.reached_by(level.metric) for level in run.levels)
    seconds = (last if reached else max_steps) * speed.step_seconds
    points = tuple(
        TrainingPoint(
            step=level.step,
            examples=round(level.epoch * examples),
            seconds=level.step * speed.step_seconds,
            metric=level.metric,
            loss=math.nan,
        )
        for level in run.levels
    )
    limit = max_steps * speed.step_seconds
    probe = TrainingProbe(
        optimizer=summary.optimizer,
        batch_size=run.batch_size,
        micro_batch_size=speed.micro_batch_size,
        learning_rate=run.learning_rate,
        seed=run.seed,
        max_steps=max_steps,
        max_seconds=limit,
        seconds_limit=limit,
        reason="It was recorded.",
    )
    advice = f"The run was given up after {summary.longest_run_epochs:g} epochs."
    outcome = Outcome(Status.OK) if reached else Outcome(Status.GOAL_NOT_REACHED, advice)
    return Trial(number, probe, outcome, TrainingResult(points, seconds, 0.0), 0.0, seconds)


@dataclass(frozen=True, slots=True)
class _CsvRow:
    """One row of a CSV file, and where it stands."""

    where: str
    cells: dict[str, str]

    def value(
        self, column: str, convert: Callable[[str], _Value], default: _Value | None = None
    ) -> _Value:
        """The cell of a column; `default`, where given, if it is blank or not there."""
        text = self.cells.get(column, "")
        if not text and default is not None:
            return default
        try:
            return convert(text)
        except (ValueError, OverflowError):
            raise StoreError(f"{self.where}: {text!r} is no {column.replace('_', ' ')}.") from None


def _read_csv(path: Path, columns: Sequence[str]) -> list[_CsvRow]:
    lines = read_text(path).splitlines()
    try:
        header, *body = csv.reader(lines, strict=True)
    except (csv.Error, ValueError):
        raise StoreError(f"{path}, line 1: there is no table in the file.") from None
    for column in columns:
        if column not in header:
            raise StoreError(f"{path}, line 1: the column {column!r} is missing.")
    rows = []
    for line, cells in enumerate(body, start=2):
        if not cells:
            continue
        where = f"{path}, line {line}"
        if len(cells) != len(header):
            raise StoreError(f"{where}: {len(cells)} cells under {len(header)} columns.")
        rows.append(_CsvRow(where, dict(zip(header, cells, strict=True))))
    return rows


def _candidates(sizes: Sequence[object]) -> tuple[int, ...]:
    _positive(len(sizes))
    return tuple(_positive(int(str(size))) for size in sizes)


def _positive(value: _Value) -> _Value:
    if not 0 < value < math.inf:  # type: ignore[operator]
        raise ValueError
    return value
