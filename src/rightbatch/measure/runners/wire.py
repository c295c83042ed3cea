"""The messages between the parent, its server and a trial's child, and their transport."""

import pickle
import socket
import struct
from dataclasses import dataclass

_LENGTH = struct.Struct("!Q")

START = b"t"
"""Parent to server, with three file descriptors (the trial's control socket, the socket to its
child, its output): start a trial."""

STOP = b"k"
"""Parent to a trial's keeper: end the trial and everything it started."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """Parent to child: the function to call.

    Attributes:
        entry: The function to call, as "module:function".
        payload: Its pickled first argument, opened only once `sys_path` is in place.
        limit_bytes: Memory the process may use; None for no limit.
        deadline: When the parent ends the trial, on `time.monotonic`'s clock, which the processes
            of one machine share.
        sys_path: The import path.
        directory: The working directory.
        cgroup: Control group that enforces the limit; None where the process limits its own data.
    """

    entry: str
    payload: bytes
    limit_bytes: int | None
    deadline: float
    sys_path: tuple[str, ...]
    directory: str
    cgroup: str | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """Child to parent: the share of the trial that is done, 0 to 1."""

    done: float


@dataclass(frozen=True, slots=True)
class Renamed:
    """Child to parent: the user's file uses an old name; the message of the warning."""

    message: str


@dataclass(frozen=True, slots=True)
class Returned:
    """Child to parent: the function's value, pickled."""

    value: bytes


@dataclass(frozen=True, slots=True)
class Paused:
    """Child to parent: the value so far of a function that runs in parts, pickled.

    The child waits for `GoOn`, or for the end of the channel, which ends it.
    """

    value: bytes


@dataclass(frozen=True, slots=True)
class GoOn:
    """Parent to child: resume.

    Attributes:
        payload: The object sent to the function, pickled.
        deadline: As in `Assignment`.
    """

    payload: bytes
    deadline: float


@dataclass(frozen=True, slots=True)
class Unpicklable:
    """Child to parent: the function's value cannot be pickled."""

    type_name: str
    message: str


@dataclass(frozen=True, slots=True)
class Raised:
    """Child to parent: the function raised.

    Attributes:
        type_name: Qualified name of the exception's type.
        message: The exception's message.
        traceback: The traceback as text, with rightbatch's own frames left out.
    """

    type_name: str
    message: str
    traceback: str


@dataclass(frozen=True, slots=True)
class MemoryRanOut:
    """Child to parent: the function raised MemoryError."""


@dataclass(frozen=True, slots=True)
class Ready:
    """Server to parent: the imports are done."""


@dataclass(frozen=True, slots=True)
class Started:
    """Keeper to parent: the trial's child is running."""

    pid: int


@dataclass(frozen=True, slots=True)
class Ended:
    """Keeper to parent: the child is gone, with everything it started.

    Attributes:
        status: Its wait status.
        peak_bytes: Its largest resident set.
    """

    status: int
    peak_bytes: int


class Channel:
    """Pickled messages over a stream socket, each prefixed with its length."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._buffer = bytearray()
        self.at_end = False

    def fileno(self) -> int:
        """The socket's file descriptor."""
        return self._stream.fileno()

    def send(self, message: object) -> None:
        """Send one message.

        Raises:
            OSError: The other side is gone.
        """
        data = pickle.dumps(message)
        self._stream.sendall(_LENGTH.pack(len(data)) + data)

    def receive(self) -> object:
        """Wait for one message.

        Raises:
            EOFError: The other side closed before a complete message arrived.
        """
        while (complete := self._take()) is None:
            if not self._read(0):
                raise EOFError("The other side of the channel is closed.")
        return pickle.loads(complete)

    def arrived(self) -> list[object]:
        """The complete messages received so far, without waiting; sets `at_end` at the end."""
        while not self.at_end and self._read(socket.MSG_DONTWAIT):
            pass
        return [pickle.loads(complete) for complete in iter(self._take, None)]

    def close(self) -> None:
        """Close the socket."""
        self._stream.close()

    def _read(self, flags: int) -> bool:
        """Read what is available; False where there is nothing, or the channel has ended."""
        try:
            data = self._stream.recv(2**20, flags)
        except BlockingIOError:
            return False
        except ConnectionError:
            data = b""
        self._buffer += data
        self.at_end = not data
        return bool(data)

    def _take(self) -> bytes | None:
        """The first complete message in the buffer."""
        if len(self._buffer) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._buffer)
        end = _LENGTH.size + length
        if len(self._buffer) < end:
            return None
        complete = bytes(self._buffer[_LENGTH.size : end])
        del self._buffer[:end]
        return complete
