"""The truth by exhaustive search: steps to the goal at every batch size, learning rate tuned.

    python benchmarks/live/truth.py digits-sgd        # one case, one thread, resumable

For each batch size the learning rate climbs a ladder of factors 2 from the neighbour's best
(scaled by the optimizer's rule) until the best of it lies between two worse ones, then the two
factors sqrt(2) around it are tried: 10 seeds each for digits, 3 for Fashion-MNIST, a run given up
at 4 and 1.75 times the best mean. The best learning rate then gets seeds up to 10, or the next best
one where a run of these does not arrive. Where a size shows to be more than 3 times slower than the
best one, the ladder has one seed a rung; a full batch of Fashion-MNIST takes seconds a step and is
stopped at `FULL_BATCH_SECONDS`: its row says "at least".
The seeds that chose a learning rate flatter it, so the time at each size's best is then measured on
seeds apart from them, 40 for digits and 10 for Fashion-MNIST, where the size is not hopeless.
The tasks of the zoo are searched less thoroughly: `_task` and `_cheap_task` in `cases.py` say how.
Steps do not depend on how busy the machine is; step times are measured apart, by `speed.py`.
"""

import csv
import math
import statistics
import sys
from pathlib import Path

from cases import Case, crossing, named
from truth_table import FIRST_APART, FIRST_SEED, searched, step_seconds
from truth_table import best as best_of

from rightbatch.measure.ports import Subject
from rightbatch.measure.probes.training import train
from rightbatch.records import Status, TrainingProbe

COLUMNS = [
    "batch_size",
    "rung",
    "learning_rate",
    "seed",
    "status",
    "steps",
    "steps_done",
    "seconds",
]
FULL_BATCH_SECONDS = 90.0


SLOW = 4.0
"""Batch sizes so many times slower than the best keep the figure of the search."""


class Grid:
    """Runs of one case, kept in a CSV file as they are made."""

    def __init__(self, case: Case, path: Path) -> None:
        self.case, self.path = case, path
        self.subject: Subject = case.subject()
        self.rows: dict[tuple[int, int, int], dict[str, str]] = {}
        self.best_seconds = math.inf
        self.step_seconds = step_seconds(case) if math.isfinite(case.slowest) else {}
        if path.exists():
            with path.open() as file:
                for row in csv.DictReader(file):
                    self._keep(row)
        else:
            path.write_text(",".join(COLUMNS) + "\n")

    def _keep(self, row: dict[str, str]) -> None:
        self.rows[int(row["batch_size"]), int(row["rung"]), int(row["seed"])] = row

    def learning_rate(self, rung: int) -> float:
        """Ladder of factors sqrt(2) around the reference learning rate."""
        return self.case.reference_learning_rate * 2 ** (rung / 2)

    def steps(self, size: int, rung: int, seed: int, cap: float) -> float:
        """Steps to the goal of one run; infinite where it was given up or diverged."""
        key = (size, rung, seed)
        if key not in self.rows:
            micro = min(size, self.case.micro_batch_size)
            epochs = self.case.most_epochs * self.subject.train_examples / size + 1
            limit = min(cap, epochs, self.case.most_steps)
            seconds = FULL_BATCH_SECONDS if size > 4096 else 600.0
            probe = TrainingProbe(
                self.case.optimizer, size, micro, self.learning_rate(rung), key[2],
                max_steps=math.ceil(limit), max_seconds=seconds, seconds_limit=1e9,
            )  # fmt: skip
            outcome, result = train(self.subject, probe, lambda _: None)
            goal = self.subject.goal
            reached = crossing(result, goal) if outcome.status is Status.OK else None
            row = {
                "batch_size": str(size), "rung": str(rung),
                "learning_rate": f"{self.learning_rate(rung):.6g}", "seed": str(key[2]),
                "status": outcome.status.value,
                "steps": "" if reached is None else f"{reached:.2f}",
                "steps_done": str(result.points[-1].step),
                "seconds": f"{result.train_seconds:.4f}",
            }  # fmt: skip
            with self.path.open("a") as file:
                csv.DictWriter(file, COLUMNS).writerow(row)
            self._keep(row)
            print(self.case.name, *row.values(), flush=True)
        steps = self.rows[key]["steps"]
        return float(steps) if steps else math.inf

    def too_slow(self, size: int) -> float:
        """Steps after which a batch size cannot matter; without end where every run counts."""
        most = self.case.slowest * self.best_seconds
        return max(1.0, most / self.step_seconds[size]) if math.isfinite(most) else math.inf

    def mean(self, size: int, rung: int, seeds: int, cap: float) -> float:
        """Mean steps over seeds; infinite as soon as one run does not arrive."""
        values = []
        for seed in range(FIRST_SEED, FIRST_SEED + seeds):
            values.append(self.steps(size, rung, seed, cap))
            if math.isinf(values[-1]):
                return math.inf
        return statistics.fmean(values)

    def seconds_per_step(self, size: int) -> float:
        """Step time as measured, else as seen during the runs: tells which sizes are hopeless."""
        if size in self.step_seconds:
            return self.step_seconds[size]
        seen = [r for (b, _, _), r in self.rows.items() if b == size]
        return sum(float(r["seconds"]) for r in seen) / sum(int(r["steps_done"]) for r in seen)

    def tune(self, size: int, start: int) -> int:
        """The best rung for a batch size."""
        most = self.too_slow(size)
        means: dict[int, float] = {start: self.mean(size, start, 1, most)}
        slow = means[start] * self.seconds_per_step(size) > 3 * self.best_seconds
        seeds = 1 if slow else self.case.search_seeds

        def try_rung(rung: int) -> None:
            best = min(means.values(), default=math.inf)
            cap = min(self.case.give_up * best, most)
            means[rung] = self.mean(size, rung, seeds, cap)

        means.pop(start)
        try_rung(start)
        while True:
            best = min(means, key=lambda rung: means[rung])
            missing = [r for r in (best + 2, best - 2) if r not in means]
            if not missing:
                break
            try_rung(missing[0])
        if self.case.refine and not slow:
            for rung in (best + 1, best - 1):
                try_rung(rung)
            best = min(means, key=lambda rung: means[rung])
        while math.isfinite(means[best]):
            seconds = means[best] * self.seconds_per_step(size)
            self.best_seconds = min(self.best_seconds, seconds)
            few = seconds > 10 * self.best_seconds
            seeds = self.case.slow_seeds if few else self.case.best_seeds
            if math.isfinite(self.mean(size, best, seeds, 2 * most)):
                break
            means[best] = math.inf
            best = min(means, key=lambda rung: means[rung])
        return best


def main() -> None:
    case = named(sys.argv[1])
    grid = Grid(case, case.results / f"truth-{case.name}.csv")
    sizes = case.sizes(grid.subject.train_examples)
    for one_way in ([s for s in reversed(sizes) if s < 32], [s for s in sizes if s > 32]):
        best, before = grid.tune(32, 0), 32
        for size in one_way:
            best = descend(grid, size, before, best, case)
            before = size
    found = searched(case)
    for row in found:
        if row.seconds > SLOW * best_of(found).seconds:
            continue
        rung = round(2 * math.log2(row.learning_rate / case.reference_learning_rate))
        for seed in range(FIRST_APART, FIRST_APART + case.apart_seeds):
            grid.steps(row.batch_size, rung, seed, math.inf)


def descend(grid: Grid, size: int, before: int, best: int, case: Case) -> int:
    """Tune a size, starting where its neighbour's best learning rate scales to."""
    shift = round(2 * case.rule_exponent * math.log2(size / before))
    if size > case.largest_tuned:
        grid.steps(
            size, best + 2, FIRST_SEED, grid.too_slow(size)
        )  # at least so many steps: see FULL_BATCH_SECONDS
        return best
    return grid.tune(size, best + shift)


if __name__ == "__main__":
    main()
