"""Read CSV tables, with file and line in error messages."""

import csv
import math
import reprlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from rightbatch.errors import StoreError
from rightbatch.exchange.text_files import read_text

Value = TypeVar("Value")

_MOST = 10**15
"""Larger counts, times and their inverses are refused, as results would not stay finite."""


@dataclass(frozen=True, slots=True)
class CsvRow:
    """One row of a CSV file, and its file and line."""

    where: str
    cells: dict[str, str]

    def value(
        self, column: str, convert: Callable[[str], Value], default: Value | None = None
    ) -> Value:
        """The value of a cell; `default`, if given, for a blank or missing cell.

        Raises:
            StoreError: The cell cannot be converted.
        """
        text = self.cells.get(column, "")
        if not text and default is not None:
            return default
        try:
            return convert(text)
        except (ValueError, OverflowError):
            raise StoreError(
                f"{self.where}: {column} is {reprlib.repr(text)}, which is not valid; correct it."
            ) from None


def read_csv(path: Path, columns: Sequence[str]) -> list[CsvRow]:
    """The rows of a CSV file that has at least the named columns.

    Raises:
        StoreError: The file is missing or not such a table.
    """
    body = _numbered(path)
    _, header = next(body, (1, []))
    if not header:
        raise StoreError(f"{path}, line 1: the file is empty; it must hold a table.")
    for column in columns:
        if column not in header:
            raise StoreError(f"{path}, line 1: the column {column!r} is missing; add it.")
    rows = []
    for line, cells in body:
        if not cells:
            continue
        where = f"{path}, line {line}"
        if len(cells) != len(header):
            raise StoreError(
                f"{where}: the row has {len(cells)} cells, but the table {len(header)} columns; "
                "correct it."
            )
        rows.append(CsvRow(where, dict(zip(header, cells, strict=True))))
    return rows


def _numbered(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of every row of a CSV file."""
    reader = csv.reader(read_text(path).splitlines(), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise StoreError(f"{path}, line {line}: invalid CSV ({error}); correct it.") from None
        if cells is None:
            return
        yield line, cells


def positive(value: Value) -> Value:
    """The value, if it is above 0 and of a plausible magnitude.

    Raises:
        ValueError: It is not.
    """
    if not 1 / _MOST <= value <= _MOST:  # type: ignore[operator]
        raise ValueError
    return value


def finite(value: float) -> float:
    """The value, if it is a finite number.

    Raises:
        ValueError: It is not.
    """
    if not math.isfinite(value):
        raise ValueError
    return value
