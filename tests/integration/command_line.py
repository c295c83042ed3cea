"""Runs the real command line in a process of its own."""

import json
import subprocess
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Finished:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


def rightbatch(*arguments, folder, timeout=240):
    """Run `rightbatch ARGUMENTS` in a folder, one compute thread a trial where it trains."""
    done = subprocess.run(
        [sys.executable, "-c", "from rightbatch.cli import main; main()", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=timeout,
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr)
