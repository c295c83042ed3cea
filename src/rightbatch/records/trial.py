"""A trial: a probe, how it ended and what it measured, where."""

from dataclasses import dataclass
from enum import StrEnum

from rightbatch.records.hardware import Hardware
from rightbatch.records.probe import Probe
from rightbatch.records.result import Result


class Status(StrEnum):
    """How a trial ended. Every one but `OK` carries a sentence of advice."""

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
        advice: One sentence that says what happened and what to do; empty where all went well.
    """

    status: Status
    advice: str = ""


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
