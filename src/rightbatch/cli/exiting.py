"""How a command ends: its exit code, and an orderly end on Ctrl-C, SIGTERM and SIGHUP."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import typer

from rightbatch.decide.advise.capped import no_size_fits
from rightbatch.errors import ExitCode, RightbatchError
from rightbatch.records import Advice, Recording


class Stopped(RightbatchError):
    """The user stopped a study; the message says what is kept and how to continue."""

    def __init__(self, message: str, exit_code: ExitCode = ExitCode.INTERRUPTED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP as an exception, handled like Ctrl-C."""


@contextmanager
def signals_like_ctrl_c() -> Iterator[None]:
    """Make SIGTERM and SIGHUP raise `Terminated` within the block; what is ignored stays so.

    A terminal that closes sends SIGHUP, which `nohup` ignores.
    """

    def raise_it(_signal: int, _frame: FrameType | None) -> None:
        raise Terminated

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, raise_it)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def finish(recording: Recording, advice: Advice) -> None:
    """End the command with the exit code of its result.

    Raises:
        typer.Exit: The exit code is not 0.
    """
    code = exit_code(recording, advice)
    if code is not ExitCode.ADVICE:
        raise typer.Exit(code)


def exit_code(recording: Recording, advice: Advice) -> ExitCode:
    """The exit code of a command that printed advice or the result of a stage."""
    fits, stages = advice.fits, recording.study.settings.stages
    if no_size_fits(fits.memory):
        return ExitCode.NOTHING_FITS
    found = {
        "memory": fits.memory is not None and fits.memory.largest_batch_size is not None,
        "speed": fits.speed is not None,
        "noise": fits.noise is not None,
        "learning": advice.recommended is not None
        and advice.recommended.seconds_to_goal is not None,
    }
    return ExitCode.ADVICE if found[stages[-1]] else ExitCode.NO_ADVICE
