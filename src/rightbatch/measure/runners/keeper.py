"""The process between the server and one trial, so that a trial may wait while others run.

It is a fork of the server that forks the trial's child, kills it and reaps all its descendants.
"""

import ctypes
import os
import select
import signal
import socket
import sys
import time
import traceback
import warnings
from contextlib import suppress

import psutil

from rightbatch.measure.runners.child import carry_out_assignment
from rightbatch.measure.runners.wire import Channel, Ended, Started

_PR_SET_CHILD_SUBREAPER = 36
_REAP_SECONDS = 10.0


class Keeper:
    """Runs one trial to its end and leaves no process behind.

    Attributes:
        control: Socket to the parent; closing it ends the trial.
        fork: Whether the child runs in this fork (False: in a fresh interpreter).
    """

    def __init__(self, control: socket.socket, fork: bool) -> None:
        self.control = control
        self.fork = fork
        self._parent = Channel(control)
        self._wakeup, self._woken = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wakeup, False)

    def keep(self, stream: int, output: int) -> None:
        """Fork the child; send a message when it is gone with everything it started."""
        signal.signal(signal.SIGCHLD, _wake)
        signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)
        adopt_orphans()
        pid = fork_quietly()
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
            ended = self._wait(pid) or end_descendants(pid)
            self._parent.send(ended)
        except OSError:  # the parent is gone
            end_descendants(pid)

    def _wait(self, pid: int) -> Ended | None:
        """Wait until the child ends, or (None) until the parent sends a stop or is gone."""
        control = self.control.fileno()
        while True:
            ended = _reap(pid)
            if ended is not None:
                end_descendants(pid)
                return ended
            ready, _, _ = select.select([control, self._wakeup], [], [])
            if self._wakeup in ready:
                os.read(self._wakeup, 4096)
            if control in ready:
                self.control.recv(1)
                return None

    def _become_trial(self, stream: int, output: int) -> None:
        """In the child: start a session, redirect output to a file, drop the server's state."""
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


def fork_quietly() -> int:
    """Fork without Python's warning about threads that a preloaded library may have started."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def end_descendants(pid: int = 0) -> Ended:
    """Kill and reap every descendant, orphans included, starting with the process group `pid`.

    A subreaper inherits orphans, so none is left once it has no children.
    """
    ended = Ended(signal.SIGKILL, 0)
    with suppress(ProcessLookupError, PermissionError):
        if pid:
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


def adopt_orphans() -> None:
    """Become the parent of orphaned descendants; on Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _reap(pid: int) -> Ended | None:
    """Reap descendants that have ended; the end of the trial's own child if it is among them."""
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


def _wake(signal_number: int, frame: object) -> None:
    """Do nothing: the signal's number in the wake-up pipe is enough."""
