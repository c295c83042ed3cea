"""Retrain what `tune` chose, the grid's best and the user's reference: steps to the goal.

    python benchmarks/live/retrain.py digits-sgd

All on the same fresh seeds: the grid's best was chosen for what it did on its own ten, the least
mean of many, and would else be compared by its luck.
"""

import csv
import math
import sys

from cases import crossing, named
from truth_table import best, truth

from rightbatch.measure.probes.training import train
from rightbatch.records import TrainingProbe

COLUMNS = ["batch_size", "learning_rate", "seed", "steps", "steps_done"]


def main() -> None:
    case = named(sys.argv[1])
    subject = case.subject()
    goal = subject.goal
    with (case.results / f"tune-{case.name}.csv").open() as file:
        chosen = {(int(r["batch_size"]), float(r["learning_rate"])) for r in csv.DictReader(file)}
    path = case.results / f"retrain-{case.name}.csv"
    done = set()
    if path.exists():
        with path.open() as file:
            done = {
                (int(r["batch_size"]), float(r["learning_rate"]), int(r["seed"]))
                for r in csv.DictReader(file)
            }
    else:
        path.write_text(",".join(COLUMNS) + "\n")
    winner = best(truth(case))
    wanted = {*chosen, (winner.batch_size, winner.learning_rate)}
    wanted.add((case.reference_batch_size, case.reference_learning_rate))
    for seed in range(case.fresh_from, case.fresh_from + case.fresh_seeds):
        for size, rate in sorted(wanted):
            if (size, rate, seed) in done:
                continue
            epochs = case.most_epochs * subject.train_examples // size
            most = math.ceil(min(epochs, case.most_steps))
            probe = TrainingProbe(
                case.optimizer, size, size, rate, seed, most, 600.0, seconds_limit=1e9
            )
            _, result = train(subject, probe, lambda _: None)
            steps = crossing(result, goal)
            told = "" if steps is None else f"{steps:.2f}"
            with path.open("a") as file:
                csv.writer(file).writerow([size, rate, seed, told, result.points[-1].step])
            print(case.name, size, rate, seed, told, flush=True)


if __name__ == "__main__":
    main()
