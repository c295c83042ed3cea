"""Runs a small real study and notes what it asks for and what it stored, line by line.

python study_driver.py STORE NOTES
"""

import sys
from pathlib import Path

import rightbatch


class Notes:
    """An observer that appends a line per event to a file."""

    def __init__(self, path):
        self._path = Path(path)

    def asked(self, asked):
        self._write(f"asked {type(asked.probe).__name__}")

    def progress(self, share):
        pass

    def finished(self, trial):
        self._write(f"stored {trial.number}")

    def _write(self, line):
        with self._path.open("a") as file:
            file.write(line + "\n")


def main():
    store, notes = sys.argv[1:]
    advice = rightbatch.tune(
        "digits",
        budget="25s",
        batch_sizes=[2, 64, 1437],
        threads=1,
        store=store,
        resume=True,
        observer=Notes(notes),
    )
    print(advice.batch_size, *advice.near_optimal)


if __name__ == "__main__":
    main()
