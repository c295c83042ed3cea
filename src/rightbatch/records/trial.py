"""A trial: a probe, how it ended and what it measured, where."""

from dataclasses import dataclass
from enum import StrEnum

from rightbatch.records.hardware import Hardware
from rightbatch.records.probe import Probe
from rightbatch.records.remark import Remark
from rightbatch.records.result import Result


class Status(StrEnum):
    """How a trial ended. Every one but `OK` carries a reason."""

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
        status: The kind of ending.
        reason: What happened, as a code and its numbers; None where all went well.
        advice: The same as a sentence, of trials that earlier versions stored; else empty.
    """

    status: Status
    reason: Remark | None = None
    advice: str = ""

    @property
    def remark(self) -> Remark | None:
        """What happened, in whatever form it was stored; None where all went well."""
        return self.reason or (Remark.of("text", text=self.advice) if self.advice else None)


@dataclass(frozen=True, slots=True)
class Trial:
    """A probe, how it ended and what it measured.

    Attributes:
        number: Place in the study, from 1.
        probe: What was asked.
        outcome: How it ended.
        result: What was measured; None where the trial ended before measuring anything.
        started: Seconds since 1970-01-01 UTC.
        wall_seconds: Wall-clock time of the whole trial, start of the process included.
        hardware: The machine that it ran on; None where that is not known.
    """

    number: int
    probe: Probe
    outcome: Outcome
    result: Result | None
    started: float
    wall_seconds: float
    hardware: Hardware | None = None
