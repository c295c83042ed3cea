"""Read a recorded study from study.json, training.csv and speed.csv."""

import math
import reprlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rightbatch.errors import StoreError
from rightbatch.exchange.csv_export import SPEED_COLUMNS, TRAINING_COLUMNS
from rightbatch.exchange.text_files import (
    CsvRow,
    Value,
    parse_json,
    positive,
    read_csv,
    read_text,
    valid,
)
from rightbatch.records import (
    Curve,
    Evaluation,
    Goal,
    RecordedSpeed,
    RecordedStudy,
    Run,
)

_MOST_RUNS = 1000
"""More runs per batch size are refused."""
_LATE = 1.5
"""Multiple of longest_run_epochs after which an arrival contradicts it."""
_MOST_NOISE = 1e15
"""A larger gradient noise scale is refused, as results would not stay finite."""


def read_recorded(directory: Path) -> RecordedStudy:
    """A study as published or exported.

    Rows of batch sizes without a step time are left out. A blank learning rate becomes NaN. Of
    several rows at one step the best level counts. A run without rows (see `runs_per_batch_size`,
    1 if absent) never reached any level. Gradient statistics are read as in AdaptDL, whose
    variance is at the smallest batch size.

    Raises:
        StoreError: A file is missing or malformed; the message names file and line.
    """
    if not directory.is_dir():
        raise StoreError(f"{directory} is not a folder; name one that contains a study.json.")
    described, sizes, counts = _describe(directory / "study.json")
    speeds = _read_speeds(directory / "speed.csv", sizes)
    every = _read_runs(directory / "training.csv", described)
    runs = [run for run in every if run.batch_size in sizes]
    runs += _runs_without_rows(runs, {size: counts.get(size, 1) for size in sizes})
    _check_longest(directory / "study.json", described, runs)
    return replace(described, speeds=speeds, runs=tuple(runs))


def _describe(path: Path) -> tuple[RecordedStudy, tuple[int, ...], dict[int, int]]:
    """From study.json: the study without speeds and runs, its candidates, and runs of each."""
    data = parse_json(read_text(path), path, 1, f"{path}: this does not describe a study")

    def field(name: str, convert: Callable[[Any], Value]) -> Value:
        try:
            return convert(data[name])
        except (LookupError, TypeError, ValueError, OverflowError, AttributeError):
            raise StoreError(
                f"{path}: the field {name!r} is missing or malformed; correct it."
            ) from None

    if not isinstance(data, dict):
        raise StoreError(f"{path}: this is not a JSON object; write one.")
    _check_trained(path, data)
    metric, direction = field("metric", lambda metric: (_text(metric["name"]), metric["direction"]))
    if direction not in ("max", "min"):
        raise StoreError(f'{path}: the direction of the metric must be "max" or "min".')
    data = {"runs_per_batch_size": {}, "dataset": "", **data}
    described = RecordedStudy(
        name=field("name", _text),
        dataset=field("dataset", lambda name: _text(name or data["name"])),
        optimizer=field("optimizer", lambda name: _text(name or "recorded")),
        hardware=field("hardware", lambda name: str(name or "")),
        metric=metric,
        direction=direction,
        targets=field("targets", lambda levels: tuple(_level(n) for n in _listed(levels))),
        examples_per_epoch=field("examples_per_epoch", lambda value: positive(int(value))),
        longest_run_epochs=field("longest_run_epochs", lambda value: positive(float(value))),
        speeds=(),
        runs=(),
    )
    counts = field("runs_per_batch_size", lambda runs: {int(k): count for k, count in runs.items()})
    sizes = field("batch_sizes", lambda sizes: tuple(positive(int(str(n))) for n in _listed(sizes)))
    _check_once(path, "target", described.targets)
    _check_once(path, "batch size", sizes)
    return described, sizes, _checked_counts(path, counts)


def _check_trained(path: Path, data: dict[str, Any]) -> None:
    """Refuse the export of a study without training runs, or without evaluations."""
    blank = data.get("longest_run_epochs") == 0
    if data.get("batch_sizes") == [] or (
        blank and not read_csv(path.with_name("training.csv"), TRAINING_COLUMNS)
    ):
        raise StoreError(
            f"{path.parent}: there is nothing to replay, as no training run was recorded up to an "
            "evaluation; record one that reaches a target."
        )


def _checked_counts(path: Path, counts: dict[int, object]) -> dict[int, int]:
    """Numbers of runs by batch size, if they are plausible."""
    checked = {}
    for size, count in counts.items():
        if not (isinstance(count, int) and 1 <= count <= _MOST_RUNS) or isinstance(count, bool):
            raise StoreError(
                f"{path}: runs_per_batch_size is {reprlib.repr(count)} at batch size {size}; give "
                f"a whole number from 1 to {_MOST_RUNS:,}."
            )
        checked[size] = count
    return checked


def _check_once(path: Path, what: str, values: Sequence[float]) -> None:
    value, times = Counter(values).most_common(1)[0]
    if times > 1:
        raise StoreError(f"{path}: the {what} {value} is listed {times} times; list it once.")


def _read_speeds(path: Path, batch_sizes: Sequence[int]) -> tuple[RecordedSpeed, ...]:
    """Rows of speed.csv, one for every candidate."""
    speeds: dict[int, RecordedSpeed] = {}
    for row in read_csv(path, SPEED_COLUMNS):
        size = row.value("batch_size", lambda text: positive(int(text)))
        micro = row.value("micro_batch", lambda text: positive(int(float(text))), default=size)
        steps = row.value(
            "accumulation", lambda text: positive(int(text)), default=math.ceil(size / micro)
        )
        watts = row.value("power_watts", lambda text: positive(float(text)), default=math.nan)
        speeds[size] = RecordedSpeed(
            size,
            step_seconds=row.value("step_seconds", lambda text: positive(float(text))),
            micro_batch_size=math.ceil(size / steps),
            power_watts=None if math.isnan(watts) else watts,
        )
    for size in batch_sizes:
        if size not in speeds:
            raise StoreError(
                f"{path}: there is no row for batch size {size} of study.json; add it."
            )
    return tuple(speeds[size] for size in batch_sizes)


def _read_runs(path: Path, described: RecordedStudy) -> list[Run]:
    goal = Goal(described.metric, described.direction)
    rows = read_csv(path, TRAINING_COLUMNS)
    initial = min((row.value("batch_size", int) for row in rows), default=None)
    runs: dict[tuple[int, str, int], tuple[Run, list[Evaluation]]] = {}
    for row in rows:
        size = row.value("batch_size", lambda text: positive(int(text)))
        rate = row.value("learning_rate", float, default=math.nan)
        seed = row.value("seed", int)
        evaluation = _read_evaluation(row, initial or size, described.examples_per_epoch)
        run = Run(size, rate, seed, optimizer=described.optimizer)
        _, before = runs.setdefault((size, row.cells["learning_rate"], seed), (run, []))
        last = before[-1] if before else None
        if last is None or evaluation.step > last.step:
            before.append(evaluation)
        elif evaluation.step < last.step:
            raise StoreError(
                f"{row.where}: the steps of a run go back from {last.step} to {evaluation.step}; "
                "sort its rows by step."
            )
        elif goal.better(evaluation.metric, last.metric):
            before[-1] = evaluation
    return [replace(run, curve=Curve(tuple(curve))) for run, curve in runs.values()]


def _read_evaluation(row: CsvRow, initial: int, examples_per_epoch: int) -> Evaluation:
    """One row of training.csv; noise scale = initial batch size × variance / squared norm."""
    norm = row.value("grad_sqr_norm", _no_infinity, default=math.nan)
    variance = row.value("grad_variance", _no_infinity, default=math.nan)
    noise = initial * variance / norm if norm > 0 and variance >= 0 else None
    if noise is not None and noise > _MOST_NOISE:
        raise StoreError(
            f"{row.where}: grad_variance {variance:g} and grad_sqr_norm {norm:g} give no plausible "
            "noise scale; leave both blank if they were not recorded."
        )
    return Evaluation(
        step=row.value("step", lambda text: positive(int(text))),
        examples=row.value("epoch", lambda text: positive(float(text))) * examples_per_epoch,
        metric=row.value("metric", float),
        noise_scale=noise,
    )


def _runs_without_rows(runs: Sequence[Run], counts: dict[int, int]) -> list[Run]:
    """The runs that study.json counts and training.csv lacks."""
    silent = []
    for size, count in counts.items():
        present = [run for run in runs if run.batch_size == size]
        seeds = {run.seed for run in present}
        rate = present[0].learning_rate if present else math.nan
        free = (seed for seed in range(1, count + len(seeds) + 1) if seed not in seeds)
        silent += [Run(size, rate, next(free)) for _ in range(count - len(present))]
    return silent


def _check_longest(path: Path, study: RecordedStudy, runs: Sequence[Run]) -> None:
    """Refuse a longest_run_epochs well below the arrival of a run; epochs may be coarse."""
    goals = [Goal(study.metric, study.direction, target=target) for target in study.targets]
    for run in runs:
        for goal in goals:
            there = run.curve.arrival(goal)
            at = 0.0 if there is None else there.examples / study.examples_per_epoch
            if at > _LATE * study.longest_run_epochs:
                raise StoreError(
                    f"{path}: longest_run_epochs is {study.longest_run_epochs:g}, but a run at "
                    f"batch size {run.batch_size} reached {goal} only after {at:g} epochs; set it "
                    "to the epochs after which unsuccessful runs were stopped."
                )


def _listed(values: Any) -> list[object]:  # noqa: ANN401 - of JSON, as the next two
    """A non-empty JSON list; else a ValueError."""
    return list(valid(values, holds=isinstance(values, list) and len(values) > 0))


def _level(value: Any) -> float:  # noqa: ANN401
    """A finite JSON number; else a ValueError."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(valid(value, holds=number and math.isfinite(value)))


def _text(value: Any) -> str:  # noqa: ANN401
    """A non-blank JSON string; else a ValueError."""
    return str(valid(value, holds=isinstance(value, str) and value.strip() != ""))


def _no_infinity(text: str) -> float:
    """A number, or NaN for one that was not recorded; else a ValueError."""
    return valid(float(text), holds=not math.isinf(float(text)))
