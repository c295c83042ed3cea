"""Time to the goal of every task of the zoo: at what `tune` recommends, and elsewhere.

    python benchmarks/live/zoo_table.py        # writes benchmarks/results/zoo/table.md

The recommendation, the user's settings and the grid's best are means over the same fresh seeds.
Where `tune` was repeated, the recommendation is the one with the median time. Every other batch
size has the best of its learning rates, three seeds or more; where no run arrived within three
times the best batch size's time, its row says "more than". Tasks that were not measured yet are
left out.
"""

import csv

from cases import ZOO_CASES, ZOO_RESULTS, Case
from table import Pair, fresh
from truth_table import SizeTruth, best, truth

SHOWN = (32, 64)


def seconds(row: SizeTruth) -> str:
    """Time to the goal in seconds, and the learning rate."""
    if not row.reached:
        return f"more than {row.seconds:.3g} s"
    return f"{row.seconds:.3g} s at {row.learning_rate:.3g}"


def summary(name: str, case: Case, rows: list[SizeTruth]) -> str:
    """The task's row."""
    retrained = fresh(case)
    winner = best(rows)
    there = retrained[winner.batch_size, winner.learning_rate].seconds
    with (case.results / f"tune-{case.name}.csv").open() as file:
        repeats = sorted(csv.DictReader(file), key=lambda row: retrained[pair(row)].seconds)
    tuned = repeats[(len(repeats) - 1) // 2]
    size, rate = pair(tuned)
    chosen = retrained[size, rate].seconds
    reference = retrained[case.reference_batch_size, case.reference_learning_rate].seconds
    of_size = {row.batch_size: row for row in rows}
    largest = int(tuned["largest_that_ran"])
    shown = [seconds(of_size[other]) for other in (*SHOWN, largest)]
    cells = [
        label(name),
        f"{size} at {rate:.3g}: {chosen:.3g} s",
        f"{winner.batch_size} at {winner.learning_rate:.3g}: {there:.3g} s",
        f"{chosen / there:.2f}",
        f"{case.reference_batch_size} at {case.reference_learning_rate:.3g}: {reference:.3g} s",
        *shown[:-1],
        f"{largest}: {shown[-1]}",
        f"{float(tuned['wall_seconds']):.0f} s",
    ]
    return "| " + " | ".join(cells) + " |"


def label(name: str) -> str:
    """A task, with what Keras runs on."""
    backend = ZOO_CASES[name].backend
    return f"{name} ({backend})" if backend else name


def pair(tuned: dict[str, str]) -> Pair:
    """What `tune` chose."""
    return int(tuned["batch_size"]), float(tuned["learning_rate"])


def grid(name: str, rows: list[SizeTruth]) -> list[str]:
    """A row for every batch size."""
    return [
        f"| {label(name)} | {row.batch_size} | {seconds(row)} | {row.steps:.0f} | {row.seeds} |"
        for row in rows
    ]


def main() -> None:
    measured = {
        name: truth(case)
        for name, case in ZOO_CASES.items()
        if (case.results / f"retrain-{case.name}.csv").exists()
    }
    lines = [
        "# Every task: time to the goal at the recommendation and elsewhere",
        "",
        "Made by `make bench-zoo`, one CPU thread a run. Times are mean steps to the goal times "
        "the step time, which is measured apart. Regret is the recommendation's time over the "
        "best's, both retrained on the same fresh seeds, five or more. `digits` is the case "
        "digits-sgd of [the live benchmark](../live/table.md). A row is of one machine: "
        "diamonds and Keras on an AMD EPYC, the others on an Intel Xeon, tuned two at a time, each "
        "on a core of its own, and timed on the quiet machine.",
        "",
        "| task | `tune` recommends | best of the grid | regret | today's settings | 32 | 64 "
        "| largest that fits | `tune` took |",
        "|---|---|---|---|---|---|---|---|---|",
        *(summary(name, ZOO_CASES[name], rows) for name, rows in measured.items()),
        "",
        "## The grid",
        "",
        "| task | batch size | time to the goal, learning rate tuned | mean steps | seeds |",
        "|---|---|---|---|---|",
        *(line for name, rows in measured.items() for line in grid(name, rows)),
    ]
    ZOO_RESULTS.mkdir(parents=True, exist_ok=True)
    path = ZOO_RESULTS / "table.md"
    path.write_text("\n".join(lines) + "\n")
    print(path.read_text())


if __name__ == "__main__":
    main()
