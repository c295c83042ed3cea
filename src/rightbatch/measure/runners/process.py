"""Calls functions in fresh child processes that can be killed at any time."""

import os
import pickle
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from rightbatch.errors import RunnerError
from rightbatch.measure.runners.cgroup import Cgroup
from rightbatch.measure.runners.ending import Ending, Evidence, Verdict, ending
from rightbatch.measure.runners.watch import Watch
from rightbatch.measure.runners.wire import (
    START,
    STOP,
    Assignment,
    Channel,
    Ended,
    Ready,
    Returned,
    Share,
    Started,
    Unpicklable,
)

_LOOK_SECONDS = 0.05
_EXIT_SECONDS = 5.0
_ANSWER_SECONDS = 30.0
_START_SECONDS = 300.0
_TAIL_BYTES = 16_384


class TrialServer:
    """Calls functions, one at a time, each in a fresh child of a server process.

    The server starts with the first call and again after it died. When this process ends, in
    whatever way, the server and its child end too.
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
    ) -> Ending:
        """Call a function in a fresh process and wait for its ending.

        Args:
            entry: "module:function"; called with the payload and a callback for the share done.
            payload: First argument; must pickle.
            deadline_seconds: Time from the start of the process until it is killed, in seconds.
            limit_bytes: Memory the process and its descendants may use; None for no limit.
            progress: Told the share done, 0 to 1.

        Raises:
            RunnerError: The server cannot be started, or the value cannot travel.
        """
        pickled = pickle.dumps(payload)
        with tempfile.TemporaryFile() as output:
            try:
                self._running()
                begin = time.monotonic()
                server, stream, pid = self._begin(output)
                with stream, _limited(limit_bytes) as group:
                    deadline = time.monotonic() + deadline_seconds
                    assignment = _assignment(entry, pickled, deadline, limit_bytes, group)
                    call = _Call(server, Channel(stream), assignment, pid, progress)
                    call.follow()
                    kills = group.kills() if group else 0
            except BaseException:
                self.close()
                raise
            if server.broken:
                self.close()
            seconds = time.monotonic() - begin
            return ending(call.evidence(entry, seconds, _tail(output), kills))

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

    def _begin(self, output: IO[bytes]) -> tuple["_ServerProcess", socket.socket, int]:
        """Have a child started; once more with a new server where the old one is gone."""
        for _ in range(2):
            server = self._running()
            ours, theirs = socket.socketpair()
            with theirs:
                try:
                    return server, ours, server.start_trial(theirs.fileno(), output.fileno())
                except (OSError, EOFError):
                    ours.close()
                    self.close()
        raise RunnerError("The process that starts trials ended twice; see the system's log.")


class _ServerProcess:
    """The server as its parent sees it.

    Attributes:
        channel: What the server says.
        broken: Whether it died or does not answer.
    """

    def __init__(
        self,
        preload: Sequence[str],
        preload_threadless: Sequence[str],
        fork: bool,
        environment: Mapping[str, str],
    ) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed in close)
        self._socket, theirs = socket.socketpair()
        self.channel = Channel(self._socket)
        self.broken = False
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
        if not wait([self.channel.fileno()], _START_SECONDS):
            raise RunnerError(
                f"The process that starts trials was not ready after {_START_SECONDS:.0f} s; "
                "see whether the machine is overloaded."
            )
        if not any(isinstance(message, Ready) for message in self.channel.arrived()):
            last = _tail(self._errors).strip().splitlines()[-1:] or ["it said nothing"]
            raise RunnerError(
                f"The process that starts trials ended at once ({last[0]}); "
                "see whether rightbatch is installed for this Python."
            )

    def start_trial(self, stream: int, output: int) -> int:
        """Have a child started with these descriptors; its process number."""
        socket.send_fds(self._socket, [START], [stream, output])
        if not wait([self.channel.fileno()], _ANSWER_SECONDS):
            raise TimeoutError("The server does not answer.")
        message = self.channel.receive()
        if isinstance(message, Started):
            return message.pid
        raise EOFError(f"The server said {message} to the start of a trial.")

    def stop_trial(self) -> None:
        """Have the running trial ended; `Ended` follows."""
        with suppress(OSError):
            self._socket.send(STOP)

    def close(self) -> None:
        """Close the control socket, at which the server ends all it started and itself."""
        self.channel.close()
        try:
            self._process.wait(_EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()


class _Call:
    """One call, from its assignment until nothing of its process is left."""

    def __init__(
        self,
        server: _ServerProcess,
        channel: Channel,
        assignment: Assignment,
        pid: int,
        progress: Callable[[float], None],
    ) -> None:
        self._server = server
        self._channel = channel
        self._progress = progress
        self._watch = Watch(pid, assignment.limit_bytes)
        self._deadline = assignment.deadline
        self._stopped: float | None = None
        self._said: object = None
        self._verdict: Verdict | None = None
        self._ended: Ended | None = None
        with suppress(BrokenPipeError):  # the child is gone already: `Ended` follows
            channel.send(assignment)

    def follow(self) -> None:
        """Listen and watch until the process is gone."""
        while self._ended is None and not self._server.broken:
            channels = [self._server.channel.fileno()]
            channels += [] if self._channel.at_end else [self._channel.fileno()]
            wait(channels, _LOOK_SECONDS)
            self._listen()
            self._judge()
        if self._ended is None:
            self._watch.kill()
        self._listen()

    def evidence(self, entry: str, seconds: float, output_tail: str, kills: int) -> Evidence:
        """What is known at the end.

        Args:
            entry: The function called.
            seconds: Time the call took.
            output_tail: The end of what it wrote.
            kills: Processes of it that the kernel ended for their limit.

        Raises:
            RunnerError: The function's value cannot travel between processes.
        """
        value = None
        if isinstance(self._said, Unpicklable):
            raise RunnerError(
                f"The {self._said.type_name} that {entry} returned cannot be pickled "
                f"({self._said.message}); return plain data."
            )
        if isinstance(self._said, Returned):
            try:
                value = pickle.loads(self._said.value)
            except Exception as error:
                raise RunnerError(
                    f"What {entry} returned cannot be unpickled here ({error}); return plain data."
                ) from error
        ended = self._ended
        return Evidence(
            said=self._said,
            verdict=self._verdict,
            status=ended.status if ended else None,
            memory_ran_out=kills > 0 or self._watch.memory_ran_out(),
            value=value,
            peak_bytes=max(self._watch.peak_bytes, ended.peak_bytes if ended else 0),
            group_peak_bytes=self._watch.group_peak_bytes,
            wall_seconds=seconds,
            output_tail=output_tail,
        )

    def _listen(self) -> None:
        for message in self._channel.arrived():
            if isinstance(message, Share):
                self._progress(message.done)
            else:
                self._said = message
                self._deadline = time.monotonic() + _EXIT_SECONDS  # to leave in peace
        for message in self._server.channel.arrived():
            if isinstance(message, Ended):
                self._ended = message
        self._server.broken |= self._server.channel.at_end

    def _judge(self) -> None:
        """Have the process ended where its memory or its time is over."""
        now = time.monotonic()
        if self._stopped is not None:
            self._server.broken |= now > self._stopped + _ANSWER_SECONDS
            return
        if self._watch.exceeded():
            self._verdict = "out_of_memory"
        elif now > self._deadline:
            self._verdict = "hung"
        if self._verdict is not None:
            self._stopped = now
            self._server.stop_trial()


@contextmanager
def _limited(limit_bytes: int | None) -> Iterator[Cgroup | None]:
    """A control group with the limit for one call, where one may be made."""
    group = None if limit_bytes is None else Cgroup.make(limit_bytes, str(os.getpid()))
    try:
        yield group
    finally:
        if group is not None:
            group.remove()


def _assignment(
    entry: str, payload: bytes, deadline: float, limit_bytes: int | None, group: Cgroup | None
) -> Assignment:
    """With this process's directory and import path, so that the user's modules import."""
    directory = str(Path.cwd())
    path = [directory, *(place or directory for place in sys.path)]
    return Assignment(
        entry, payload, limit_bytes, deadline, tuple(dict.fromkeys(path)), directory,
        None if group is None else str(group.path),
    )  # fmt: skip


def _tail(output: IO[bytes]) -> str:
    """The end of what was written to a file that others may still write to."""
    size = os.fstat(output.fileno()).st_size
    data = os.pread(output.fileno(), _TAIL_BYTES, max(size - _TAIL_BYTES, 0))
    return data.decode(errors="replace")
