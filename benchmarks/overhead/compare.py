"""Time to the first trial and overhead per trial, next to another checkout, in pairs.

    python benchmarks/overhead/compare.py PATH-OF-THE-OTHER-CHECKOUT [PAIRS]

Each pair is one study of digits with this checkout and one with the other, in turns first, on one
compute thread of a quiet machine. The start is what passes from the start of the command to that
of the first trial; the overhead of a training trial is its wall-clock time less its training
steps; the name of a file that is not there is refused in the last column. Medians and quartiles
of the ratios go to results/overhead/table.md.
"""

import csv
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from json import loads
from pathlib import Path
from statistics import median, quantiles

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "overhead"
MAIN = "from rightbatch.cli import main; main()"
FIGURES = ("start_seconds", "overhead_seconds", "refusal_seconds")


def run(source: Path, arguments: list[str], folder: str) -> float:
    """Seconds that a command takes with the package of some checkout."""
    environment = {**os.environ, "PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"}
    begin = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", MAIN, *arguments],
        env=environment, cwd=folder, capture_output=True, check=False,
    )  # fmt: skip
    return time.perf_counter() - begin


def measured(source: Path, seed: int) -> dict[str, float]:
    """The three figures of one study."""
    with tempfile.TemporaryDirectory() as folder:
        refusal = run(source, ["tune", "nothing.py"], folder)
        began = time.time()
        options = ["--budget", "20s", "--threads", "1", "--seed", str(seed)]
        run(source, ["tune", "digits", *options, "--store", "study.db"], folder)
        store = sqlite3.connect(Path(folder) / "study.db")
        rows = store.execute(
            "SELECT kind, started, wall_seconds, result FROM rightbatch_trials ORDER BY number"
        ).fetchall()
        store.close()
    runs = [(wall, loads(result)) for kind, _, wall, result in rows if kind == "training"]
    beside = [wall - (r["train_seconds"] - r["earlier_seconds"]) for wall, r in runs]
    return dict(zip(FIGURES, (rows[0][1] - began, median(beside), refusal), strict=True))


def main() -> None:
    other, pairs = Path(sys.argv[1]) / "src", int(sys.argv[2]) if len(sys.argv) > 2 else 9
    rows = []
    for pair in range(pairs):
        order = [("this", ROOT / "src"), ("other", other)]
        for name, source in order if pair % 2 == 0 else reversed(order):
            rows.append({"pair": pair, "checkout": name, **measured(source, pair)})
            print(*rows[-1].values(), flush=True)
    RESULTS.mkdir(parents=True, exist_ok=True)
    with (RESULTS / "pairs.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    lines = ["| figure | this, s | other, s | this / other (quartiles) |", "|---|---|---|---|"]
    for figure in FIGURES:
        this, that = (
            [row[figure] for row in rows if row["checkout"] == name] for name in ("this", "other")
        )
        by_pair = {name: {r["pair"]: r[figure] for r in rows if r["checkout"] == name}
                   for name in ("this", "other")}  # fmt: skip
        ratios = [by_pair["this"][pair] / by_pair["other"][pair] for pair in range(pairs)]
        low, middle, high = quantiles(ratios, n=4)
        label = figure.removesuffix("_seconds")
        lines.append(
            f"| {label} | {median(this):.3f} | {median(that):.3f} | "
            f"{middle:.2f} ({low:.2f} to {high:.2f}) |"
        )
    (RESULTS / "table.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
