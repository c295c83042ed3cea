"""The process that trials are forked from: it has imported the framework and done nothing else.

It forks a keeper for each trial, which forks the trial's child. Neither ever runs user code, an
operation of the framework or a device query, so every child starts from the same clean state.
"""

import argparse
import gc
import importlib
import os
import signal
import socket
import traceback
import weakref
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from rightbatch.measure.runners.keeper import Keeper, adopt_orphans, end_descendants, fork_quietly
from rightbatch.measure.runners.wire import START, Channel, Ready

_ACCELERATORS = ("nvidia[0-9]*", "kfd", "accel*", "vfio/[0-9]*")
"""Names of GPUs and TPUs in /dev."""


class Server:
    """Forks a keeper per trial and leaves no process behind.

    Attributes:
        control: Socket to the parent; closing it ends the server.
        fork: Whether a trial's child runs in a fork (False: in a fresh interpreter).
    """

    def __init__(self, control: socket.socket, fork: bool) -> None:
        self.control = control
        self.fork = fork

    def serve(self) -> None:
        """Start a trial at each request of the parent, until the parent is gone."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, _reap_keepers)
        adopt_orphans()
        Channel(self.control).send(Ready())
        while True:
            command, descriptors, _, _ = socket.recv_fds(self.control, 1, 3)
            if command != START:
                break
            self._keep(*descriptors)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        end_descendants()

    def _keep(self, control: int, stream: int, output: int) -> None:
        """Fork a keeper for a trial."""
        if fork_quietly() == 0:
            try:
                self.control.close()
                Keeper(socket.socket(fileno=control), self.fork).keep(stream, output)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(0)
        for descriptor in (control, stream, output):
            os.close(descriptor)


def _reap_keepers(signal_number: int, frame: object) -> None:
    """Reap keepers that have ended, and the children of a killed one."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _forget_finalizers() -> None:
    """Skip the exit finalizers of preloaded libraries in children (PyTorch: 0.1 s each time).

    Python has no public list of finalizers; without its private one, exits are merely slower.
    """
    for finalizer in getattr(weakref.finalize, "_registry", ()):
        finalizer.atexit = False


def main(arguments: Sequence[str] | None = None) -> None:
    """Import what trials need, then serve."""
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


if __name__ == "__main__":
    main()
