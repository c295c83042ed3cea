"""The live planner against the one before it raced, on one machine and the same fresh seeds.

    python benchmarks/live/before.py       # writes benchmarks/results/live/before.md

What the planner before chose and how long it took is in results/live/before: `tune.py` at commit
947f079, then today's `retrain.py`.
"""

import csv
import math
import statistics
from dataclasses import replace

from cases import CASES, RESULTS, Case
from table import fresh, regret, summed_up
from truth_table import best, truth

HEAD = """# The live planner and the one before it

Choices retrained on the same fresh seeds; time until a run first reached the goal, the mean over
studies. Made by `before.py` on an Intel Xeon, two cases at a time, each on a core of its own.
Regret counts as 1 inside the 95% interval of the grid's best. The error of a mean ratio is that
over studies: both planners' choices have the same seeds and the same best.

| case | planner | mean ratio to the grid's best | regret 1 of studies: median, worst \
| first model, `tune` | first model, `tune --one-off` |
|---|---|---|---|---|---|"""


def row(case: Case, planner: str) -> str:
    """What a planner chose in a case whose results are its own."""
    winner, retrained = best(truth(CASES[case.name])), fresh(case)
    there = retrained[winner.batch_size, winner.learning_rate]
    with (case.results / f"tune-{case.name}.csv").open() as file:
        tuned = list(csv.DictReader(file))
    chosen = [retrained[int(r["batch_size"]), float(r["learning_rate"])].seconds for r in tuned]
    ratios = [seconds / there.seconds for seconds in chosen]
    error = statistics.stdev(ratios) / math.sqrt(len(ratios))
    regrets = [regret(seconds, there.seconds, there.high) for seconds in chosen]
    first, once = (
        statistics.fmean(float(r[name]) for r in tuned)
        for name in ("to_model_seconds", "one_off_to_model_seconds")
    )
    return (
        f"| {case.name} | {planner} | {statistics.fmean(ratios):.3f} ± {error:.3f} "
        f"| {summed_up(regrets)} | {first:.1f} s | {once:.1f} s |"
    )


def main() -> None:
    lines = [HEAD]
    for case in CASES.values():
        lines.append(row(replace(case, results=RESULTS / "before"), "before"))
        lines.append(row(case, "now"))
    (RESULTS / "before.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
