"""The command replay: policies on recorded studies."""

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from rightbatch.api.replay import explain_races, find_policies, replay_studies, timed
from rightbatch.cli.output import console, print_json
from rightbatch.report import table as view_table
from rightbatch.report.replay import (
    races_json,
    races_lines,
    replay_json,
    replay_tables,
    time_taken,
)

_WIDE = 80
_FOLDED = ("study", "data set", "batch sizes chosen")


def replay_directories(
    directories: Sequence[Path], policies: Sequence[str], repeats: int, json: bool
) -> None:
    """Print regret, search cost and time to model of policies on recorded studies."""
    playing, seconds = timed(find_policies(policies))
    rows = replay_studies(directories, playing, repeats, _notify)
    if json:
        print_json(replay_json(rows))
    else:
        terminal = console()
        for title, contents in replay_tables(rows).items():
            terminal.print(_table(title, contents, narrow=terminal.width < _WIDE))
            terminal.print()
        terminal.print(time_taken(seconds))


def _notify(sentence: str) -> None:
    console(stderr=True).print(sentence, soft_wrap=True)


def _table(title: str, contents: view_table.Table, *, narrow: bool) -> Table:
    """A table that folds all columns where it is narrow, else only names and lists of sizes."""
    table = Table(
        box=None, pad_edge=False, collapse_padding=True, title=title, title_justify="left"
    )
    for name in contents.head:
        folds = narrow or name in _FOLDED
        table.add_column(
            name if folds else name.replace(" ", "\n"), overflow="fold", no_wrap=not folds
        )
    for cells in contents.rows:
        table.add_row(*cells)
    return table


def explain_directories(directories: Sequence[Path], policies: Sequence[str], json: bool) -> None:
    """Print the planner's decisions, one sentence each."""
    races = explain_races(directories, find_policies(policies), _notify)
    if json:
        print_json(races_json(races))
    else:
        console().print("\n".join(races_lines(races)), soft_wrap=True)
