"""Runs a small real study and notes what it asks for and what it stored, line by line.

python study_driver.py STORE NOTES SETTINGS

SETTINGS are keywords of `rightbatch.tune` in JSON.
"""

import json
import signal
import sys
from pathlib import Path

import rightbatch


class Notes:
    """An observer that appends a line per event to a file."""

    def __init__(self, path):
        self._path = Path(path)

    def begun(self, study, resumed):
        pass

    def started(self, asked):
        self._write(f"asked {type(asked.probe).__name__}")

    def progress(self, asked, share):
        pass

    def finished(self, trial):
        self._write(f"stored {trial.number}")

    def _write(self, line):
        with self._path.open("a") as file:
            file.write(line + "\n")


def main():
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
    store, notes, settings = sys.argv[1:]
    observer = Notes(notes)
    advice = rightbatch.tune(
        "digits", threads=1, store=store, resume=True, observer=observer, **json.loads(settings)
    )
    print(advice.batch_size, *advice.near_optimal)


if __name__ == "__main__":
    main()
