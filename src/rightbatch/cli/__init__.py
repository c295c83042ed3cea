"""The command line: the only place that prints or exits."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rightbatch.errors import RightbatchError


def main() -> None:
    """Run the command line and exit with its code.

    0: done. 1: the workload's own code failed. 2: a request that cannot be carried out.
    130 and 143: stopped by Ctrl-C or SIGTERM; what was measured is stored.
    """
    from rightbatch.cli.app import app
    from rightbatch.errors import RightbatchError

    try:
        app(prog_name="rightbatch")
    except RightbatchError as error:
        _explain(error)
        sys.exit(error.exit_code)


def _explain(error: "RightbatchError") -> None:
    """Print the user's own traceback where there is one, and one sentence."""
    from rightbatch.errors import WorkloadFailed

    if isinstance(error, WorkloadFailed) and error.user_traceback:
        print(error.user_traceback.rstrip(), end="\n\n", file=sys.stderr)
    print(f"rightbatch: {error}", file=sys.stderr)
