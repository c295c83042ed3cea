"""The processes between the parent and its trials: one server, and a keeper for each trial.

The server has imported the framework and done nothing else. A keeper is a fork of it that forks the
trial's child, kills it and reaps all its descendants, so that a trial may wait while others run.
Neither ever runs user code, an operation of the framework or a device query, so every child starts
from the same clean state.
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
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil

from rightbatch.measure.runners.child import carry_out_assignment
from rightbatch.measure.runners.wire import START, Channel, Ended, Ready, Started

_ACCELERATORS = ("nvidia[0-9]*", "kfd", "accel*", "vfio/[0-9]*")
"""Names of GPUs and TPUs in /dev."""
_PR_SET_CHILD_SUBREAPER = 36
_REAP_SECONDS = 10.0


def _forget_finalizers() -> None:
    """Skip the exit finalizers of preloaded libraries in children (PyTorch: 0.1 s each time).

    Python has no public list of finalizers; without its private one, exits are merely slower.
    """
    for finalizer in getattr(weakref.finalize, "_registry", ()):
        finalizer.atexit = False


def main() -> None:
    """Import what trials need, then serve."""
    parser = argparse.ArgumentParser(prog="rightbatch trial server")
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--preload", nargs="*", default=[])
    parser.add_argument("--no-fork", action="store_true")
    parser.add_argument("--preload-threadless", nargs="*", default=[])
    options = parser.parse_args()
    _import(options.preload)
    fork = not options.no_fork and _import_threadless(options.preload_threadless)
    _forget_finalizers()
    gc.collect()
    gc.freeze()
    with suppress(ConnectionError):  # the parent is gone
        serve(socket.socket(fileno=options.fd), fork)


def _import(names: Sequence[str]) -> None:
    for name in names:
        with suppress(Exception):  # a trial that needs it raises the error itself
            importlib.import_module(name)


def _import_threadless(names: Sequence[str]) -> bool:
    """Import libraries that survive a fork as long as they have started no thread.

    A fork copies only the calling thread; locks and work of other threads are lost. TensorFlow and
    JAX start threads with their first operation, not on import, which is verified here each time.
    An import may also open a driver without starting a thread, so on machines with an accelerator
    these libraries are left to the trials.

    Returns:
        Whether children may be forked from this process.
    """
    threads = Path("/proc/self/task")
    if not threads.exists() or any(any(Path("/dev").glob(pattern)) for pattern in _ACCELERATORS):
        return True
    before = len(list(threads.iterdir()))
    _import(names)
    return len(list(threads.iterdir())) == before


def serve(parent: socket.socket, fork: bool) -> None:
    """Fork a keeper at each request of the parent; once it is gone, leave no process behind.

    Args:
        parent: Socket to the parent; closing it ends the server.
        fork: Whether a trial's child runs in a fork (False: in a fresh interpreter).
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, lambda *_: _reap())  # keepers, and the child of a killed one
    _adopt_orphans()
    Channel(parent).send(Ready())
    while True:
        command, descriptors, _, _ = socket.recv_fds(parent, 1, 3)
        if command != START:
            break
        _run_in_fork(partial(_keep, parent, *descriptors, fork=fork))
        for descriptor in descriptors:
            os.close(descriptor)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _end_descendants()


def _keep(server: socket.socket, parent: int, stream: int, output: int, *, fork: bool) -> None:
    """Run one trial to its end: fork its child, and report when nothing that it started is left.

    Args:
        server: The server's own socket, which is closed here.
        parent: Socket to the parent; closing it ends the trial.
        stream: Socket from the child to the parent.
        output: File for what the child writes.
        fork: Whether the child runs in this fork (False: in a fresh interpreter).
    """
    server.close()
    control = socket.socket(fileno=parent)
    channel = Channel(control)
    wakeup, woken = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(wakeup, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # its number in the wake-up pipe is enough
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    _adopt_orphans()
    pid = _run_in_fork(partial(_become_trial, stream, output, fork, (parent, wakeup, woken)))
    os.close(stream)
    os.close(output)
    try:
        channel.send(Started(pid))
        channel.send(_wait(control, wakeup, pid) or _end_descendants(pid))
    except OSError:  # the parent is gone
        _end_descendants(pid)


def _wait(control: socket.socket, wakeup: int, pid: int) -> Ended | None:
    """Wait until the child ends, or (None) until the parent sends a stop or is gone."""
    while True:
        ended = _reap(pid)
        if ended is not None:
            _end_descendants(pid)
            return ended
        ready, _, _ = select.select([control.fileno(), wakeup], [], [])
        if wakeup in ready:
            os.read(wakeup, 4096)
        if control.fileno() in ready:
            control.recv(1)
            return None


def _become_trial(stream: int, output: int, fork: bool, ours: Sequence[int]) -> None:
    """In the child: start a session, redirect output to a file, drop the keeper's state."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for descriptor in ours:
        os.close(descriptor)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.set_inheritable(stream, not fork)
    if fork:
        carry_out_assignment(stream)
    os.execv(
        sys.executable,
        [sys.executable, "-P", "-m", "rightbatch.measure.runners.child", str(stream)],
    )


def _run_in_fork(run: Callable[[], object]) -> int:
    """Run a function in a fork that ends with it; return the fork's process number.

    Without Python's warning about threads that a preloaded library may have started.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        try:
            run()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    return pid


def _end_descendants(pid: int = 0) -> Ended:
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


def _adopt_orphans() -> None:
    """Become the parent of orphaned descendants; on Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _reap(pid: int = 0) -> Ended | None:
    """Reap descendants that have ended; the end of the trial's own child if it is among them."""
    ended = None
    with suppress(ChildProcessError):
        while True:
            found, status, usage = os.wait4(-1, os.WNOHANG)
            if found == 0:
                break
            if found == pid:
                ended = Ended(status, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
    return ended


if __name__ == "__main__":
    main()
