"""Read text files, JSON and CSV tables, with file and line in error messages."""

import csv
import json
import reprlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from rightbatch.errors import StoreError
from rightbatch.files import kind_of

Value = TypeVar("Value")

_MOST_BYTES = 2**29
_MOST = 10**15
"""Larger counts, times and their inverses are refused, as results would not stay finite."""


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, without a byte order mark.

    Raises:
        StoreError: It cannot be read, is no regular file or too large; the message names the file.
    """
    try:
        if kind := kind_of(path):  # it may never end
            raise StoreError(f"{path} is {kind}; name a folder of plain files.")
        if path.exists() and path.stat().st_size > _MOST_BYTES:
            raise StoreError(f"{path} is larger than any study ({_MOST_BYTES >> 20} MiB).")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        cause = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise StoreError(f"{path} cannot be read ({cause}); check the file.") from None


def parse_json(text: str, path: Path, line: int, otherwise: str) -> Any:  # noqa: ANN401
    """The value of a JSON text.

    Args:
        text: The text.
        path: The file it is from.
        line: Its first line in that file.
        otherwise: What is wrong with a text that is JSON but cannot be read, in words.

    Raises:
        StoreError: It cannot be parsed; the message names file and line.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        at = line + error.lineno - 1
        raise StoreError(f"{path}, line {at}: invalid JSON ({error.msg}); correct it.") from None
    except (ValueError, RecursionError):  # a number of thousands of digits, thousands of brackets
        raise StoreError(f"{otherwise}; correct it.") from None


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


def valid(value: Value, *, holds: bool) -> Value:
    """The value, if what is required of it holds.

    Raises:
        ValueError: It does not.
    """
    if not holds:
        raise ValueError
    return value


def positive(value: Value) -> Value:
    """The value, if it is above 0 and of a plausible magnitude; else a ValueError."""
    return valid(value, holds=1 / _MOST <= value <= _MOST)  # type: ignore[operator]
