"""Ctrl-C and SIGTERM end a study in the same orderly way."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from rightbatch.errors import RightbatchError


class Stopped(RightbatchError):
    """The user stopped a study; the message says what is kept and how to go on."""

    exit_code = 130


class Terminated(KeyboardInterrupt):
    """SIGTERM, raised as an exception so that it is handled like Ctrl-C."""


@contextmanager
def sigterm_like_ctrl_c() -> Iterator[None]:
    """Within the block SIGTERM raises `Terminated`."""

    def raise_it(_signal: int, _frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, raise_it)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
