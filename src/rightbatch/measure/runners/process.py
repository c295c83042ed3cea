"""Calls functions in fresh child processes that can be killed at any time."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import wait
from types import TracebackType
from typing import IO, Self

from rightbatch.errors import RunnerError
from rightbatch.measure.runners.call import Call, tail
from rightbatch.measure.runners.call_end import CallEnd
from rightbatch.measure.runners.cgroup import Cgroup
from rightbatch.measure.runners.wire import START, Channel, Ready, Started

_ANSWER_SECONDS = 30.0
_EXIT_SECONDS = 5.0
_START_SECONDS = 300.0


class TrialServer:
    """Calls functions, each in a fresh child process, forked from a server process.

    The server starts with the first call and again after it died. When this process ends, in
    whatever way, the server and every child end too.
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
            preload: Modules to import before the first fork; what is missing is passed over.
            fork: Fork children from the server; False starts a fresh interpreter for each, for
                frameworks that do not survive a fork.
            preload_threadless: Modules to import likewise, as long as that starts no thread; where
                it does, each child is a fresh interpreter.
            environment: Variables for the server and its children, over this process's own.
        """
        self._preload = tuple(preload) if fork else ()
        self._preload_threadless = tuple(preload_threadless) if fork else ()
        self._fork = fork
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
        """Call a function in a fresh process and wait for its ending; one that pauses is ended.

        Args:
            entry: "module:function"; called with the payload and a callback for the share done.
            payload: First argument; must pickle.
            deadline_seconds: Time from the start of the process until it is killed, in seconds.
            limit_bytes: Memory the process and its descendants may use; None for no limit.
            progress: Told the share done, 0 to 1.

        Raises:
            RunnerError: The server cannot be started, or the value cannot travel.
        """
        call = self.start(limit_bytes)
        try:
            call.begin(entry, payload, deadline_seconds, progress)
            return call.follow()
        finally:
            call.end()

    def start(self, limit_bytes: int | None) -> Call:
        """Start a process that waits for what to call.

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
        """End the server and everything under it."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _running(self) -> "_ServerProcess":
        if self._server is None:
            try:
                self._server = _ServerProcess(
                    self._preload, self._preload_threadless, self._fork, self._environment
                )
            except OSError as error:
                raise RunnerError(
                    f"The process that starts trials cannot be started ({error}); "
                    "see how many processes and files this user may have."
                ) from error
            self._server.wait_until_ready()
        return self._server

    def _begin(self, output: IO[bytes]) -> tuple[Channel, Channel, int]:
        """Have a child started; once more with a new server where the old one is gone.

        Returns:
            The channel to its keeper, that to the child, and its process number.
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
        raise RunnerError("The process that starts trials ended twice; see the system's log.")


class _ServerProcess:
    """The server as its parent sees it."""

    def __init__(
        self,
        preload: Sequence[str],
        preload_threadless: Sequence[str],
        fork: bool,
        environment: Mapping[str, str],
    ) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed in close)
        self._socket, theirs = socket.socketpair()
        self._channel = Channel(self._socket)
        module = "rightbatch.measure.runners.server"
        command = [sys.executable, "-P", "-m", module, "--fd", str(theirs.fileno())]
        command += [] if fork else ["--no-fork"]
        command += ["--preload", *preload, "--preload-threadless", *preload_threadless]
        with theirs:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                env={**os.environ, **environment},
            )

    def wait_until_ready(self) -> None:
        """Wait for its imports.

        Raises:
            RunnerError: It ended, or took too long.
        """
        if not wait([self._channel.fileno()], _START_SECONDS):
            raise RunnerError(
                f"The process that starts trials was not ready after {_START_SECONDS:.0f} s; "
                "see whether the machine is overloaded."
            )
        if not any(isinstance(message, Ready) for message in self._channel.arrived()):
            last = tail(self._errors).strip().splitlines()[-1:] or ["it said nothing"]
            raise RunnerError(
                f"The process that starts trials ended at once ({last[0]}); "
                "see whether rightbatch is installed for this Python."
            )

    def start_trial(self, control: socket.socket, stream: socket.socket, output: IO[bytes]) -> None:
        """Have a keeper and a child started with these."""
        descriptors = [control.fileno(), stream.fileno(), output.fileno()]
        socket.send_fds(self._socket, [START], descriptors)

    def close(self) -> None:
        """Close the control socket, at which the server ends all it started and itself."""
        self._channel.close()
        try:
            self._process.wait(_EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()


def _started(control: Channel) -> int:
    """The process number of a child, from its keeper.

    Raises:
        OSError: The keeper does not answer.
        EOFError: It is gone.
    """
    if not wait([control.fileno()], _ANSWER_SECONDS):
        raise TimeoutError("The keeper of a trial does not answer.")
    message = control.receive()
    if isinstance(message, Started):
        return message.pid
    raise EOFError(f"The keeper said {message} to the start of a trial.")
