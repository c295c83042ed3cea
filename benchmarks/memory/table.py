"""The table of the memory benchmark, from what truth.py, ours.py and rivals.py kept.

python benchmarks/memory/table.py            # writes benchmarks/results/memory/table.md
"""

import statistics

import ours
import predicted
import rivals
import truth
from cases import CASES, RESULTS, Rows
from epoch import EPOCH_BATCHES

HEAD = """# The largest batch that fits: answers over the true limit

Made by `make bench-memory`, one thread a run, CPU, huge pages (`epoch.py`). The true
limit is found to 1% with a fresh process per size; it lasted 20 batches, a short one and a
validation pass. What a heap holds differs from process to process, so that a size above the true
limit may last as well: the largest that did, in any of the runs for this table, stands beside it.
Trials count the prediction where one was made. All is of an Intel Xeon of 2 cores, run and resumed
over several days; times are those of a machine with other work on it, as two cases ran at a time,
each on a core of its own. An answer that survived its epoch counts among the sizes that lasted; one
that did not lowers no limit. Limits are on the peak of resident memory.

Chance has its part at 2 GiB, where a heap's holes weigh most: before the search went on where a
size fails that measured ones leave room for, unet-2GiB was answered with 453 and with 458 (0.930
and 0.940). An earlier run of the cases of 2 GiB, on an AMD EPYC, is in the history of this file:
there 1,024 of resnet-2GiB lasted once, which our answer was 0.848 of.

| case | true limit | ever lasted | `largest_batch_size` | share | share of what ever lasted \
| epoch survived | trials | time | `safe_batch_size` | share | epochs survived |
|---|---|---|---|---|---|---|---|---|---|---|---|"""
OTHERS = """
## Other tools on the same workloads

They look for exceptions, so RLIMIT_DATA holds the limit for them while they search. It also counts
what is mapped and not used, a tenth and more of an LSTM's memory. Lightning keeps a margin of 5% of
its own; its default ceiling of 8,192 is raised, but for embedding-8GiB, where an earlier run ended
there (7,782). accelerate starts from a power of two above our answer.

| tool | case | answer | share of the true limit | trials | time | epoch survived |
|---|---|---|---|---|---|---|"""
PREDICTED = """
## Predicted for this CPU

By `rightbatch memory --predict`, with one small real trial and none near the limit: tensors are
followed without data, and what a heap loses to holes is not foretold.

| case | `largest_batch_size` | share of the true limit | `safe_batch_size` | share | time |
|---|---|---|---|---|---|"""


def survived(tool: str, case: str, size: str) -> tuple[int, int]:
    """Epochs survived, and run."""
    rows = ours.checks(tool).of(case=case, batch_size=size)
    return sum(r["fits"] == "True" for r in rows), len(rows)


def ever_lasted(case: str) -> int:
    """The largest size that lasted in any run of a case, whoever answered it."""
    sizes = [int(row["batch_size"]) for row in long_runs(case) if row["fits"] == "True"]
    return max(sizes, default=0)


def long_runs(case: str) -> list[dict[str, str]]:
    """Every run of a case with all batches."""
    searched = [r for r in truth.table().of(case=case) if r["batches"] == str(EPOCH_BATCHES)]
    return [*searched, *truth.checked(case)]


def in_order(rows: Rows) -> list[dict[str, str]]:
    """Rows as the cases go, whatever the order in which they were run."""
    names = list(CASES)
    return sorted(rows.rows, key=lambda row: names.index(row["case"]))


def told(lasted: tuple[int, int]) -> str:
    return f"{lasted[0]} of {lasted[1]}" if lasted[1] else "not run"


def own_rows(limits: dict[str, int | None]) -> list[str]:
    """A line for each case that was run, and what they come to."""
    lines, shares, of_ever, trials, lasted = [], [], [], [], []
    for row in in_order(ours.answers()):
        limit, safe = limits[row["case"]], int(row["safe"])
        lasted.append(survived("ours", row["case"], row["safe"]))
        trials.append(int(row["trials"]))
        cells = ("not run", "", "", "", "")
        if limit is not None:
            shares.append(int(row["largest"]) / limit)
            ever = ever_lasted(row["case"])
            of_ever.append(int(row["largest"]) / ever)
            cells = (
                f"{limit:,}", f"{ever:,}", f"{shares[-1]:.3f}", f"{of_ever[-1]:.3f}",
                f"{safe / limit:.3f}",
            )  # fmt: skip
        once = told(survived("ours", row["case"], row["largest"]))
        lines.append(
            f"| {row['case']} | {cells[0]} | {cells[1]} | {int(row['largest']):,} | {cells[2]} "
            f"| {cells[3]} | {once} | {row['trials']} | {float(row['seconds']):.0f} s | {safe:,} "
            f"| {cells[4]} | {told(lasted[-1])} |"
        )
    if shares:
        lines += [
            "",
            f"{len(shares)} of {len(limits)} cases: smallest share {min(shares):.3f}, of "
            f"what ever lasted {min(of_ever):.3f}; median of trials "
            f"{statistics.median(trials):g}; {sum(fits for fits, _ in lasted)} of "
            f"{sum(times for _, times in lasted)} epochs at the safe size survived.",
        ]
    return lines


def other_rows(limits: dict[str, int | None]) -> list[str]:
    """A line for each tool and case."""
    lines = []
    for row in in_order(rivals.answers()):
        limit, found = limits[row["case"]], row["answer"]
        if found == "None":
            why = (
                "does not apply"
                if row["trials"] == "0" and row["how"] == "answered"
                else row["how"]
            )
            cells = f"none ({why}) | |"
        else:
            cells = f"{int(found):,} | {int(found) / limit:.3f} |" if limit else f"{found} | |"
        lasted = told(survived(row["tool"], row["case"], found))
        lines.append(
            f"| {row['tool']} | {row['case']} | {cells} {row['trials']} "
            f"| {float(row['seconds']):.0f} s | {lasted if found != 'None' else ''} |"
        )
    return lines


def predicted_rows(limits: dict[str, int | None]) -> list[str]:
    """A line for each case that was predicted."""
    lines = []
    for row in in_order(predicted.answers()):
        limit = limits[row["case"]]
        cells = [
            f"{found} | {int(found) / limit:.3f}" if limit and found != "None" else f"{found} | "
            for found in (row["largest"], row["safe"])
        ]
        lines.append(f"| {row['case']} | {' | '.join(cells)} | {float(row['seconds']):.0f} s |")
    return lines


def not_run(limits: dict[str, int | None]) -> list[str]:
    """What is missing, by name."""
    missing = {
        "The true limit": [name for name, limit in limits.items() if limit is None],
        "Our answer": [name for name in CASES if not ours.answers().of(case=name)],
        "The prediction": [name for name in CASES if not predicted.answers().of(case=name)],
        "Other tools": [
            name for name in CASES if len(rivals.answers().of(case=name)) < len(rivals.TOOLS)
        ],
    }
    lines = [f"- {what}: {', '.join(names)}." for what, names in missing.items() if names]
    return ["", "## Not run yet", "", *lines] if lines else []


def main() -> None:
    truths = truth.table()
    limits = {name: truth.true_limit(case, truths) for name, case in CASES.items()}
    lines = [HEAD, *own_rows(limits), OTHERS, *other_rows(limits)]
    lines += [PREDICTED, *predicted_rows(limits), *not_run(limits)]
    path = RESULTS / "table.md"
    path.write_text("\n".join(lines) + "\n")
    print(path.read_text())


if __name__ == "__main__":
    main()
