"""The truth of a case, read from its runs and step times."""

import csv
import math
import statistics
from collections import defaultdict
from dataclasses import dataclass

from cases import Case
from scipy import stats


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
    """One row per batch size, ascending: mean steps at the best learning rate x step time."""
    runs: dict[tuple[int, float], list[float | None]] = defaultdict(list)
    done: dict[int, float] = defaultdict(float)
    with (case.results / f"truth-{case.name}.csv").open() as file:
        for row in csv.DictReader(file):
            size = int(row["batch_size"])
            steps = float(row["steps"]) if row["steps"] else None
            runs[size, float(row["learning_rate"])].append(steps)
            done[size] = max(done[size], float(row["steps_done"]))
    times = step_seconds(case)
    found = []
    for size in sorted({size for size, _ in runs}):
        whole = {
            rate: [s for s in steps if s is not None]
            for (b, rate), steps in runs.items()
            if b == size and all(s is not None for s in steps)
        }
        if not whole:
            least = done[size] * times[size]
            found.append(SizeTruth(size, math.nan, done[size], least, least, math.inf, 0, False))
            continue
        most = max(len(steps) for steps in whole.values())
        rate, steps = min(
            ((r, s) for r, s in whole.items() if len(s) == most),
            key=lambda item: statistics.fmean(item[1]),
        )
        mean = statistics.fmean(steps)
        half = 0.0
        if len(steps) > 1:
            error = statistics.stdev(steps) / math.sqrt(len(steps))
            half = float(stats.t.ppf(0.975, len(steps) - 1)) * error
        cost = times[size]
        low, high = (mean - half) * cost, (mean + half) * cost
        found.append(SizeTruth(size, rate, mean, mean * cost, low, high, len(steps), True))
    return found


def best(rows: list[SizeTruth]) -> SizeTruth:
    """The batch size with the least time."""
    return min((row for row in rows if row.reached), key=lambda row: row.seconds)
