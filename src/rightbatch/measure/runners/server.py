"""The process that trials are forked from: the framework imported, and nothing else done.

It imports, forks, ends and reaps. It never runs user code, an operation of the framework or a
device query, so that every child starts from the same clean state.
"""

import argparse
import ctypes
import gc
import importlib
import os
import select
import signal
import socket
import sys
import time
import traceback
import warnings
import weakref
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from rightbatch.measure.runners.child import carry_out_assignment
from rightbatch.measure.runners.wire import START, Channel, Ended, Ready, Started

_PR_SET_CHILD_SUBREAPER = 36
_REAP_SECONDS = 10.0
_ACCELERATORS = ("nvidia[0-9]*", "kfd", "accel*", "vfio/[0-9]*")
"""What GPUs and TPUs are called in /dev."""


class Server:
    """Forks one child per trial and leaves nothing of it behind.

    Attributes:
        control: Socket to the parent; its end is the server's end.
        fork: Whether a child goes on from here (False: it starts a fresh interpreter).
    """

    def __init__(self, control: socket.socket, fork: bool) -> None:
        self.control = control
        self.fork = fork
        self._parent = Channel(control)
        self._wakeup, self._woken = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wakeup, False)

    def serve(self) -> None:
        """Start a trial whenever the parent asks, until the parent is gone."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, _wake)
        signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)
        _adopt_orphans()
        self._parent.send(Ready())
        while True:
            command, descriptors, _, _ = socket.recv_fds(self.control, 1, 2)
            if not command:
                return
            if command == START and not self._trial(*descriptors):
                return

    def _trial(self, stream: int, output: int) -> bool:
        """Run one trial to its end; False where the parent is gone."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # threads of a preloaded library
            pid = os.fork()
        if pid == 0:
            try:
                self._become_trial(stream, output)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(1)
        os.close(stream)
        os.close(output)
        try:
            self._parent.send(Started(pid))
            ended = self._wait(pid) or _end_descendants(pid)
            self._parent.send(ended)
        except OSError:
            _end_descendants(pid)
            return False
        return True

    def _wait(self, pid: int) -> Ended | None:
        """Wait until the child ends, or (None) until the parent says stop or is gone."""
        control = self.control.fileno()
        while True:
            ended = _reap(pid)
            if ended is not None:
                _end_descendants(pid)
                return ended
            ready, _, _ = select.select([control, self._wakeup], [], [])
            if self._wakeup in ready:
                os.read(self._wakeup, 4096)
            if control in ready:
                self.control.recv(1)
                return None

    def _become_trial(self, stream: int, output: int) -> None:
        """In the child: a session of its own, its output to a file, no trace of the server."""
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in (self.control.fileno(), self._wakeup, self._woken):
            os.close(descriptor)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)
        os.set_inheritable(stream, not self.fork)
        if self.fork:
            carry_out_assignment(stream)
        else:
            module = "rightbatch.measure.runners.child"
            os.execv(sys.executable, [sys.executable, "-P", "-m", module, "--fd", str(stream)])


def _wake(signal_number: int, frame: object) -> None:
    """Do nothing: the signal's number in the wake-up pipe is the message."""


def _reap(pid: int) -> Ended | None:
    """Collect ended descendants; what the trial's own child ended with, if it did."""
    ended = None
    with suppress(ChildProcessError):
        while True:
            found, status, usage = os.wait4(-1, os.WNOHANG)
            if found == 0:
                break
            if found == pid:
                unit = 1 if sys.platform == "darwin" else 1024
                ended = Ended(status, usage.ru_maxrss * unit)
    return ended


def _end_descendants(pid: int) -> Ended:
    """Kill the trial's process group and every descendant, orphans included, and reap them.

    A server that is a subreaper inherits the orphans, so none is left once it has no children.
    """
    ended = Ended(signal.SIGKILL, 0)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    give_up = time.monotonic() + _REAP_SECONDS
    while time.monotonic() < give_up:
        left = psutil.Process().children(recursive=True)
        if not left:
            break
        for process in left:
            with suppress(psutil.Error):
                process.kill()
        time.sleep(0.002)
        ended = _reap(pid) or ended
    return ended


def _adopt_orphans() -> None:
    """Become the parent of orphaned descendants where the system is Linux; do without elsewhere."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _forget_finalizers() -> None:
    """Leave out, at a child's exit, what preloaded libraries tidy up (PyTorch: 0.1 s each time).

    Python has no public list of finalizers; where its own is not found, the exit is only slower.
    """
    for finalizer in getattr(weakref.finalize, "_registry", ()):
        finalizer.atexit = False


def main(arguments: Sequence[str] | None = None) -> None:
    """Import what trials will need, then serve."""
    parser = argparse.ArgumentParser(prog="rightbatch trial server")
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--preload", nargs="*", default=[])
    parser.add_argument("--no-fork", action="store_true")
    parser.add_argument("--preload-threadless", nargs="*", default=[])
    options = parser.parse_args(arguments)
    _import(options.preload)
    fork = not options.no_fork and _import_threadless(options.preload_threadless)
    _forget_finalizers()
    gc.collect()
    gc.freeze()
    with suppress(ConnectionError):  # the parent is gone
        Server(socket.socket(fileno=options.fd), fork=fork).serve()


def _import(names: Sequence[str]) -> None:
    for name in names:
        with suppress(Exception):  # a trial that needs it raises the error in its own words
            importlib.import_module(name)


def _import_threadless(names: Sequence[str]) -> bool:
    """Import libraries that survive a fork as long as they have started nothing.

    A fork copies the one thread that asks for it: what holds a lock or waits in another is lost.
    TensorFlow and JAX start theirs with the first operation, not when they are imported; that is
    looked at here, each time. A driver may be opened by an import without a thread, so where there
    is an accelerator these libraries are left to the trials.

    Returns:
        Whether children may be forked from here.
    """
    threads = Path("/proc/self/task")
    if not threads.exists() or any(any(Path("/dev").glob(pattern)) for pattern in _ACCELERATORS):
        return True
    before = len(list(threads.iterdir()))
    _import(names)
    return len(list(threads.iterdir())) == before


if __name__ == "__main__":
    main()
