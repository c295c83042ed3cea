"""Run `tune` on a case, five times with seeds of its own, and keep what it chose.

    python benchmarks/live/tune.py digits-sgd

The training time allowed is max(5 x the best run's, 30 s); wall-clock time is kept beside it. After
each, `tune --one-off` is run with the same seed: how long until either has its first model at the
goal is kept, the search included. Tasks of the zoo have one `tune` for a fixed budget.
"""

import csv
import math
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from cases import named
from truth_table import best, truth

from rightbatch.api.settings import make_settings
from rightbatch.api.study import run
from rightbatch.decide.planners.recommend import Recommend
from rightbatch.records import Advice, Settings
from rightbatch.store import open_store


def tuned(target: str, settings: Settings) -> Advice:
    """The advice of one study, in a store of its own."""
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "study.db") as store:
        planner = Recommend(settings)
        return planner.conclude(run(target, planner, store))


def main() -> None:
    case = named(sys.argv[1])
    case.choose_backend()
    allowed = None
    if case.training_share is not None:
        allowed = max(case.training_share * best(truth(case)).seconds, 30.0)
    workload = case.workload.title
    target = workload if case.workload.file is None else f"{case.workload.file}:workload"
    case.results.mkdir(parents=True, exist_ok=True)
    rows = []
    for repeat in range(case.repeats):
        settings = make_settings(
            budget=case.budget,
            training_budget=allowed,
            optimizers=(case.optimizer,),
            threads=1,
            device="cpu",
            seed=case.tuned_from + 100 * repeat,
        )
        begin = time.monotonic()
        advice = tuned(target, settings)
        wall = time.monotonic() - begin
        speed, memory = advice.fits.speed, advice.fits.memory
        fastest = max(speed.points, key=lambda p: p.examples_per_second.value)
        rows.append(
            {
                "repeat": repeat,
                "batch_size": advice.batch_size,
                "learning_rate": advice.learning_rate,
                "near_optimal": " ".join(map(str, advice.near_optimal)),
                "binding_constraint": advice.binding_constraint,
                "runs": sum(len(fit.runs) for fit in advice.fits.learning),
                "training_allowed": "" if allowed is None else f"{allowed:.1f}",
                "training_seconds": f"{advice.time_spent.training:.2f}",
                "wall_seconds": f"{wall:.1f}",
                "highest_throughput": fastest.batch_size,
                "largest_that_ran": memory.largest_batch_size,
            }
        )
        if case.one_off:
            once = tuned(target, replace(settings, one_off=True))
            rows[-1] |= {
                "to_model_seconds": f"{advice.time_spent.to_model or math.nan:.1f}",
                "one_off_to_model_seconds": f"{once.time_spent.to_model or math.nan:.1f}",
            }
        print(case.name, *rows[-1].values(), flush=True)
    with (case.results / f"tune-{case.name}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
