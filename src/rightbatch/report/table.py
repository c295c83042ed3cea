"""Tables of words."""

from dataclasses import dataclass

Pairs = tuple[tuple[str, str], ...]
"""(name, value) pairs."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of words, ready for layout.

    Attributes:
        head: One title per column.
        rows: One tuple of cells per row.
        strong: Indices of the rows to emphasise.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    strong: tuple[int, ...] = ()
