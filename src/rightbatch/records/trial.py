"""A trial: a probe, how it ended and what it measured, where."""

from dataclasses import dataclass
from enum import StrEnum

from rightbatch.records.hardware import Hardware
from rightbatch.records.probe import Probe
from rightbatch.records.remark import Remark
from rightbatch.records.result import Result


class Status(StrEnum):
    """How a trial ended; every status but `OK` comes with a reason."""

    OK = "ok"
    GOAL_NOT_REACHED = "goal_not_reached"
    OUT_OF_MEMORY = "out_of_memory"
    DIVERGED = "diverged"
    HUNG = "hung"
    KILLED = "killed"
    SLOWED = "slowed"
    NOT_FOLLOWED = "not_followed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a trial ended.

    Attributes:
        status: The status.
        reason: What happened, as a code with numbers; None if the trial succeeded.
        advice: The same as a sentence, in trials stored by earlier versions; otherwise empty.
    """

    status: Status
    reason: Remark | None = None
    advice: str = ""

    @property
    def remark(self) -> Remark | None:
        """What happened, in either form; None if the trial succeeded."""
        return self.reason or (Remark.of("text", text=self.advice) if self.advice else None)


@dataclass(frozen=True, slots=True)
class Trial:
    """A probe, how it ended and what it measured.

    Attributes:
        number: Number in the study, from 1.
        probe: The measurement requested.
        outcome: How it ended.
        result: What was measured; None if the trial ended before measuring anything.
        started: Start time, in seconds since 1970-01-01 UTC.
        wall_seconds: Wall-clock time of the whole trial, including the start of its process.
        hardware: The machine it ran on; None if unknown.
    """

    number: int
    probe: Probe
    outcome: Outcome
    result: Result | None
    started: float
    wall_seconds: float
    hardware: Hardware | None = None
