"""Every policy, Optuna's TPE among them, over the recorded studies that RIGHTBATCH_TRACES names.

Writes rows.csv and table.md under benchmarks/results/replay.
"""

import csv
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from optuna_policy import optuna_tpe
from tables import markdown
from traces import traces

from rightbatch.api.replay import POLICIES, replay_studies, timed
from rightbatch.decide.replay.figures import ReplayRow, summarise
from rightbatch.report.replay import overall, replay_tables, time_taken
from rightbatch.report.table import Table

RESULTS = Path(__file__).parents[1] / "results" / "replay"
OURS = {"recurring": "rightbatch", "one-off": "rightbatch-one-off"}


def main() -> None:
    policies, seconds = timed((*POLICIES, optuna_tpe(5), optuna_tpe(10)))
    rows = replay_studies([traces()], policies)
    RESULTS.mkdir(parents=True, exist_ok=True)
    write_rows(rows)
    tables = replay_tables(rows)
    parts = ["# Replays of the recorded studies", "", *markdown("Over all", overall(rows))]
    parts += [time_taken(seconds), "", f"Optuna {version('optuna')} played optuna-tpe.", ""]
    parts += markdown("Ahead of every rival, on the targets that both can play", rivals(rows))
    parts += [line for title in list(tables)[1::-1] for line in markdown(title, tables[title])]
    (RESULTS / "table.md").write_text("\n".join(parts).rstrip() + "\n")
    print("\n".join(markdown("Over all", overall(rows))))
    print(f"{len(rows)} rows. {time_taken(seconds)}")


def write_rows(rows: Sequence[ReplayRow]) -> None:
    with (RESULTS / "rows.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(asdict(rows[0])), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            told = asdict(row)
            for name in ("regret", "search_cost", "time_to_model"):
                told[name] = f"{told[name]:.4f}"
            writer.writerow(told)


def rivals(rows: Sequence[ReplayRow]) -> Table:
    """Our figures and each rival's, on the targets that the rival can play."""
    cells = []
    for name in dict.fromkeys(row.policy for row in rows):
        theirs = [row for row in rows if row.policy == name]
        if name in OURS.values():
            continue
        played = {(row.study, row.target) for row in theirs}
        rival = summarise(theirs)
        recurring, one_off = (
            summarise([r for r in rows if r.policy == own and (r.study, r.target) in played])
            for own in OURS.values()
        )
        cells.append(
            (
                name,
                f"{rival.regret:.3f}",
                f"{recurring.regret:.3f}",
                f"{rival.search_cost / recurring.search_cost:.1f}",
                f"{rival.time_to_model:.3f}",
                f"{one_off.time_to_model:.3f}",
            )
        )
    head = ("rival", "its regret", "ours", "its search cost / ours", "its time to model", "ours")
    return Table(head, tuple(cells))


if __name__ == "__main__":
    main()
