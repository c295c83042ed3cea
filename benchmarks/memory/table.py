"""The table of the memory benchmark, from what truth.py, ours.py and rivals.py kept.

python benchmarks/memory/table.py            # writes benchmarks/results/memory/table.md
"""

import statistics

import ours
import rivals
import truth
from cases import CASES, RESULTS


def survived(tool: str, case: str, size: str) -> str:
    """Epochs survived, of those run."""
    rows = ours.checks(tool).of(case=case, batch_size=size)
    return f"{sum(r['fits'] == 'True' for r in rows)} of {len(rows)}" if rows else "not run"


def main() -> None:
    truths, own, others = truth.table(), ours.answers(), rivals.answers()
    limits = {name: truth.true_limit(case, truths) for name, case in CASES.items()}
    lines = [
        "# The largest batch that fits: answers over the true limit",
        "",
        "Made by `make bench-memory` on 2 cores of an AMD EPYC, one thread a run, CPU. The true "
        "limit is bisected to 1% with a fresh process per size.",
        "",
        "| case | true limit | `largest_batch_size` | share | trials | time "
        "| `safe_batch_size` | share | epochs survived |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    shares, trials = [], []
    for row in own.rows:
        limit = limits[row["case"]]
        if limit is None:
            continue
        shares.append(int(row["largest"]) / limit)
        trials.append(int(row["trials"]))
        lines.append(
            f"| {row['case']} | {limit:,} | {int(row['largest']):,} | {shares[-1]:.3f} "
            f"| {row['trials']} | {float(row['seconds']):.0f} s | {int(row['safe']):,} "
            f"| {int(row['safe']) / limit:.3f} | {survived('ours', row['case'], row['safe'])} |"
        )
    if shares:
        lines += [
            "",
            f"Smallest share {min(shares):.3f}; median of trials {statistics.median(trials):g}.",
        ]
    lines += [
        "",
        "## Other tools on the same workloads",
        "",
        "| tool | case | answer | share of the true limit | trials | time | epoch survived |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in others.rows:
        limit, found = limits[row["case"]], row["answer"]
        if found == "None":
            told = f"none ({row['how']}) | |"
        else:
            told = f"{int(found):,} | {int(found) / limit:.3f} |" if limit else f"{found} | |"
        lines.append(
            f"| {row['tool']} | {row['case']} | {told} {row['trials']} "
            f"| {float(row['seconds']):.0f} s | {survived(row['tool'], row['case'], found)} |"
        )
    path = RESULTS / "table.md"
    path.write_text("\n".join(lines) + "\n")
    print(path.read_text())


if __name__ == "__main__":
    main()
