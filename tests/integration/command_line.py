"""Runs the real command line, in a process of its own or in this one."""

import json
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from unittest.mock import patch

from rightbatch.cli import main


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
        [sys.executable, "-m", "rightbatch", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=timeout,
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def in_process(*arguments, folder):
    """The same without a process, where one proves nothing more; a bug comes through as it is."""
    out, err = StringIO(), StringIO()
    code = 0
    with (
        chdir(folder),
        patch.object(sys, "argv", ["rightbatch", *map(str, arguments)]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    return Finished(code, out.getvalue(), err.getvalue())


def measured(*arguments, budgets, folder):
    """What a command tells in the first of some budgets, in seconds, that is enough; and that one.

    On a quiet machine the first one is; the last is what a busy one is given.
    """
    for seconds in budgets:
        budget = ("--budget", f"{seconds}s", "--threads", "1", "--json")
        done = rightbatch(*arguments, *budget, folder=folder)
        if done.code == 0:
            break
    assert done.code == 0, done.err
    return done, seconds
