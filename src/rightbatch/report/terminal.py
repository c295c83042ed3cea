"""The verdict in a terminal, short enough to be read at a glance."""

import unicodedata
from dataclasses import replace

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rightbatch.report import table as view_table
from rightbatch.report.view import View

_MOST_ROWS = 6
_MOST_REASONS = 3
_ROOM = 10
"""Lines of a screen for rows of the table, reasons, why the study ended and warnings."""
_IN_REPORT = ("Steps per epoch", "Epochs to goal")
"""Columns that would make every row of a table several lines."""
_ASCII = str.maketrans(
    {"×": "x", "µ": "u", "≈": "~", "…": "...", "≥": ">=", "≤": "<=", "·": "-", "–": "-", "—": "-"}
)


def print_verdict(view: View, console: Console) -> None:
    """Print the verdict on one screen: what to use, what it saves, how sure that is, and why.

    Args:
        view: What to show.
        console: Where to print; narrow, colourless and ASCII-only terminals are fine.
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
    for compared in (view.optimizers, view.regimes, view.tried and _first_rows(view.tried)):
        if compared is not None:
            console.print()
            console.print(_table(compared, console))
    more = len(view.tried.rows) - _MOST_ROWS if view.tried else 0
    if more > 0:
        console.print(Padding(text(f"… {more} more in the report", "dim"), (0, 0, 0, 2)))
    ended = [view.ended] if view.in_time else []
    rows = min(len(view.tried.rows), _MOST_ROWS + 1) if view.tried else 0
    room = _ROOM - rows - 2 * len(ended) - len(view.warnings)
    most = min(_MOST_REASONS, max(0, room))
    console.print()
    for reason in (*view.reasons[:most], *ended):
        console.print(_item(text("-"), text(reason)))
    for warning in view.warnings:
        console.print(_item(text("!", "bold yellow"), text(warning)))
    console.print(text(view.time_words, "dim"))


def _first_rows(table: view_table.Table) -> view_table.Table:
    return replace(table, rows=table.rows[:_MOST_ROWS])


def _pairs(view: View, console: Console) -> Padding:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", max_width=max(12, min(22, console.width // 3)))
    grid.add_column(ratio=1, overflow="fold")
    for name, value in view.verdict:
        style = "bold" if name == "Settings" else ""
        grid.add_row(Text(_printable(name, console)), Text(_printable(value, console), style=style))
    return Padding(grid, (0, 0, 0, 2))


def _table(table: view_table.Table, console: Console) -> Padding:
    """Settings side by side, the best in bold."""
    grid = Table(box=None, pad_edge=False)
    shown = [place for place, title in enumerate(table.head) if title not in _IN_REPORT]
    for place in shown:
        title = _printable(table.head[place], console)
        grid.add_column(title, overflow="fold", header_style="dim")
    for index, row in enumerate(table.rows):
        style = "bold" if index in table.strong else ""
        grid.add_row(*(Text(_printable(row[place], console)) for place in shown), style=style)
    return Padding(grid, (0, 0, 0, 2))


def _item(mark: Text, sentence: Text) -> Padding:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1, overflow="fold")
    grid.add_row(mark, sentence)
    return Padding(grid, (0, 0, 0, 2))


def _printable(words: str, console: Console) -> str:
    """Drop control characters, and what the terminal's encoding cannot show."""
    kept = "".join(sign for sign in words if unicodedata.category(sign) != "Cc")
    if console.options.ascii_only:
        return kept.translate(_ASCII).encode("ascii", "replace").decode("ascii")
    return kept
