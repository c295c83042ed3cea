"""Whether the numbers of a foreign study can be: finite, in range, sizes positive."""

import math
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from itertools import pairwise

from rightbatch.errors import StoreError
from rightbatch.records import (
    DescribeResult,
    NoisePoint,
    NoiseResult,
    Recording,
    Result,
    SpeedResult,
    TrainingPoint,
    TrainingResult,
)

_COUNT, _BYTES, _SECONDS = 2**53, 2**63 - 1, 1e11
"""The largest: exact as a float; held by every store; three thousand years."""

_RANGES: tuple[tuple[tuple[str, ...], float, float], ...] = (
    (("batch_sizes",), 0, _COUNT),  # 0 stands for the full training set
    (
        ("batch_size", "micro_batches", "groups", "train_examples", "workers", "multiple_of",
         "devices", "nodes", "accumulation_steps", "at_once", "number"),
        1, _COUNT,
    ),
    (
        ("examples", "steps", "step", "seed", "round", "parameters", "checkpoints", "cores",
         "threads", "retries", "left_out"),
        0, _COUNT,
    ),
    (("bytes",), 0, _BYTES),
    (("max_seconds", "seconds_limit"), 0, math.inf),
    (("seconds", "started", "created"), 0, _SECONDS),
    (("power_watts", "price_per_hour", "flops_per_example", "flops_per_second", "epochs"),
     0, 1e30),
    (("margin", "device_utilisation", "other_load"), 0, 1),
)  # fmt: skip
"""Endings of names of fields, the least and the most that they can be."""
_OR_NAN: tuple[tuple[tuple[str, ...], float, float], ...] = (
    (("learning_rate",), 1e-30, 1e30),
    (("sqr_norms",), 0, math.inf),
)
"""The same where a number may be unknown, or have overflowed."""


def check_sound(recording: Recording, where: str) -> None:
    """Check every number of a study that somebody else wrote.

    Raises:
        StoreError: One cannot be; the message names it.
    """
    for name, value in _numbers(recording.study, "study"):
        _check(name, value, where)
    if recording.study.facts is not None and not recording.study.facts.optimizers:
        raise StoreError(f"{where}: the study has no optimizer.")
    for trial in recording.trials:
        for name, value in _numbers(trial, f"trial {trial.number}"):
            _check(name, value, where)
        if why := _why_not(trial.result):
            raise StoreError(f"{where}: trial {trial.number} has {why}.")


def _why_not(result: Result | None) -> str:
    """What in a result cannot be as measured, in words; empty for nothing."""
    if isinstance(result, NoiseResult) and not all(map(_pairs, result.points)):
        return "gradient norms without partners"
    if isinstance(result, SpeedResult) and any(s.step_seconds <= 0 for s in result.samples):
        return "steps that took no time"
    if isinstance(result, DescribeResult) and not result.facts.optimizers:
        return "no optimizer"
    if isinstance(result, TrainingResult):
        start = (TrainingPoint(0, 0, 0.0, math.nan, math.nan), *result.points)
        if not all(a.step < b.step and a.seconds < b.seconds for a, b in pairwise(start)):
            return "evaluations that are not one after the other"
    return ""


def _pairs(point: NoisePoint) -> bool:
    """Whether a point has as many small as large norms, and small ones of smaller batches."""
    counts = len(point.small_sqr_norms), len(point.large_sqr_norms)
    return counts[0] == counts[1] > 0 and point.micro_batch_size < point.large_batch_size


def _check(name: str, value: float, where: str) -> None:
    for ranges, may_be_nan in ((_RANGES, False), (_OR_NAN, True)):
        for endings, least, most in ranges:
            if name.endswith(endings):
                if not (least <= value <= most or (may_be_nan and math.isnan(value))):
                    raise StoreError(f"{where}: {name} is {value:.6g}, which it cannot be.")
                return


def _numbers(value: object, name: str) -> Iterator[tuple[str, float]]:
    """Every number in a record, by the path of its field."""
    if isinstance(value, bool):
        return
    if isinstance(value, int | float):
        yield name, value
    elif isinstance(value, tuple):
        for each in value:
            yield from _numbers(each, name)
    elif is_dataclass(value):
        for field in fields(value):
            yield from _numbers(getattr(value, field.name), f"{name}.{field.name}")
