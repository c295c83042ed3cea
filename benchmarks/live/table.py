"""Time to the goal at what `tune` chose, against the truth and the usual advice.

    python benchmarks/live/table.py        # writes benchmarks/results/live/table.md

Rivals are given the learning rate that the exhaustive search found best at their batch size; the
user's reference keeps its own. A choice whose time lies inside the best's 95% interval counts as 1.
The best is the grid's best batch size and learning rate, retrained on the choices' seeds; beside it
stands the regret against the grid's own figure, from the seeds that are apart from its search.
"""

import csv
import math
import statistics
from collections import Counter, defaultdict
from dataclasses import dataclass

from cases import CASES, RESULTS, Case
from scipy import stats
from truth_table import SizeTruth, best, step_seconds, truth

Pair = tuple[int, float]


@dataclass(frozen=True)
class Fresh:
    """Mean time to the goal over fresh seeds and its 95% interval; infinite where one failed."""

    seconds: float
    high: float
    seeds: int


def fresh(case: Case) -> dict[Pair, Fresh]:
    """Every pair that was retrained, on the seeds that all of them had."""
    steps: dict[Pair, dict[int, float]] = defaultdict(dict)
    with (case.results / f"retrain-{case.name}.csv").open() as file:
        for row in csv.DictReader(file):
            key = int(row["batch_size"]), float(row["learning_rate"])
            steps[key][int(row["seed"])] = float(row["steps"]) if row["steps"] else math.inf
    times = step_seconds(case)
    seeds = set.intersection(*(set(runs) for runs in steps.values()))
    told = {}
    for (size, rate), runs in steps.items():
        values = [runs[seed] for seed in seeds]
        mean, count = statistics.fmean(values), len(values)
        half = math.inf
        if math.isfinite(mean):
            error = statistics.stdev(values) / math.sqrt(count)
            half = float(stats.t.ppf(0.975, count - 1)) * error
        told[size, rate] = Fresh(mean * times[size], (mean + half) * times[size], count)
    return told


def regret(seconds: float, best_seconds: float, best_high: float) -> float:
    """Time over the best time; 1 inside the best's interval, or below it."""
    return 1.0 if seconds <= best_high else seconds / best_seconds


def summed_up(regrets: list[float]) -> str:
    """How many are 1, the median and the worst."""
    inside = sum(value == 1.0 for value in regrets)
    return f"{inside} of {len(regrets)}: {statistics.median(regrets):.2f}, {max(regrets):.2f}"


def listed(keys: list[Pair], retrained: dict[Pair, Fresh], best_seconds: float) -> str:
    """Each choice, its ratio and how often it was made."""
    return ", ".join(
        f"{size} at {rate:.3g}: {retrained[size, rate].seconds / best_seconds:.2f}"
        + (f" (×{times})" if times > 1 else "")
        for (size, rate), times in sorted(Counter(keys).items())
    )


def of_size(size: int, rows: list[SizeTruth], winner: SizeTruth) -> str:
    """Regret of a batch size at its best learning rate; "at least" where no run arrived."""
    row = min((r for r in rows if r.batch_size >= size), key=lambda r: r.batch_size)
    told = f"{regret(row.seconds, winner.seconds, winner.high):.2f} ({row.batch_size})"
    return told if row.reached else f"> {told}"


def first_model(case: Case, tuned: list[dict[str, str]]) -> str:
    """How long a case's first model took, for a workload to be trained again and for a one-off."""
    cells = [case.name]
    for column in ("to_model_seconds", "one_off_to_model_seconds"):
        seconds = [float(row[column]) for row in tuned]
        cells.append(f"{statistics.fmean(seconds):.1f} s ({max(seconds):.1f} s)")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    truths, choices, seeds, first_models = [], [], [], []
    for case in CASES.values():
        rows = truth(case)
        winner = best(rows)
        retrained = fresh(case)
        there = retrained[winner.batch_size, winner.learning_rate]
        seeds.append(f"{case.name} {there.seeds}")
        with (RESULTS / f"tune-{case.name}.csv").open() as file:
            tuned = list(csv.DictReader(file))
        keys = [(int(r["batch_size"]), float(r["learning_rate"])) for r in tuned]
        regrets = [regret(retrained[key].seconds, there.seconds, there.high) for key in keys]
        of_grid = [regret(retrained[key].seconds, winner.seconds, winner.high) for key in keys]
        reference = retrained[32, case.reference_learning_rate].seconds / there.seconds
        choices.append(
            f"| {case.name} | {winner.batch_size} at {winner.learning_rate:.3g}: "
            f"{there.seconds:.3g} s (up to {there.high:.3g}); "
            f"in the grid {winner.seconds:.3g} s (up to {winner.high:.3g}) "
            f"| {listed(keys, retrained, there.seconds)} | {summed_up(regrets)} "
            f"| {summed_up(of_grid)} "
            f"| {of_size(max(int(r['largest_that_ran']) for r in tuned), rows, winner)} "
            f"| {of_size(int(tuned[0]['highest_throughput']), rows, winner)} "
            f"| {of_size(32, rows, winner)} | {reference:.2f} "
            f"| {statistics.median(float(r['training_seconds']) for r in tuned):.1f} of "
            f"{float(tuned[0]['training_allowed']):.0f} s, "
            f"{statistics.median(float(r['wall_seconds']) for r in tuned):.0f} s |"
        )
        first_models.append(first_model(case, tuned))
        for row in rows:
            bound = "" if row.reached else "at least "
            truths.append(
                f"| {case.name} | {row.batch_size} | {row.learning_rate:.3g} "
                f"| {bound}{row.steps:.0f} | {bound}{row.seconds:.3g} "
                f"| {row.low:.3g} to {row.high:.3g} | {row.seeds} |"
            )
    lines = [
        "# Live regret: time to the goal at the choice over the best time",
        "",
        "Made by `make bench-live` on an Intel Xeon, two cases at a time, each on a core of its "
        "own, one thread a run; timed on the quiet machine. Rivals have the "
        "best learning rate of their batch size (in brackets), the reference its own.",
        "",
        "Choices, the reference and the grid's best are retrained on the same fresh seeds "
        f"({', '.join(seeds)}), and the ratio is of mean times. Regret is the ratio, or 1 inside "
        "the 95% interval of the best. In the grid itself the best time is the least of the means "
        "at each batch size, over seeds apart from those that chose its learning rate.",
        "",
        "| case | best batch size | `tune` chose: ratio | regret 1 of studies: median, worst "
        "| against the grid's own figure | largest that fits | highest throughput | 32 | reference "
        "| training, wall-clock |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *choices,
        "",
        "## Time to a first model",
        "",
        "Wall-clock time until a run first reached the goal, all measuring before it included: "
        "mean of the studies and, in brackets, the longest.",
        "",
        "| case | `tune` | `tune --one-off` |",
        "|---|---|---|",
        *first_models,
        "",
        "## The truth",
        "",
        "| case | batch size | best learning rate | mean steps | seconds | 95% interval | seeds |",
        "|---|---|---|---|---|---|---|",
        *truths,
    ]
    path = RESULTS / "table.md"
    path.write_text("\n".join(lines) + "\n")
    print(path.read_text())


if __name__ == "__main__":
    main()
