"""A study: one question asked of one workload on one machine, and its settings."""

from dataclasses import dataclass
from typing import Literal

from rightbatch.records.hardware import Hardware
from rightbatch.records.result import DescribeResult
from rightbatch.records.stage import STAGES, Stage
from rightbatch.records.trial import Trial
from rightbatch.records.workload import WorkloadFacts, WorkloadReference

Objective = Literal["time", "examples", "steps", "energy", "cost"]
LearningRates = Literal["search", "rule"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user asked of a study.

    Attributes:
        budget_seconds: Wall-clock time for the whole study, in seconds.
        training_budget_seconds: Time in training steps of the learning stage; None for no limit.
        objective: What to minimise on the way to the goal: seconds, examples, steps, joules, price.
        stages: The stages to run, in order.
        optimizers: Names of optimizers to compare; empty for the workload's own.
        batch_sizes: The only batch sizes to consider; empty to choose; 0 stands for "full".
        goal: A goal in words that replaces the workload's; empty to keep it.
        memory_limit_bytes: Memory a trial may use; None for what is safely free.
        margin: Share of the memory limit kept free, 0 to 1.
        max_batch_size: Largest batch size to consider; None for the training set.
        threads: Compute threads per trial; None for one per core.
        device: "cpu", "cuda" ...; None for the best there is.
        seed: Seed of everything random in the study.
        batch_size: Batch size to keep by accumulating micro-batches; None for the workload's own.
        multiple_of: What micro-batch sizes of the memory stage are multiples of.
        inference: Whether the memory stage makes forward passes alone, as when a model serves.
        one_off: Whether one trained model is all that is wanted: learning ends with the first run
            that reaches the goal. Else the workload will be trained again.
        learning_rates: "search" for the best learning rate of each batch size; "rule" where it
            follows the optimizer's scaling rule from the workload's own, and batch sizes race.
        workers: Training runs to have under way at the same time, memory permitting.
        price_per_hour: What an hour of training costs, in the user's currency; None if not told.
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
        workload: Where the workload comes from (never with a pickled factory at rest).
        settings: What was asked.
        created: Seconds since 1970-01-01 UTC.
        rightbatch_version: The version that made it.
        facts: What the first look told; None before it.
        finished: Whether the study ran to its end (False: it can be resumed).
    """

    name: str
    workload: WorkloadReference
    settings: Settings
    created: float
    rightbatch_version: str
    facts: WorkloadFacts | None = None
    finished: bool = False


@dataclass(frozen=True, slots=True)
class Recording:
    """A study with all its trials: everything that advice and reports are made from."""

    study: Study
    trials: tuple[Trial, ...]

    @property
    def hardware(self) -> Hardware | None:
        """The machine of the first trial of which it is known; None before."""
        return next((found for trial in self.trials if (found := _machine(trial))), None)


def _machine(trial: Trial) -> Hardware | None:
    """What a trial ran on: as its runner noted, or as a first look found."""
    found = trial.result.hardware if isinstance(trial.result, DescribeResult) else None
    return trial.hardware or found
