"""The command line: the only place that prints or exits."""

import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rightbatch.errors import RightbatchError


def main() -> None:
    """Run the command line and exit with its code.

    0: done. 1: the workload's own code failed. 2: a request that cannot be carried out.
    130 and 143: stopped by Ctrl-C or SIGTERM; what was measured is stored.
    """
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command.

    Args:
        arguments: What the user typed after `rightbatch`.

    Returns:
        The exit code.
    """
    from click.exceptions import Abort, ClickException

    from rightbatch.cli.app import app
    from rightbatch.errors import RightbatchError

    stopped = _Stopped()
    try:
        signal.signal(signal.SIGTERM, stopped.terminate)
        return app(arguments, standalone_mode=False) or 0
    except ClickException as error:
        error.show()
        return error.exit_code
    except RightbatchError as error:
        _explain(error)
        return error.exit_code
    except (KeyboardInterrupt, Abort):
        return stopped.exit_code


def _explain(error: "RightbatchError") -> None:
    """Print the user's own traceback where there is one, and one sentence."""
    from rightbatch.errors import WorkloadFailed

    if isinstance(error, WorkloadFailed) and error.user_traceback:
        print(error.user_traceback.rstrip(), end="\n\n", file=sys.stderr)
    print(f"rightbatch: {error}", file=sys.stderr)


class _Stopped:
    """Turns SIGTERM into the same orderly end as Ctrl-C."""

    exit_code = 130

    def terminate(self, _signal: int, _frame: FrameType | None) -> None:
        self.exit_code = 143
        raise KeyboardInterrupt
