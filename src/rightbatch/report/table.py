"""A table of words."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """A table of words, ready to be laid out.

    Attributes:
        head: One title per column.
        rows: One tuple of cells per row.
        strong: Indices of the rows to set apart.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    strong: tuple[int, ...] = ()
