"""A study of one workload on one machine: its settings and its trials."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from rightbatch.records.goal import Objective
from rightbatch.records.hardware import Hardware
from rightbatch.records.probe import STAGES, Probe, Stage
from rightbatch.records.remark import Remark
from rightbatch.records.result import DescribeResult, Result
from rightbatch.records.workload import WorkloadFacts, WorkloadReference

LearningRates = Literal["search", "rule"]


@dataclass(frozen=True, slots=True)
class Settings:
    """The user's settings of a study.

    Attributes:
        budget_seconds: Wall-clock budget of the whole study, in seconds.
        training_budget_seconds: Budget for training steps of the learning stage, in seconds; None
            for no limit.
        objective: What to minimise on the way to the goal: seconds, examples, steps, joules, price.
        stages: The stages to run, in order.
        optimizers: Names of optimizers to compare; empty for the workload's own.
        batch_sizes: The only batch sizes to consider, 0 for "full"; empty for an automatic choice.
        goal: A goal in words that replaces the workload's; empty to keep it.
        memory_limit_bytes: Memory limit of a trial; None for what is safely free.
        margin: Share of the memory limit kept free, 0 to 1.
        max_batch_size: Largest batch size to consider; None for the training set.
        threads: Compute threads per trial; None for one per core.
        device: "cpu", "cuda" ...; None for the best one available.
        seed: Seed of everything random in the study.
        batch_size: Batch size to keep by accumulating micro-batches; None for the workload's own.
        multiple_of: What micro-batch sizes of the memory stage are multiples of.
        inference: Whether the memory stage runs only forward passes, as for serving a model.
        one_off: Whether a single trained model is enough: learning ends with the first run that
            reaches the goal. Otherwise the workload is expected to be trained again.
        learning_rates: "search" for the best learning rate of each batch size; "rule" to scale the
            workload's own by the optimizer's rule and compare only batch sizes.
        workers: Maximum number of concurrent training runs, memory permitting.
        price_per_hour: Price of an hour of training, in the user's currency; None if not given.
    """

    budget_seconds: float = 180.0
    training_budget_seconds: float | None = None
    objective: Objective = "time"
    stages: tuple[Stage, ...] = STAGES
    optimizers: tuple[str, ...] = ()
    batch_sizes: tuple[int, ...] = ()
    goal: str = ""
    memory_limit_bytes: int | None = None
    margin: float = 0.05
    max_batch_size: int | None = None
    threads: int | None = None
    device: str | None = None
    seed: int = 0
    batch_size: int | None = None
    multiple_of: int = 1
    inference: bool = False
    one_off: bool = False
    learning_rates: LearningRates = "search"
    workers: int = 1
    price_per_hour: float | None = None


@dataclass(frozen=True, slots=True)
class Study:
    """A study as stored.

    Attributes:
        name: Unique name in its store, such as "digits-1".
        workload: Where the workload comes from (without a pickled factory when stored).
        settings: The user's settings.
        created: Creation time, in seconds since 1970-01-01 UTC.
        rightbatch_version: The version that made it.
        facts: The description of the workload; None before it was made.
        finished: Whether the study ran to its end; if not, it can be resumed.
    """

    name: str
    workload: WorkloadReference
    settings: Settings
    created: float
    rightbatch_version: str
    facts: WorkloadFacts | None = None
    finished: bool = False


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


@dataclass(frozen=True, slots=True)
class Recording:
    """A study with all its trials, from which advice and reports are made."""

    study: Study
    trials: tuple[Trial, ...]

    @property
    def hardware(self) -> Hardware | None:
        """The machine of the first trial that has one, from its runner or its result; or None."""
        found = (
            trial.hardware
            or (trial.result.hardware if isinstance(trial.result, DescribeResult) else None)
            for trial in self.trials
        )
        return next(filter(None, found), None)
