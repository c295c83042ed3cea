"""The command line: the only place that prints or exits."""

import re
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rightbatch.errors import RightbatchError


def main() -> None:
    """Run the command line and exit with its code (`errors.ExitCode`)."""
    from rightbatch.cli.app import app
    from rightbatch.errors import RightbatchError, handle_renamed

    handle_renamed(_show)
    try:
        app(prog_name="rightbatch")
    except RightbatchError as error:
        _explain(error)
        sys.exit(error.exit_code)


def _explain(error: "RightbatchError") -> None:
    """Print the message, after the traceback of the user's code where there is one."""
    from rightbatch.errors import WorkloadFailed

    if isinstance(error, WorkloadFailed) and error.user_traceback:
        print(error.user_traceback.rstrip(), end="\n\n", file=sys.stderr)
    _show(str(error))


def _show(message: str) -> None:
    print(f"rightbatch: {_with_options(message)}", file=sys.stderr)


def _with_options(message: str) -> str:
    """A message with parameters, such as `max_batch_size`, written as command-line options."""
    return re.sub(r"`([a-z]+(?:_[a-z]+)*)`", lambda m: "--" + m[1].replace("_", "-"), message)
