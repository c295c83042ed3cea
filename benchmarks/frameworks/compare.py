"""Memory and step time of the digits network in PyTorch, Keras on TensorFlow and Keras on JAX.

    python benchmarks/frameworks/compare.py memory    # the largest batch within 768 MiB
    python benchmarks/frameworks/compare.py speed     # step times; on a quiet machine

What is in `benchmarks/results/frameworks` already is not measured again. Each writes `table.md`
anew, of what was measured so far.
"""

import csv
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from rightbatch.api.settings import make_settings
from rightbatch.api.study import run
from rightbatch.decide.planners.recommend import Recommend
from rightbatch.records import Fits
from rightbatch.store import open_store

HERE = Path(__file__).parent
RESULTS = HERE.parent / "results" / "frameworks"
LIMIT_MIB = 768
LARGEST_TIMED = 8192
FRAMEWORKS = {
    "PyTorch": ("", HERE / "in_torch.py"),
    "Keras on TensorFlow": ("tensorflow", HERE / "in_keras.py"),
    "Keras on JAX": ("jax", HERE / "in_keras.py"),
}


def measured(name: str, stage: str) -> Fits:
    """What one stage finds with a framework, on one thread of the CPU."""
    backend, file = FRAMEWORKS[name]
    os.environ["GLIBC_TUNABLES"] = "glibc.malloc.hugetlb=1"  # as in the memory benchmark
    if backend:
        os.environ["KERAS_BACKEND"] = backend
    asked = {"max_batch_size": LARGEST_TIMED, "budget": "4m"}
    if stage == "memory":
        asked = {"max_batch_size": 1_000_000, "budget": "5m", "memory_limit": f"{LIMIT_MIB}MiB"}
    planner = Recommend(make_settings(stages=(stage,), threads=1, device="cpu", **asked))
    with TemporaryDirectory() as folder, open_store(Path(folder) / "study.db") as store:
        return planner.conclude(run(f"{file}:workload", planner, store)).fits


def memory_row(name: str) -> dict[str, str]:
    """The largest batch, and the line through the peaks."""
    fit = measured(name, "memory").memory
    if fit is None or fit.bytes_fixed is None or fit.bytes_per_example is None:
        sys.exit(f"{name}: too few sizes ran; the memory limit is too low.")
    return {
        "framework": name,
        "largest_batch_size": str(fit.largest_batch_size),
        "bytes_per_example": f"{fit.bytes_per_example.value:.0f}",
        "bytes_fixed": f"{fit.bytes_fixed.value:.0f}",
        "lack_of_fit": f"{fit.lack_of_fit or 0:.3f}",
        "trials": str(fit.trials),
        "capped_by": fit.capped_by,
    }


def speed_row(name: str) -> dict[str, str]:
    """The line through the step times, and the knee."""
    fit = measured(name, "speed").speed
    if fit is None or fit.alpha is None or fit.beta is None:
        sys.exit(f"{name}: too few sizes were timed.")
    knee = fit.knee_batch_size
    return {
        "framework": name,
        "alpha_seconds": f"{fit.alpha.value:.6g}",
        "beta_seconds": f"{fit.beta.value:.6g}",
        "lack_of_fit": f"{fit.lack_of_fit or 0:.3f}",
        "knee": f"{knee.value:.0f}",
        "knee_low": f"{knee.low or knee.value:.0f}",
        "knee_high": f"{knee.high or knee.value:.0f}",
        "smallest_size": str(fit.points[0].batch_size),
        "smallest_step_seconds": f"{fit.points[0].step_seconds.value:.6g}",
        "best_examples_per_second": f"{fit.best_examples_per_second.value:.6g}",
        "load_share": f"{fit.load_share:.3f}",
        "noisy": str(fit.noisy),
    }


def kept(stage: str) -> dict[str, dict[str, str]]:
    """Rows of a stage so far, by framework."""
    path = RESULTS / f"{stage}.csv"
    if not path.exists():
        return {}
    with path.open() as file:
        return {row["framework"]: row for row in csv.DictReader(file)}


def measure(stage: str) -> None:
    """Measure every framework that is not there yet."""
    rows = kept(stage)
    for name in FRAMEWORKS:
        if name in rows:
            continue
        rows[name] = memory_row(name) if stage == "memory" else speed_row(name)
        print(stage, *rows[name].values(), flush=True)
        RESULTS.mkdir(parents=True, exist_ok=True)
        with (RESULTS / f"{stage}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[name])
            writer.writeheader()
            writer.writerows(rows.values())


def table() -> str:
    """What was measured so far, in Markdown."""
    lines = [
        "# The digits network in three frameworks",
        "",
        "Made by `make bench-frameworks` on 2 cores of an AMD EPYC, one thread, CPU: the zoo's "
        "`digits`, its training images 192 times, so that memory ends before they do.",
        "",
        f"| memory, {LIMIT_MIB} MiB | largest batch that ran | before the first example "
        "| an example |",
        "|---|---|---|---|",
    ]
    for name, row in kept("memory").items():
        fixed = float(row["bytes_fixed"]) / 2**20
        lines.append(
            f"| {name} | {int(row['largest_batch_size']):,} | {fixed:.0f} MiB "
            f"| {int(row['bytes_per_example']):,} bytes |"
        )
    speeds = kept("speed")
    smallest = min((int(row["smallest_size"]) for row in speeds.values()), default=0)
    lines += [
        "",
        f"| step time, {smallest} to {LARGEST_TIMED:,} | α, a step | β, an example "
        "| smallest batch size with 90% of the highest throughput | highest throughput |",
        "|---|---|---|---|---|",
    ]
    for name, row in speeds.items():
        knee = f"{row['knee']} ({row['knee_low']} to {row['knee_high']})"
        lines.append(
            f"| {name} | {1e3 * float(row['alpha_seconds']):.3g} ms "
            f"| {1e6 * float(row['beta_seconds']):.3g} µs | {knee} "
            f"| {float(row['best_examples_per_second']):,.0f} examples/s |"
        )
    noisy = [name for name, row in speeds.items() if row["noisy"] == "True"]
    if noisy:
        told = ", ".join(noisy)
        lines += ["", f"Step times scattered ({told}): differences of a few percent mean nothing."]
    return "\n".join(lines) + "\n"


def main() -> None:
    for stage in sys.argv[1:]:
        measure(stage)
    (RESULTS / "table.md").write_text(table())
    print(table())


if __name__ == "__main__":
    main()
