"""How a call in a trial's process ended, in the runner's terms."""

import os
import re
import signal
from dataclasses import dataclass, replace
from typing import Literal

from rightbatch.measure.runners.wire import MemoryRanOut, Paused, Raised, Returned

CallEndKind = Literal["returned", "paused", "raised", "out_of_memory", "hung", "killed"]
StoppedFor = Literal["out_of_memory", "hung"]

_DUMP = "Timeout ("  # faulthandler's heading above the stacks at the deadline
_CRASH = "Fatal Python error: "
_LAST_WORDS = re.compile(
    r"^(OpenBLAS error: Memory allocation still failed|libgomp: Out of memory allocating"
    r"|terminate called after throwing an instance of 'std::bad_alloc')",
    re.MULTILINE,
)
"""What compiled libraries write before they abort for lack of memory."""
_WORKER_KILLED = re.compile(
    r"DataLoader worker \(pid.*\) (exited unexpectedly|is killed by signal: Killed)"
)
"""What PyTorch raises when the kernel has killed a data-loading worker."""
_SAYS_NO_REASON = re.compile(r"could not (create|execute) a primitive")
"""What oneDNN raises when it lacks memory for a layer, but also for other reasons."""


@dataclass(frozen=True, slots=True)
class CallEnd:
    """How a call in a trial's process ended.

    Attributes:
        kind: "returned"; "paused" (alive, with a value so far); "raised" (by the code, or it exited
            without a result); "out_of_memory"; "hung" (stopped at its deadline); "killed" (by a
            signal that the parent did not send).
        value: What the function returned or has so far; None where it raised or was stopped.
        type_name: Qualified name of the exception's type; empty where nothing was raised.
        message: The exception's message.
        traceback: The stack, as text, of the exception, at the deadline or at the crash.
        signal_number: The signal that ended the process; None where none did.
        peak_bytes: Highest observed memory of the process and its descendants.
        group_peak_bytes: The same while there were descendants; 0 without any.
        wall_seconds: From the order to start or resume until it paused or was gone.
        output_tail: The last of what it wrote to standard output and standard error.
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
        last: Its last message; None where it ended without one.
        stopped_for: Why the parent stopped it; None where it ended by itself.
        status: Its wait status; None where it could not be collected.
        killed_in_group: Whether the kernel killed one of its processes at the limit of their group;
            others may have continued.
        memory_ran_out: Whether memory was short at the end, within the limit or on the machine.
        value: The value in `last`, if that is `Returned` or `Paused`.
        output_tail: As in `CallEnd`.
    """

    last: object
    stopped_for: StoppedFor | None
    status: int | None
    killed_in_group: bool
    memory_ran_out: bool
    value: object
    output_tail: str


def call_end(seen: Evidence) -> CallEnd:
    """Infer from the evidence how a call ended, except for its memory and time."""
    return replace(
        _reported_end(seen),
        signal_number=_signal(seen.status),
        output_tail=seen.output_tail,
    )


def _reported_end(seen: Evidence) -> CallEnd:
    """The end as far as the last message or the parent's stop determines it."""
    if isinstance(seen.last, Returned):
        return CallEnd("returned", seen.value)
    if isinstance(seen.last, Paused) and seen.status is None and seen.stopped_for is None:
        return CallEnd("paused", seen.value)
    if isinstance(seen.last, MemoryRanOut) or _means_lack_of_memory(seen):
        return CallEnd("out_of_memory")
    if isinstance(seen.last, Raised):
        return CallEnd(
            "raised",
            type_name=seen.last.type_name,
            message=seen.last.message,
            traceback=seen.last.traceback,
        )
    if seen.stopped_for is not None:
        return CallEnd(seen.stopped_for, traceback=_after(_DUMP, seen.output_tail))
    return _silent_end(seen)


def _means_lack_of_memory(seen: Evidence) -> bool:
    """Whether a kill in the group, or an ambiguous exception, means that memory ran out."""
    if seen.killed_in_group:
        return True
    if not isinstance(seen.last, Raised) or not seen.memory_ran_out:
        return False
    return any(text.search(seen.last.message) for text in (_WORKER_KILLED, _SAYS_NO_REASON))


def _silent_end(seen: Evidence) -> CallEnd:
    """The end of a process that sent no message and was not stopped by the parent."""
    number = _signal(seen.status)
    if number in {None, signal.SIGABRT} and _LAST_WORDS.search(seen.output_tail):
        return CallEnd("out_of_memory")
    if seen.status is not None and number is None:
        code = os.waitstatus_to_exitcode(seen.status)
        return CallEnd("raised", type_name="SystemExit", message=f"exit status {code}")
    lacks_memory = number in {signal.SIGKILL, signal.SIGABRT} and seen.memory_ran_out
    kind: CallEndKind = "out_of_memory" if lacks_memory else "killed"
    return CallEnd(kind, traceback=_after(_CRASH, seen.output_tail))


def _signal(status: int | None) -> int | None:
    """The signal that ended a process; SIGKILL where its status could not be collected."""
    if status is None:
        return signal.SIGKILL
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else None


def _after(mark: str, text: str) -> str:
    """The text from the last line that starts with a mark; empty where there is none."""
    start = f"\n{text}".rfind(f"\n{mark}")
    return text[start:] if start >= 0 else ""
