"""The cases of the memory benchmark: six models under three limits, and how they are written."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "memory"
WORKLOADS = Path(__file__).with_name("workloads.py")
MODELS = ("cnn", "resnet", "unet", "transformer", "lstm", "embedding")
GIB = 2**30
LIMITS = (2 * GIB, 4 * GIB, 8 * GIB)
LARGEST = 400_000
"""The training set, which no answer may pass."""


@dataclass(frozen=True)
class Case:
    """A model under a limit on resident memory, in bytes."""

    model: str
    limit_bytes: int

    @property
    def name(self) -> str:
        """Such as cnn-2GiB."""
        return f"{self.model}-{self.limit_bytes // GIB}GiB"


CASES = {case.name: case for case in (Case(m, limit) for limit in LIMITS for m in MODELS)}


def asked(arguments: list[str]) -> Iterator[Case]:
    """The cases named, else all."""
    for name in arguments or CASES:
        yield CASES[name]


class Rows:
    """Rows of a CSV file, kept as they are made so that a benchmark can be stopped.

    Args:
        name: File name without its ending.
        columns: Names of the columns.
    """

    def __init__(self, name: str, *columns: str) -> None:
        self.path = RESULTS / f"{name}.csv"
        self._columns = columns
        self.rows: list[dict[str, str]] = []
        RESULTS.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            with self.path.open() as file:
                self.rows = list(csv.DictReader(file))
        else:
            self.path.write_text(",".join(columns) + "\n")

    def add(self, *values: object) -> dict[str, str]:
        """Keep and print one row."""
        row = dict(zip(self._columns, map(str, values), strict=True))
        with self.path.open("a") as file:
            csv.DictWriter(file, self._columns).writerow(row)
        self.rows.append(row)
        print(self.path.stem, *row.values(), flush=True)
        return row

    def of(self, **equal: object) -> list[dict[str, str]]:
        """The rows with these values."""
        return [r for r in self.rows if all(r[name] == str(v) for name, v in equal.items())]
