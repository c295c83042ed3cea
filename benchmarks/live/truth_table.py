"""The truth of a case, read from its runs and step times."""

import csv
import math
import statistics
from collections import defaultdict
from dataclasses import dataclass

from cases import Case
from scipy import stats

FIRST_SEED = 1000
"""Seeds of the truth are its own: `tune` uses others, and the retraining of its choice others."""
FIRST_APART = 1100
"""Seeds from here on measure a learning rate that those before have chosen."""


@dataclass(frozen=True)
class SizeTruth:
    """Time to the goal at one batch size, learning rate tuned.

    `seconds` is a lower bound where no run arrived (`reached` is False).
    """

    batch_size: int
    learning_rate: float
    steps: float
    seconds: float
    low: float
    high: float
    seeds: int
    reached: bool


def step_seconds(case: Case) -> dict[int, float]:
    """Measured step time by batch size, in seconds."""
    with (case.results / f"speed-{case.name}.csv").open() as file:
        return {int(row["batch_size"]): float(row["step_seconds"]) for row in csv.DictReader(file)}


def truth(case: Case) -> list[SizeTruth]:
    """One row per batch size, ascending: mean steps at the best learning rate x step time.

    The mean is over the seeds apart from those that chose the learning rate, once they were run.
    """
    runs, done = _runs(case)
    times = step_seconds(case)
    chosen = {row.batch_size: row for row in searched(case)}
    found = []
    for size in sorted(done):
        if size not in chosen:
            least = done[size] * times[size]
            found.append(SizeTruth(size, math.nan, done[size], least, least, math.inf, 0, False))
            continue
        row = chosen[size]
        steps = [s for seed, s in runs[size, row.learning_rate].items() if seed >= FIRST_APART]
        if steps and len(steps) == case.apart_seeds:
            row = _row(size, row.learning_rate, steps, times[size])
        found.append(row)
    return found


def searched(case: Case) -> list[SizeTruth]:
    """Every batch size that arrived, at the learning rate that the search found best."""
    runs, done = _runs(case)
    times = step_seconds(case)
    found = []
    for size in sorted(done):
        rows = []
        for (b, rate), by_seed in runs.items():
            steps = [s for seed, s in by_seed.items() if seed < FIRST_APART]
            if b == size and all(map(math.isfinite, steps)):
                rows.append(_row(size, rate, steps, times[size]))
        most = max((row.seeds for row in rows), default=0)
        if rows:
            found.append(best([row for row in rows if row.seeds == most]))
    return found


def _runs(case: Case) -> tuple[dict[tuple[int, float], dict[int, float]], dict[int, float]]:
    """Steps to the goal by pair and seed, infinite where it was not reached; most steps by size."""
    runs: dict[tuple[int, float], dict[int, float]] = defaultdict(dict)
    done: dict[int, float] = defaultdict(float)
    with (case.results / f"truth-{case.name}.csv").open() as file:
        for row in csv.DictReader(file):
            size = int(row["batch_size"])
            steps = float(row["steps"]) if row["steps"] else math.inf
            runs[size, float(row["learning_rate"])][int(row["seed"])] = steps
            done[size] = max(done[size], float(row["steps_done"]))
    return runs, done


def _row(size: int, rate: float, steps: list[float], step_seconds: float) -> SizeTruth:
    """Mean over seeds with its 95% interval; no interval of one seed, or where one failed."""
    mean = statistics.fmean(steps)
    reached = math.isfinite(mean)
    half = 0.0
    if len(steps) > 1 and reached:
        error = statistics.stdev(steps) / math.sqrt(len(steps))
        half = float(stats.t.ppf(0.975, len(steps) - 1)) * error
    low, high = (mean - half) * step_seconds, (mean + half) * step_seconds
    return SizeTruth(size, rate, mean, mean * step_seconds, low, high, len(steps), reached)


def best(rows: list[SizeTruth]) -> SizeTruth:
    """The batch size with the least time."""
    return min((row for row in rows if row.reached), key=lambda row: row.seconds)
