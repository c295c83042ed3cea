"""The command line: the only place that prints or exits."""

import re
import signal
import sys

from rightbatch.errors import ExitCode, RightbatchError
from rightbatch.printable import printable


class Interrupted(RightbatchError):
    """Ctrl-C outside a study, or again while one is ended."""

    exit_code = ExitCode.INTERRUPTED

    def __init__(self) -> None:
        super().__init__("Stopped.")


def command() -> None:
    """The installed command: `main`, which no Ctrl-C ends with a traceback."""
    try:
        main()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _show(str(Interrupted()))
        sys.exit(ExitCode.INTERRUPTED)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # libraries end without a word


def main() -> None:
    """Run the command line and exit with its code (`errors.ExitCode`)."""
    from rightbatch.cli.app import app
    from rightbatch.errors import WorkloadFailed, handle_renamed

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
