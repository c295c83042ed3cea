"""The verdict in a terminal, short enough to be read at a glance."""

import unicodedata

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rightbatch.report import table as view_table
from rightbatch.report.view import View

_MOST_OF_RACE = 6
_MOST_REASONS = 4
_ASCII = str.maketrans({"×": "x", "µ": "u", "≥": ">=", "≤": "<=", "·": "-", "–": "-", "—": "-"})


def print_verdict(view: View, console: Console) -> None:
    """Print the verdict: what to use, what it costs, why, and where the time went.

    Args:
        view: What to show.
        console: Where to print; narrow, colourless and ASCII-only terminals are fine.
    """

    def text(words: str, style: str = "") -> Text:
        return Text(_printable(words, console), style=style)

    best = view.recommended
    enough = best is not None and best.seconds_to_goal is not None
    console.print(text(f"{view.title}: {view.goal}", "dim"))
    console.print(text(view.headline, "bold green" if enough else "bold yellow"))
    if view.next_step:
        console.print(text(view.next_step))
    console.print()
    console.print(_pairs(view, console))
    for compared in (view.optimizers, view.regimes):
        if compared is not None:
            console.print()
            console.print(_comparison(compared, console))
    reasons = [*view.reasons[:_MOST_REASONS], *filter(None, [view.ended])]
    if reasons:
        console.print()
        console.print(text("Why", "bold"))
        for reason in reasons:
            console.print(_item(text("-"), text(reason)))
    if view.race:
        console.print()
        console.print(text("The race", "bold"))
        for told in view.race[:_MOST_OF_RACE]:
            console.print(_item(text("-"), text(told)))
        more = len(view.race) - _MOST_OF_RACE
        if more > 0:
            console.print(_item(text("-"), text(f"and {more} more, which the report tells")))
    if view.warnings:
        console.print()
        console.print(text("Beware", "bold yellow"))
        for warning in view.warnings:
            console.print(_item(text("!", "bold yellow"), text(warning)))
    console.print()
    console.print(text(f"Study {view.study} took {view.time_words}.", "dim"))


def _pairs(view: View, console: Console) -> Padding:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", max_width=max(12, min(22, console.width // 3)))
    grid.add_column(ratio=1, overflow="fold")
    for name, value in view.verdict:
        style = "bold" if name in ("Batch size", "Learning rate") else ""
        grid.add_row(Text(_printable(name, console)), Text(_printable(value, console), style=style))
    return Padding(grid, (0, 0, 0, 2))


def _comparison(table: view_table.Table, console: Console) -> Padding:
    """Optimizers or regimes side by side, the best in bold."""
    grid = Table(box=None, pad_edge=False)
    for title in table.head:
        grid.add_column(_printable(title, console), overflow="fold", header_style="dim")
    for index, row in enumerate(table.rows):
        style = "bold" if index in table.strong else ""
        grid.add_row(*(Text(_printable(cell, console)) for cell in row), style=style)
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
