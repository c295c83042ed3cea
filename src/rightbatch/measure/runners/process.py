"""Calls functions in fresh child processes that can be killed at any time."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import wait
from typing import IO, Self

from rightbatch.errors import RunnerError
from rightbatch.measure.control_groups import Cgroup
from rightbatch.measure.runners.call import Call, tail
from rightbatch.measure.runners.call_end import CallEnd
from rightbatch.measure.runners.wire import START, Channel, Ready, Started

_ANSWER_SECONDS = 30.0
_EXIT_SECONDS = 5.0
_START_SECONDS = 300.0


class TrialServer:
    """Calls functions, each in a fresh child process forked from a server process.

    The server starts with the first call, and again if it dies. However this process ends, the
    server and every child end with it.
    """

    def __init__(
        self,
        preload: Sequence[str] = (),
        *,
        fork: bool = True,
        preload_threadless: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Describe the server.

        Args:
            preload: Modules to import before the first fork; missing ones are skipped.
            fork: Fork children from the server; False starts a fresh interpreter for each, for
                frameworks that do not survive a fork.
            preload_threadless: More such modules, as long as importing them starts no thread; where
                it does, each child is a fresh interpreter.
            environment: Environment variables of the server and its children, added to this
                process's own.
        """
        imports = ["--preload", *preload, "--preload-threadless", *preload_threadless]
        self._arguments = imports if fork else ["--no-fork"]
        self._environment = dict(environment or {})
        self._server: _ServerProcess | None = None

    def call(
        self,
        entry: str,
        payload: object,
        *,
        deadline_seconds: float,
        limit_bytes: int | None,
        progress: Callable[[float], None],
    ) -> CallEnd:
        """Call a function in a fresh process and wait for its end; one that pauses is stopped.

        Args:
            entry: "module:function"; called with the payload and a callback for the share done.
            payload: First argument; must pickle.
            deadline_seconds: Time from the start of the process until it is killed, in seconds.
            limit_bytes: Memory the process and its descendants may use; None for no limit.
            progress: Called with the share done, 0 to 1.

        Raises:
            RunnerError: The server cannot be started, or the value cannot be pickled.
        """
        call = self.start(limit_bytes)
        try:
            call.begin(entry, payload, deadline_seconds, progress)
            return call.follow()
        finally:
            call.end()

    def start(self, limit_bytes: int | None) -> Call:
        """Start a process that waits for an assignment.

        Args:
            limit_bytes: Memory the process and its descendants may use; None for no limit.

        Raises:
            RunnerError: The server cannot be started.
        """
        group = None if limit_bytes is None else Cgroup.make(limit_bytes)
        output = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the call)
        try:
            control, channel, pid = self._begin(output)
        except BaseException:
            output.close()
            if group is not None:
                group.remove()
            self.close()
            raise
        return Call(control, channel, output, pid, limit_bytes, group)

    def close(self) -> None:
        """Stop the server and everything it started."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _running(self) -> "_ServerProcess":
        if self._server is None:
            try:
                self._server = _ServerProcess(self._arguments, self._environment)
            except OSError as error:
                raise RunnerError(
                    f"The process that starts trials cannot be started ({error}); check the "
                    "user's limits on processes and open files (ulimit -a)."
                ) from error
            self._server.wait_until_ready()
        return self._server

    def _begin(self, output: IO[bytes]) -> tuple[Channel, Channel, int]:
        """Have a child started; try again with a new server if the old one is gone.

        Returns:
            The channels to its keeper and to the child, and the child's process number.
        """
        for _ in range(2):
            server = self._running()
            ours, theirs = socket.socketpair()
            own_end, keepers_end = socket.socketpair()
            control, channel = Channel(own_end), Channel(ours)
            try:
                with theirs, keepers_end:
                    server.start_trial(keepers_end, theirs, output)
                return control, channel, _started(control)
            except (OSError, EOFError):
                control.close()
                channel.close()
                self.close()
        raise RunnerError(
            "The process that starts trials died twice; look for it in the system log."
        )


class _ServerProcess:
    """The server process, seen from its parent."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed in close)
        self._socket, theirs = socket.socketpair()
        self._channel = Channel(self._socket)
        module = "rightbatch.measure.runners.server"
        command = [sys.executable, "-P", "-m", module, "--fd", str(theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(
                [*command, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                env={**os.environ, **environment},
            )

    def wait_until_ready(self) -> None:
        """Wait until it has imported its modules.

        Raises:
            RunnerError: It ended, or took too long.
        """
        if not wait([self._channel.fileno()], _START_SECONDS):
            raise RunnerError(
                f"The process that starts trials was not ready after {_START_SECONDS:.0f} s; "
                "check whether the machine is overloaded."
            )
        if not any(isinstance(message, Ready) for message in self._channel.arrived()):
            last = tail(self._errors).strip().splitlines()[-1:] or ["no output"]
            raise RunnerError(
                f"The process that starts trials ended at once ({last[0]}); "
                "check that rightbatch is installed for this Python."
            )

    def start_trial(self, control: socket.socket, stream: socket.socket, output: IO[bytes]) -> None:
        """Have a keeper and a child started with these sockets and this output file."""
        socket.send_fds(self._socket, [START], [control.fileno(), stream.fileno(), output.fileno()])

    def close(self) -> None:
        """Close the control socket, on which the server stops all it started and exits."""
        self._channel.close()
        try:
            self._process.wait(_EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()


def _started(control: Channel) -> int:
    """The process number of a child, received from its keeper.

    Raises:
        OSError: The keeper does not answer.
        EOFError: It is gone.
    """
    if not wait([control.fileno()], _ANSWER_SECONDS):
        raise TimeoutError("The keeper of a trial did not answer.")
    message = control.receive()
    if isinstance(message, Started):
        return message.pid
    raise EOFError(f"The keeper answered the start of a trial with {message}.")
