"""What `rightbatch memory` answers, and whether the safe answer survives three fresh epochs.

The largest, without a margin, is given one, as other tools' answers are.

    python benchmarks/memory/ours.py             # all cases, or those named: cnn-2GiB ...

Each check is a fresh process with 20 batches, a short last one and a validation pass in a plain
training loop (`epoch.py`).
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from cases import GIB, LARGEST, WORKLOADS, Case, Rows, asked
from epoch import ENVIRONMENT, EPOCH_BATCHES, run

CHECKS = 3
TIME_LIMIT = "60m"


def answers() -> Rows:
    """What was answered."""
    return Rows("ours", "case", "largest", "safe", "trials", "seconds", "capped_by")


def checks(tool: str) -> Rows:
    """Whether a tool's answers survived."""
    return Rows(f"checks-{tool}", "case", "batch_size", "number", "fits", "peak_bytes", "seconds")


def check(case: Case, batch_size: int, times: int, kept: Rows) -> None:
    """Train at a size in fresh processes, as often as not done yet."""
    for number in range(len(kept.of(case=case.name, batch_size=batch_size)), times):
        ran = run(case, batch_size, EPOCH_BATCHES)
        kept.add(case.name, batch_size, number, ran.fits, ran.peak_bytes, f"{ran.seconds:.1f}")


def told_by_rightbatch(case: Case, *options: str) -> dict[str, Any]:
    """What `rightbatch memory` tells in JSON."""
    command = Path(sys.executable).with_name("rightbatch")
    done = subprocess.run(
        [
            command, "memory", f"{WORKLOADS}:{case.model}", "--json", "--threads", "1",
            "--memory-limit", f"{case.limit_bytes // GIB}GiB", "--max-batch-size", str(LARGEST),
            *options,
        ],
        check=True, capture_output=True, text=True, env={**os.environ, **ENVIRONMENT},
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def answer(case: Case) -> dict[str, Any]:
    """What one search finds."""
    with tempfile.TemporaryDirectory() as folder:
        return told_by_rightbatch(
            case, "--device", "cpu", "--time-limit", TIME_LIMIT, "--store", f"{folder}/study.db"
        )


def main() -> None:
    kept, survived = answers(), checks("ours")
    for case in asked(sys.argv[1:]):
        if not kept.of(case=case.name):
            told = answer(case)
            for row in told["results"]:
                print("trial", case.name, row["batch_size"], row["status"], row["peak_bytes"])
            kept.add(
                case.name, told["largest_batch_size"], told["safe_batch_size"], told["trials"],
                f"{told['seconds']:.1f}", told["capped_by"],
            )  # fmt: skip
        answered = kept.of(case=case.name)[0]
        check(case, int(answered["safe"]), CHECKS, survived)
        check(case, int(answered["largest"]), 1, survived)


if __name__ == "__main__":
    main()
