"""The code of a trial's own process: call one function and send back how it ended."""

import atexit
import errno
import faulthandler
import os
import pickle
import pkgutil
import queue
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from traceback import StackSummary, TracebackException
from typing import NoReturn

import psutil

import rightbatch
from rightbatch.errors import handle_renamed
from rightbatch.measure.control_groups import enter
from rightbatch.measure.runners.wire import (
    Assignment,
    Channel,
    GoOn,
    MemoryRanOut,
    Paused,
    Raised,
    Renamed,
    Returned,
    Share,
    Unpicklable,
)

_LEFT_OUT = (str(Path(rightbatch.__file__).parent), "<frozen importlib")
_SHARE_SECONDS = 0.05

Orders = queue.SimpleQueue[GoOn]
"""Orders from the parent to a paused child."""


def carry_out_assignment(descriptor: int) -> NoReturn:
    """Receive an assignment, run it, send back how it ended, and exit.

    Args:
        descriptor: The socket to the parent; this process ends with it.
    """
    faulthandler.enable()
    channel = Channel(socket.socket(fileno=descriptor))
    assignment = channel.receive()
    if not isinstance(assignment, Assignment):
        raise TypeError(f"Expected an Assignment, received {type(assignment).__name__}.")
    orders: Orders = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(channel, orders), daemon=True).start()
    _prepare(assignment)
    handle_renamed(lambda message: channel.send(Renamed(message)))
    channel.send(_ending(assignment, channel, orders))
    faulthandler.cancel_dump_traceback_later()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(0)


class _Shares:
    """Sends progress at most 20 times a second, so as not to slow the trial."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._last = -_SHARE_SECONDS

    def __call__(self, done: float) -> None:
        moment = time.monotonic()
        if moment - self._last >= _SHARE_SECONDS:
            self._last = moment
            self._channel.send(Share(float(done)))


def _listen(channel: Channel, orders: Orders) -> None:
    """Queue the parent's orders; kill this process group when the parent is gone."""
    with suppress(EOFError):
        while True:
            order = channel.receive()
            if isinstance(order, GoOn):
                orders.put(order)
    os.killpg(os.getpgid(0), signal.SIGKILL)


def _prepare(assignment: Assignment) -> None:
    """Set the directory, the import path, the limits and a stack dump at the deadline."""
    os.chdir(assignment.directory)
    sys.path[:] = assignment.sys_path
    _dump_stack_at(assignment.deadline)
    with suppress(OSError):  # let the kernel, if it must, end the trial and nobody else
        Path("/proc/self/oom_score_adj").write_text("1000")
    in_cgroup = assignment.cgroup is not None and enter(assignment.cgroup)
    if assignment.limit_bytes is not None and not in_cgroup:
        _limit_data(assignment.limit_bytes)


def _dump_stack_at(deadline: float) -> None:
    left = deadline - time.monotonic()
    faulthandler.dump_traceback_later(max(left - 1.0, 0.75 * left, 0.01))


def _limit_data(limit_bytes: int) -> None:
    """Refuse memory far beyond a limit on resident memory, which the parent enforces.

    RLIMIT_DATA counts mapped memory, used or not: thread stacks, arenas, workspace that is only
    partly touched (a tenth or more of an LSTM's). Set well above the limit, it stops a single huge
    request; set at the limit, it would bind before resident memory does.
    """
    memory = psutil.Process().memory_info()
    used = memory.rss - getattr(memory, "shared", 0)
    unused = max(0, getattr(memory, "data", used) - used)
    wall = 2 * limit_bytes + unused
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wall = wall if hard == resource.RLIM_INFINITY else min(wall, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (wall, hard))


def _ending(assignment: Assignment, channel: Channel, orders: Orders) -> object:
    """Call the function; return its value or exception as a message."""
    with suppress(MemoryError):
        return _called(assignment, channel, orders)
    return MemoryRanOut()  # only once the frames that held the memory are gone


def _called(assignment: Assignment, channel: Channel, orders: Orders) -> object:
    try:
        function = pkgutil.resolve_name(assignment.entry)
        value = function(pickle.loads(assignment.payload), _Shares(channel))
        if isinstance(value, Generator):
            value = _in_parts(value, channel, orders)
    except MemoryError:
        raise
    except BaseException as error:
        if isinstance(error, OSError) and error.errno == errno.ENOMEM:
            return MemoryRanOut()
        return _raised(error)
    try:
        return Returned(pickle.dumps(value))
    except MemoryError:
        raise
    except Exception as error:
        return Unpicklable(type(value).__qualname__, str(error))


def _in_parts(parts: Generator[object, object, object], channel: Channel, orders: Orders) -> object:
    """Send each part and wait for the order to resume; return the final value."""
    order = None
    while True:
        try:
            part = parts.send(order)
        except StopIteration as end:
            return end.value
        faulthandler.cancel_dump_traceback_later()
        channel.send(Paused(pickle.dumps(part)))
        go_on = orders.get()
        _dump_stack_at(go_on.deadline)
        order = pickle.loads(go_on.payload)


def _raised(error: BaseException) -> Raised:
    """An exception as a message, without the frames of rightbatch and the import machinery."""
    kind = type(error)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    name = f"{module}{kind.__qualname__}"
    report = TracebackException.from_exception(error)
    for part in _chain(report):
        part.stack = StackSummary.from_list(
            frame for frame in part.stack if not frame.filename.startswith(_LEFT_OUT)
        )
    try:
        message = str(error)
    except Exception:
        message = f"<{name} that cannot be shown as text>"
    return Raised(name, message, "".join(report.format()))


def _chain(report: TracebackException) -> list[TracebackException]:
    """The report of an exception and of its causes, contexts and group members."""
    found, waiting = [], [report]
    while waiting:
        part = waiting.pop()
        found.append(part)
        others = (part.__cause__, part.__context__, *(part.exceptions or ()))
        waiting += [other for other in others if other is not None]
    return found


if __name__ == "__main__":
    carry_out_assignment(int(sys.argv[1]))
