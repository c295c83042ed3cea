"""How far apart seeds are at learning rates below, at and above the best of their batch size.

    python benchmarks/live/seed_noise.py        # writes benchmarks/results/live/seed-noise.md

Standard deviations of log steps to the goal between seeds, of the exhaustive searches' runs:
pooled over pairs of batch size and learning rate that three runs or more arrived with.
"""

import csv
import math
import statistics
from collections import defaultdict

from cases import CASES, RESULTS, ZOO_CASES, Case

Rung = tuple[int, int]
_OCTAVES = (-1, 0, 1)
"""An octave or more below the best learning rate, nearer to it, an octave or more above."""


def searched(case: Case) -> dict[Rung, list[float]]:
    """Steps of every run by batch size and rung of half an octave; infinite where it was lost."""
    runs: dict[Rung, list[float]] = defaultdict(list)
    with (case.results / f"truth-{case.name}.csv").open() as file:
        for row in csv.DictReader(file):
            steps = float(row["steps"]) if row["steps"] else math.inf
            runs[int(row["batch_size"]), int(row["rung"])].append(steps)
    return runs


def scatter(case: Case) -> dict[int, list[tuple[float, int]]]:
    """(squares, degrees of freedom) of each pair, by octaves from the best learning rate."""
    runs = searched(case)
    means = {
        rung: statistics.fmean(steps)
        for rung, steps in runs.items()
        if len(steps) > 2 and all(map(math.isfinite, steps))
    }
    found: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for (size, rung), steps in runs.items():
        of_size = {r: mean for (s, r), mean in means.items() if s == size}
        arrived = [math.log(each) for each in steps if math.isfinite(each)]
        if not of_size or len(arrived) < 3:
            continue
        best = min(of_size, key=of_size.__getitem__)
        octaves = max(-1, min(1, math.trunc((rung - best) / 2)))
        freedom = len(arrived) - 1
        found[octaves].append((freedom * statistics.variance(arrived), freedom))
    return found


def pooled(parts: list[tuple[float, int]]) -> str:
    """Standard deviation and its degrees of freedom; empty without any."""
    freedom = sum(count for _, count in parts)
    return (
        f"{math.sqrt(sum(squares for squares, _ in parts) / freedom):.2f} ({freedom})"
        if parts
        else ""
    )


def main() -> None:
    cases = {**CASES, **{name: case for name, case in ZOO_CASES.items() if name != "digits"}}
    told = {name: scatter(case) for name, case in cases.items()}
    told["all"] = {k: [part for each in told.values() for part in each[k]] for k in _OCTAVES}
    lines = [
        "# Seed noise by learning rate",
        "",
        "Made by `python benchmarks/live/seed_noise.py`: standard deviation of log steps to the "
        "goal between seeds and, in brackets, its degrees of freedom.",
        "",
        "| task | an octave or more below the best rate | near it | an octave or more above |",
        "|---|---|---|---|",
        *(
            f"| {name} | {' | '.join(pooled(each[k]) for k in _OCTAVES)} |"
            for name, each in told.items()
        ),
    ]
    path = RESULTS / "seed-noise.md"
    path.write_text("\n".join(lines) + "\n")
    print(path.read_text())


if __name__ == "__main__":
    main()
