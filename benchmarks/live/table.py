"""Time to the goal at what `tune` chose, against the truth and the usual advice.

    python benchmarks/live/table.py        # writes benchmarks/results/live/table.md

Rivals are given the learning rate that the exhaustive search found best at their batch size; the
user's reference keeps its own. A choice whose time lies inside the best's 95% interval counts as 1.
"""

import csv
import math
import statistics
from collections import defaultdict

from cases import CASES, RESULTS, Case
from truth_table import SizeTruth, best, step_seconds, truth


def fresh_seconds(case: Case) -> dict[tuple[int, float], float]:
    """Mean time to the goal over fresh seeds; infinite where a run did not arrive."""
    steps: dict[tuple[int, float], list[float]] = defaultdict(list)
    with (RESULTS / f"retrain-{case.name}.csv").open() as file:
        for row in csv.DictReader(file):
            key = int(row["batch_size"]), float(row["learning_rate"])
            steps[key].append(float(row["steps"]) if row["steps"] else math.inf)
    times = step_seconds(case)
    return {key: statistics.fmean(values) * times[key[0]] for key, values in steps.items()}


def regret(seconds: float, winner: SizeTruth) -> float:
    """Time over the best time; 1 inside the best's interval."""
    return 1.0 if seconds <= winner.high else seconds / winner.seconds


def of_size(size: int, rows: list[SizeTruth], winner: SizeTruth) -> str:
    """Regret of a batch size at its best learning rate; "at least" where no run arrived."""
    row = min((r for r in rows if r.batch_size >= size), key=lambda r: r.batch_size)
    told = f"{regret(row.seconds, winner):.2f} ({row.batch_size})"
    return told if row.reached else f"> {told}"


def main() -> None:
    truths, choices = [], []
    for case in CASES.values():
        rows = truth(case)
        winner = best(rows)
        fresh = fresh_seconds(case)
        with (RESULTS / f"tune-{case.name}.csv").open() as file:
            tuned = list(csv.DictReader(file))
        keys = [(int(r["batch_size"]), float(r["learning_rate"])) for r in tuned]
        regrets = [regret(fresh[key], winner) for key in keys]
        reference = fresh[32, case.reference_learning_rate] / winner.seconds
        choices.append(
            f"| {case.name} | {winner.batch_size} at {winner.learning_rate:.3g}: "
            f"{winner.seconds:.3g} s ({winner.low:.3g} to {winner.high:.3g}) "
            f"| {', '.join(f'{size} at {rate:.3g}' for size, rate in keys)} "
            f"| {', '.join(f'{r:.2f}' for r in regrets)} "
            f"| {statistics.median(regrets):.2f} | {max(regrets):.2f} "
            f"| {of_size(max(int(r['largest_that_ran']) for r in tuned), rows, winner)} "
            f"| {of_size(int(tuned[0]['highest_throughput']), rows, winner)} "
            f"| {of_size(32, rows, winner)} | {reference:.2f} "
            f"| {statistics.median(float(r['training_seconds']) for r in tuned):.1f} of "
            f"{float(tuned[0]['training_allowed']):.0f} s, "
            f"{statistics.median(float(r['wall_seconds']) for r in tuned):.0f} s |"
        )
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
        "Made by `make bench-live` on 2 cores of an AMD EPYC, one thread a run. Rivals have the "
        "best learning rate of their batch size (in brackets), the reference its own.",
        "",
        "| case | best batch size | `tune` chose, 5 repeats | regret | median | worst "
        "| largest that fits | highest throughput | 32 | reference | training, wall-clock |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
        *choices,
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
