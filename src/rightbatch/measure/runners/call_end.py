"""How a call in a trial's process ended, in the runner's own terms."""

import os
import re
import signal
from dataclasses import dataclass
from typing import Literal

from rightbatch.measure.runners.wire import MemoryRanOut, Paused, Raised, Returned

CallEndKind = Literal["returned", "paused", "raised", "out_of_memory", "hung", "killed"]
StoppedFor = Literal["out_of_memory", "hung"]

_DUMP = "Timeout ("  # faulthandler's own words above the stacks it shows at the deadline
_CRASH = "Fatal Python error: "
_LAST_WORDS = re.compile(
    r"^(OpenBLAS error: Memory allocation still failed|libgomp: Out of memory allocating"
    r"|terminate called after throwing an instance of 'std::bad_alloc')",
    re.MULTILINE,
)
"""What compiled libraries write before they end the process for lack of memory."""
_WORKER_KILLED = re.compile(
    r"DataLoader worker \(pid.*\) (exited unexpectedly|is killed by signal: Killed)"
)
"""What PyTorch raises where the kernel has killed a process that loads data."""
_SAYS_NO_REASON = re.compile(r"could not (create|execute) a primitive")
"""What oneDNN raises where it finds no memory for a layer, and for other reasons too."""


@dataclass(frozen=True, slots=True)
class CallEnd:
    """How a call in a trial's process ended.

    Attributes:
        kind: "returned"; "paused" (alive, with a value so far); "raised" (by the code, or it left
            without a result); "out_of_memory"; "hung" (ended at its deadline); "killed" (by a
            signal that this side did not send).
        value: What the function returned, or has so far; None where it did not.
        type_name: Qualified name of the exception's type; empty where nothing was raised.
        message: What the exception said.
        traceback: Where the code stood, as text: of the exception, at the deadline or at the crash.
        signal_number: The signal that ended the process; None where none did.
        peak_bytes: The most memory that the process and its descendants were seen to use.
        group_peak_bytes: The same, of the times when there were descendants; 0 without any.
        wall_seconds: From the order to begin or go on until it paused or nothing was left.
        output_tail: The end of what it wrote to standard output and standard error.
    """

    kind: CallEndKind
    value: object = None
    type_name: str = ""
    message: str = ""
    traceback: str = ""
    signal_number: int | None = None
    peak_bytes: int = 0
    group_peak_bytes: int = 0
    wall_seconds: float = 0.0
    output_tail: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known once a trial's process is gone.

    Attributes:
        said: Its last message; None where it ended without one.
        stopped_for: Why this side ended it; None where it ended by itself.
        status: Its wait status; None where nobody could collect it.
        killed_in_group: Whether the kernel ended one of its processes because the limit of their
            group was reached; others may have gone on without it.
        memory_ran_out: Whether the machine or the limit was short of memory at the end.
        value: What `said` carries, if it is `Returned` or `Paused`.
        peak_bytes: As in `CallEnd`.
        group_peak_bytes: As in `CallEnd`.
        wall_seconds: As in `CallEnd`.
        output_tail: As in `CallEnd`.
    """

    said: object
    stopped_for: StoppedFor | None
    status: int | None
    killed_in_group: bool
    memory_ran_out: bool
    value: object
    peak_bytes: int
    group_peak_bytes: int
    wall_seconds: float
    output_tail: str


def call_end(seen: Evidence) -> CallEnd:
    """Tell from the evidence how a call ended."""
    kind, type_name, message, traceback = _told(seen)
    return CallEnd(
        kind=kind,
        value=seen.value if kind in {"returned", "paused"} else None,
        type_name=type_name,
        message=message,
        traceback=traceback,
        signal_number=_signal(seen.status),
        peak_bytes=seen.peak_bytes,
        group_peak_bytes=seen.group_peak_bytes,
        wall_seconds=seen.wall_seconds,
        output_tail=seen.output_tail,
    )


def _told(seen: Evidence) -> tuple[CallEndKind, str, str, str]:
    """Kind, type name, message and traceback."""
    if isinstance(seen.said, Returned):
        return "returned", "", "", ""
    if isinstance(seen.said, Paused) and seen.status is None and seen.stopped_for is None:
        return "paused", "", "", ""
    if isinstance(seen.said, MemoryRanOut) or _means_lack_of_memory(seen):
        return "out_of_memory", "", "", ""
    if isinstance(seen.said, Raised):
        return "raised", seen.said.type_name, seen.said.message, seen.said.traceback
    if seen.stopped_for is not None:
        return seen.stopped_for, "", "", _after(_DUMP, seen.output_tail)
    return _told_by_its_end(seen)


def _means_lack_of_memory(seen: Evidence) -> bool:
    """Whether what was raised, or nothing said, comes from lack of memory where it was short."""
    if seen.killed_in_group:
        return True
    if not isinstance(seen.said, Raised) or not seen.memory_ran_out:
        return False
    return any(text.search(seen.said.message) for text in (_WORKER_KILLED, _SAYS_NO_REASON))


def _told_by_its_end(seen: Evidence) -> tuple[CallEndKind, str, str, str]:
    """The same, of a process that said nothing and was not ended from here."""
    number = _signal(seen.status)
    if number in {None, signal.SIGABRT} and _LAST_WORDS.search(seen.output_tail):
        return "out_of_memory", "", "", ""
    if number is None:
        return "raised", "SystemExit", f"exit status {_exit_code(seen.status)}", ""
    lacks_memory = number in {signal.SIGKILL, signal.SIGABRT} and seen.memory_ran_out
    kind: CallEndKind = "out_of_memory" if lacks_memory else "killed"
    return kind, "", "", _after(_CRASH, seen.output_tail)


def _signal(status: int | None) -> int | None:
    if status is None:
        return signal.SIGKILL
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else None


def _exit_code(status: int | None) -> int:
    return os.waitstatus_to_exitcode(status) if status is not None else -1


def _after(mark: str, text: str) -> str:
    """The text from the last line that starts with a mark; empty where there is none."""
    start = text.rfind("\n" + mark)
    if start < 0 and not text.startswith(mark):
        return ""
    return text[start + 1 :]
