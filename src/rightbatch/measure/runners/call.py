"""Function calls in trial processes: started, followed, paused, resumed and stopped."""

import os
import pickle
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from multiprocessing.connection import wait
from pathlib import Path
from typing import IO

from rightbatch.errors import RenamedWarning, RunnerError
from rightbatch.measure.control_groups import Cgroup
from rightbatch.measure.runners.call_end import CallEnd, Evidence, StoppedFor, call_end
from rightbatch.measure.runners.watch import Watch
from rightbatch.measure.runners.wire import (
    STOP,
    Assignment,
    Channel,
    Ended,
    GoOn,
    Paused,
    Renamed,
    Returned,
    Share,
    Unpicklable,
)

_LOOK_SECONDS = 0.05
_EXIT_SECONDS = 5.0
_ANSWER_SECONDS = 30.0
_TAIL_BYTES = 16_384


class Call:
    """One call, from its assignment until its process is gone.

    Attributes:
        peak_bytes: Highest memory of its processes observed so far.
    """

    def __init__(
        self,
        control: Channel,
        channel: Channel,
        output: IO[bytes],
        pid: int,
        limit_bytes: int | None,
        group: Cgroup | None,
    ) -> None:
        """Take over a child that is waiting for its assignment.

        Args:
            control: Channel to its keeper.
            channel: Channel to the child.
            output: Its captured output.
            pid: Process number of the child.
            limit_bytes: Memory it may use.
            group: The control group that enforces the limit.
        """
        self._control, self._channel = control, channel
        self._output, self._group = output, group
        self._resources = ExitStack()
        for resource in (control, channel, output):
            self._resources.callback(resource.close)
        if group is not None:
            self._resources.callback(group.remove)
        self._entry = ""
        self._limit_bytes = limit_bytes
        self._watch = Watch(pid, limit_bytes)
        self._begun = self._deadline = time.monotonic()
        self._progress: Callable[[float], None] = _ignore
        self._stopped: float | None = None
        self._kills_before = 0
        self._last: object = None
        self._stopped_for: StoppedFor | None = None
        self._ended: Ended | None = None
        self._keeper_lost = False

    @property
    def peak_bytes(self) -> int:
        """Highest memory of its processes observed so far."""
        return self._watch.peak_bytes

    @property
    def busy(self) -> bool:
        """Whether the process is running: neither paused nor gone."""
        return not (self._gone or self._waits)

    @property
    def paused(self) -> bool:
        """Whether the process has paused and can be resumed."""
        if self._waits and not self._gone:
            self._listen()
        return self._waits and not self._gone

    def begin(
        self,
        entry: str,
        payload: object,
        deadline_seconds: float,
        progress: Callable[[float], None],
    ) -> None:
        """Send the child its assignment; `follow` returns how it ends.

        Args:
            entry: "module:function".
            payload: Its first argument; must pickle.
            deadline_seconds: Time from now until it is killed, in seconds.
            progress: Called with the share done, 0 to 1.
        """
        self._entry = entry
        deadline = time.monotonic() + deadline_seconds
        directory = str(Path.cwd())
        path = [directory, *(place or directory for place in sys.path)]  # finds user modules
        assignment = Assignment(
            entry, pickle.dumps(payload), self._limit_bytes, deadline,
            tuple(dict.fromkeys(path)), directory,
            None if self._group is None else str(self._group.path),
        )  # fmt: skip
        self._order(assignment, progress)

    def go_on(
        self, payload: object, deadline_seconds: float, progress: Callable[[float], None]
    ) -> None:
        """Resume a paused child; arguments as for `begin`."""
        self._order(GoOn(pickle.dumps(payload), time.monotonic() + deadline_seconds), progress)

    def look(self) -> None:
        """Read messages and check limits once."""
        self._listen()
        self._judge()
        if self._keeper_lost:
            self._watch.kill()
        if self._gone:
            self._listen()  # to its last messages

    def follow(self) -> CallEnd:
        """Wait until the process pauses or is gone, and return how it ended.

        Raises:
            RunnerError: The function's value cannot travel between processes.
        """
        try:
            first_to_end([self])
            ending = self._ending()
        except BaseException:
            self.end()
            raise
        if self._gone:
            self._resources.close()
        return ending

    def end(self) -> None:
        """Stop the process, if it is alive, and release its resources."""
        self._progress = _ignore
        with self._resources:
            if not self._gone:
                self._stop()
                first_to_end([self])

    @property
    def channels(self) -> list[int]:
        """File descriptors that become readable on any event."""
        ends = [] if self._channel.at_end else [self._channel.fileno()]
        return [self._control.fileno(), *ends]

    @property
    def _gone(self) -> bool:
        return self._ended is not None or self._keeper_lost

    @property
    def _waits(self) -> bool:
        """Whether the child has paused and no stop was sent."""
        return isinstance(self._last, Paused) and self._stopped is None

    @property
    def _kills(self) -> int:
        """How many processes the kernel has killed in its group since the last order."""
        return 0 if self._group is None else self._group.kills() - self._kills_before

    def _order(self, order: Assignment | GoOn, progress: Callable[[float], None]) -> None:
        self._begun, self._deadline = time.monotonic(), order.deadline
        self._progress, self._last = progress, None
        self._kills_before += self._kills
        with suppress(OSError):  # the child is gone already: `Ended` follows
            self._channel.send(order)

    def _ending(self) -> CallEnd:
        """How the process ended or paused, from everything known.

        Raises:
            RunnerError: The function's value cannot travel between processes.
        """
        value = None
        if isinstance(self._last, Unpicklable):
            raise RunnerError(
                f"The {self._last.type_name} that {self._entry} returned cannot be pickled "
                f"({self._last.message}); return plain data."
            )
        if isinstance(self._last, Returned | Paused):
            try:
                value = pickle.loads(self._last.value)
            except Exception as error:
                raise RunnerError(
                    f"What {self._entry} returned cannot be unpickled here ({error}); return "
                    "plain data."
                ) from error
        ended, killed = self._ended, self._kills > 0
        short = self._watch.memory_ran_out(count_kernel_kills=self._group is None)
        seen = Evidence(
            last=self._last,
            stopped_for=self._stopped_for,
            status=ended.status if ended else None,
            killed_in_group=killed,
            memory_ran_out=killed or short,
            value=value,
            output_tail=tail(self._output),
        )
        return replace(
            call_end(seen),
            peak_bytes=max(self._watch.peak_bytes, ended.peak_bytes if ended else 0),
            group_peak_bytes=self._watch.group_peak_bytes,
            wall_seconds=time.monotonic() - self._begun,
        )

    def _listen(self) -> None:
        for message in self._channel.arrived():
            if isinstance(message, Share):
                self._progress(message.done)
            elif isinstance(message, Renamed):
                warnings.warn(message.message, RenamedWarning, stacklevel=1)
            else:
                self._last = message
                if not isinstance(message, Paused):
                    self._deadline = time.monotonic() + _EXIT_SECONDS  # to exit normally
        ends = (message for message in self._control.arrived() if isinstance(message, Ended))
        self._ended = next(ends, self._ended)
        self._keeper_lost |= self._control.at_end and self._ended is None

    def _judge(self) -> None:
        """Stop the process once it exceeds its memory limit or its deadline."""
        moment = time.monotonic()
        if self._stopped is not None:
            self._keeper_lost |= moment > self._stopped + _ANSWER_SECONDS
            return
        if self._watch.exceeded() or self._kills > 0:
            self._stopped_for = "out_of_memory"
        elif moment > self._deadline:
            self._stopped_for = "hung"
        if self._stopped_for is not None:
            self._stop()

    def _stop(self) -> None:
        self._stopped = time.monotonic()
        with suppress(OSError):
            self._control.send(STOP)


def first_to_end(calls: Sequence[Call]) -> Call:
    """Follow several calls until the process of one pauses or is gone.

    Returns:
        That call; `follow` then returns how it ended.
    """
    while all(call.busy for call in calls):
        wait([channel for call in calls for channel in call.channels], _LOOK_SECONDS)
        for call in calls:
            call.look()
    return next(call for call in calls if not call.busy)


def tail(output: IO[bytes]) -> str:
    """The last bytes, as text, of a file that may still be written to."""
    size = os.fstat(output.fileno()).st_size
    data = os.pread(output.fileno(), _TAIL_BYTES, max(size - _TAIL_BYTES, 0))
    return data.decode(errors="replace")


def _ignore(done: float) -> None:
    """Ignore progress."""
