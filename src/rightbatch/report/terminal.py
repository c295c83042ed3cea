"""The verdict in a terminal, short enough for one screen."""

from dataclasses import replace

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rightbatch.printable import printable
from rightbatch.report import table as view_table
from rightbatch.report.view import View

_MOST_ROWS = 6
"""Settings shown of those tried; none next to a comparison of optimizers or regimes."""
_MOST_REASONS = 3
_ROOM = 9
"""Lines of a screen for tables and their titles, reasons, the reason for stopping and warnings."""
_IN_REPORT = ("Steps per epoch", "Epochs to goal", "Largest that ran", "Noise scale")
"""Columns left to the report, as they would wrap every row of a table."""
_ASCII = str.maketrans(
    {"×": "x", "µ": "u", "≈": "~", "…": "...", "≥": ">=", "≤": "<=", "·": "-", "–": "-", "—": "-"}
)


def print_verdict(view: View, console: Console) -> None:
    """Print the verdict on one screen: what to set, what it gains, how sure it is, and why.

    Args:
        view: What to show.
        console: Where to print; it may be narrow, colourless or ASCII-only.
    """

    def text(words: str, style: str = "") -> Text:
        return Text(_printable(words, console), style=style)

    best = view.recommended
    enough = best is not None and best.seconds_to_goal is not None
    console.print(text(f"{view.title}: {view.goal} (study {view.study})", "dim"))
    console.print(text(view.headline, "bold green" if enough else "bold yellow"))
    if view.next_step:
        console.print(text(view.next_step))
    console.print()
    console.print(_pairs(view, console))
    compared = [table for table in (view.optimizers, view.regimes) if table is not None]
    tried = None if compared else view.tried
    if tried is not None:
        compared.append(replace(tried, rows=tried.rows[:_MOST_ROWS]))
    for table in compared:
        console.print()
        console.print(_table(table, console))
    if tried is not None and len(tried.rows) > _MOST_ROWS:
        more = text(f"… {len(tried.rows) - _MOST_ROWS} more settings in the report", "dim")
        console.print(Padding(more, (0, 0, 0, 2)))
    ended = [view.ended] if view.in_time else []
    lines = sum(len(table.rows) + 2 for table in compared) + 2 * len(ended) + len(view.warnings)
    most = min(_MOST_REASONS, max(0, _ROOM - lines))
    console.print()
    for reason in (*view.reasons[:most], *ended):
        console.print(_item(text("-"), text(reason)))
    for warning in view.warnings:
        console.print(_item(text("!", "bold yellow"), text(warning)))
    console.print(text(view.time_words, "dim"))
    if enough:
        console.print(text("Ranges in parentheses are 95% intervals.", "dim"))


def _pairs(view: View, console: Console) -> Padding:
    """The verdict, the settings in bold."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", max_width=max(12, min(22, console.width // 3)))
    grid.add_column(ratio=1, overflow="fold")
    for name, value in view.verdict:
        grid.add_row(
            Text(_printable(name, console)),
            Text(_printable(value, console), style="bold" if name == "Settings" else ""),
        )
    return Padding(grid, (0, 0, 0, 2))


def _table(table: view_table.Table, console: Console) -> Padding:
    """A table, the best settings in bold."""
    grid = Table(box=None, pad_edge=False)
    shown = [place for place, title in enumerate(table.head) if title not in _IN_REPORT]
    for place in shown:
        title = _printable(table.head[place], console)
        grid.add_column(title, overflow="fold", header_style="dim")
    for index, row in enumerate(table.rows):
        grid.add_row(
            *(Text(_printable(row[place], console)) for place in shown),
            style="bold" if index in table.strong else "",
        )
    return Padding(grid, (0, 0, 0, 2))


def _item(mark: Text, sentence: Text) -> Padding:
    """A list item with a hanging indent."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1, overflow="fold")
    grid.add_row(mark, sentence)
    return Padding(grid, (0, 0, 0, 2))


def _printable(words: str, console: Console) -> str:
    """The words without control characters, in ASCII if the terminal has nothing else."""
    safe = printable(words)
    if console.options.ascii_only:
        return safe.translate(_ASCII).encode("ascii", "replace").decode("ascii")
    return safe
