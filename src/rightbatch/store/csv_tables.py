"""Reading a CSV table whose trouble is told with file and line."""

import csv
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from rightbatch.errors import StoreError
from rightbatch.store.text_files import read_text

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class CsvRow:
    """One row of a CSV file, and where it stands."""

    where: str
    cells: dict[str, str]

    def value(
        self, column: str, convert: Callable[[str], Value], default: Value | None = None
    ) -> Value:
        """The cell of a column; `default`, where given, if it is blank or not there.

        Raises:
            StoreError: The cell cannot be converted.
        """
        text = self.cells.get(column, "")
        if not text and default is not None:
            return default
        try:
            return convert(text)
        except (ValueError, OverflowError):
            raise StoreError(f"{self.where}: {text!r} is no {column.replace('_', ' ')}.") from None


def read_csv(path: Path, columns: Sequence[str]) -> list[CsvRow]:
    """The rows of a CSV file that has at least the named columns.

    Raises:
        StoreError: The file is missing or no such table.
    """
    lines = read_text(path).splitlines()
    try:
        header, *body = csv.reader(lines, strict=True)
    except (csv.Error, ValueError):
        raise StoreError(f"{path}, line 1: there is no table in the file.") from None
    for column in columns:
        if column not in header:
            raise StoreError(f"{path}, line 1: the column {column!r} is missing.")
    rows = []
    for line, cells in enumerate(body, start=2):
        if not cells:
            continue
        where = f"{path}, line {line}"
        if len(cells) != len(header):
            raise StoreError(f"{where}: {len(cells)} cells under {len(header)} columns.")
        rows.append(CsvRow(where, dict(zip(header, cells, strict=True))))
    return rows


def positive(value: Value) -> Value:
    """The value, if it is above 0 and finite.

    Raises:
        ValueError: It is not.
    """
    if not 0 < value < math.inf:  # type: ignore[operator]
        raise ValueError
    return value
