"""The exceptions rightbatch raises on purpose, and the warning of an old name.

    RightbatchError
    ├── UsageError             something requested cannot be done
    │   ├── GoalError          a goal that cannot be parsed
    │   ├── WorkloadNotFound   a file, module or factory that is not there, or is no workload
    │   ├── MissingDependency  an optional library that is not installed
    │   └── MissingData        data of a built-in workload that is not on this machine
    ├── StoreError             the store cannot be used as requested
    │   ├── StoreTooNew        written by a newer rightbatch
    │   ├── StoreLocked        another rightbatch is working on the same study
    │   └── StudyNotFound      no study of that name
    ├── WorkloadFailed         the user's own code raised; carries its traceback
    └── RunnerError            a trial's process could not be started or reached

Expected failures of a trial (out of memory, divergence, a hung step ...) are not exceptions:
they are `rightbatch.records.Outcome` values, and the study continues.
"""

import warnings
from collections.abc import Callable
from enum import IntEnum
from typing import Any


class ExitCode(IntEnum):
    """Exit codes of the commands."""

    ADVICE = 0
    """The command succeeded."""
    FAILED = 1
    """The user's own code, or the process of a trial, failed."""
    USAGE = 2
    """The request or the store cannot be used."""
    NOTHING_FITS = 3
    """No batch size that was tried fits in memory."""
    NO_ADVICE = 4
    """Nothing was learned about training: no run reached the goal, or nothing was measured."""
    INTERRUPTED = 130
    """Ctrl-C, after the advice so far."""
    TERMINATED = 143
    """SIGTERM or SIGHUP, likewise."""


class RightbatchError(Exception):
    """Base class of the exceptions that rightbatch raises on purpose."""

    exit_code = ExitCode.FAILED


class UsageError(RightbatchError):
    """Something requested cannot be done; the message names the remedy."""

    exit_code = ExitCode.USAGE


class GoalError(UsageError):
    """A goal that cannot be parsed."""


class WorkloadNotFound(UsageError):
    """The named file, module or factory does not exist, or returns no workload."""


class MissingDependency(UsageError):
    """An optional library that is not installed; the message names the install command."""

    @classmethod
    def of_zoo(cls, what: str, error: ModuleNotFoundError) -> "MissingDependency":
        """The error for a library of the built-in workloads that could not be imported."""
        return cls(
            f"{what} needs {error.name}, which is not installed: pip install "
            "'rightbatch[torch,zoo]'."
        )


class MissingData(UsageError):
    """Data of a built-in workload that is not here; the message names the command to get it."""


class StoreError(RightbatchError):
    """The store cannot be used as requested."""

    exit_code = ExitCode.USAGE


class StoreTooNew(StoreError):
    """The store was written by a newer version of rightbatch."""


class StoreLocked(StoreError):
    """Another process is writing to the same study."""


class StudyNotFound(StoreError):
    """The store has no study of that name."""


class WorkloadFailed(RightbatchError):
    """The user's own code raised an exception.

    Attributes:
        user_traceback: The traceback as text, with rightbatch's own frames left out.
    """

    def __init__(self, message: str, user_traceback: str = "") -> None:
        super().__init__(message)
        self.user_traceback = user_traceback


class RunnerError(RightbatchError):
    """A trial's process could not be started or reached."""


class RenamedWarning(FutureWarning):
    """An old name that the next version will not accept."""


def handle_renamed(handle: Callable[[str], None]) -> None:
    """Pass the message of every `RenamedWarning` to a function; show other warnings as before."""
    show = warnings.showwarning

    def shown(
        message: Warning | str,
        category: type[Warning],
        *where: Any,  # noqa: ANN401 - as of `warnings.showwarning`
        **more: Any,  # noqa: ANN401
    ) -> None:
        if issubclass(category, RenamedWarning):
            handle(str(message))
        else:
            show(message, category, *where, **more)

    warnings.showwarning = shown
