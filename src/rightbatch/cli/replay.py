"""The command replay: policies over recorded studies."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from rightbatch.api.replay import explain_races, find_policies, replay_studies
from rightbatch.cli.output import print_json
from rightbatch.report.replay import races_json, races_lines, replay_json, replay_tables


def replay_directories(
    directories: Sequence[Path], policies: Sequence[str], repeats: int, json: bool
) -> None:
    """Print regret, search cost and time to model of policies over recorded studies."""
    rows = replay_studies(directories, find_policies(policies), repeats)
    if json:
        print_json(replay_json(rows))
        return
    console = Console(highlight=False)
    for title, told in replay_tables(rows).items():
        table = Table(box=None, pad_edge=False, title=title, title_justify="left")
        for name in told.head:
            table.add_column(name, overflow="fold")
        for cells in told.rows:
            table.add_row(*cells)
        console.print(table)
        console.print()


def explain_directories(directories: Sequence[Path], policies: Sequence[str], json: bool) -> None:
    """Print the planner's decisions, one sentence each."""
    races = explain_races(directories, find_policies(policies))
    if json:
        print_json(races_json(races))
        return
    console = Console(highlight=False)
    for line in races_lines(races):
        console.print(line, soft_wrap=True)
