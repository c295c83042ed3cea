"""The command line: the only place that prints or exits."""

import re
import sys

from rightbatch.printable import printable


def main() -> None:
    """Run the command line and exit with its code (`errors.ExitCode`)."""
    from rightbatch.cli.app import app
    from rightbatch.errors import RightbatchError, WorkloadFailed, handle_renamed

    handle_renamed(_show)
    try:
        app(prog_name="rightbatch")
    except RightbatchError as error:
        if isinstance(error, WorkloadFailed) and error.user_traceback:
            print(printable(error.user_traceback.rstrip()), end="\n\n", file=sys.stderr)
        _show(str(error))
        sys.exit(error.exit_code)


def _show(message: str) -> None:
    """Print a message, with parameters such as `max_batch_size` written as options."""
    text = re.sub(r"`([a-z]+(?:_[a-z]+)*)`", lambda m: "--" + m[1].replace("_", "-"), message)
    print(f"rightbatch: {printable(text)}", file=sys.stderr)
