"""The recommendation and its evidence."""

from dataclasses import dataclass, field
from typing import Literal

from rightbatch.records.ending import Ending
from rightbatch.records.estimate import Estimate
from rightbatch.records.fits import Fits
from rightbatch.records.placement import ONE_DEVICE, Placement
from rightbatch.records.remark import Remark

BindingConstraint = Literal[
    "memory",
    "throughput",
    "critical_batch_size",
    "data_set_size",
    "sizes_considered",
    "none",
    "budget",
]
"""What keeps the best batch size from being larger: "none" where costs are flat, "budget" where
there is not enough data to tell."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One batch size with the settings that go with it and what it is predicted to cost.

    Attributes:
        optimizer: Name of the optimizer.
        batch_size: Examples per optimizer update.
        learning_rate: Learning rate.
        micro_batch_size: Examples per forward and backward pass.
        accumulation_steps: Micro-batches per update.
        steps_per_epoch: Updates in one pass over the training data.
        epochs_to_goal: Passes over the training data to the goal; None if unknown.
        seconds_to_goal: Training time to the goal; None if unknown.
        steps_to_goal: Updates to the goal; None if unknown.
        joules_to_goal: Energy of the device to the goal; None if unknown.
        cost_to_goal: Price of the training time to the goal; None if unknown.
        placement: The devices that take a step together; batch size = micro-batch size ×
            accumulation steps × replicas.
    """

    optimizer: str
    batch_size: int
    learning_rate: float
    micro_batch_size: int
    accumulation_steps: int
    steps_per_epoch: int
    epochs_to_goal: Estimate | None = None
    seconds_to_goal: Estimate | None = None
    steps_to_goal: Estimate | None = None
    joules_to_goal: Estimate | None = None
    cost_to_goal: Estimate | None = None
    placement: Placement = ONE_DEVICE


@dataclass(frozen=True, slots=True)
class TimeSpent:
    """Where the study's time went, in seconds; of runs side by side, that of each.

    Attributes:
        training: Training steps of the learning stage.
        measuring: Trials of the memory, speed and noise stages.
        overhead: Starting processes, loading data, evaluating, deciding.
        budget: What was allowed; None if nothing was said.
        to_model: Wall-clock time until a run first reached the goal; None where none did.
        overlapped: Time that runs side by side make count more than once; less that, the parts are
            the study's wall-clock time.
    """

    training: float
    measuring: float
    overhead: float
    budget: float | None = None
    to_model: float | None = None
    overlapped: float = 0.0

    @property
    def wall(self) -> float:
        """Wall-clock time of the study."""
        return self.training + self.measuring + self.overhead - self.overlapped


@dataclass(frozen=True, slots=True)
class Remarks:
    """What is to be said of an advice.

    Attributes:
        headline: The verdict.
        reasons: The numbers behind it, what limits the batch size first.
        warnings: What makes the advice less sure.
        missing: Why each figure that could not be estimated is missing, by its JSON name.
    """

    headline: Remark
    reasons: tuple[Remark, ...] = ()
    warnings: tuple[Remark, ...] = ()
    missing: dict[str, Remark] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Advice:
    """One recommendation with its evidence.

    Attributes:
        study: Name of the study it was made from.
        goal: The goal in words.
        objective: What is minimised: "time", "examples", "steps", "energy" or "cost".
        recommended: The best guess; None where there is not enough data for one.
        reference: The user's present settings, with what they are predicted to cost; None for a
            study recorded elsewhere, which does not tell anybody's.
        near_optimal: Batch sizes predicted within 10% of the best, ascending.
        binding_constraint: What keeps the best batch size from being larger.
        remarks: What is to be said of it.
        fits: The fits every number comes from.
        by_optimizer: The best choice of each optimizer compared, best first.
        regimes: Stochastic, mini-batch and full-batch rows where those were asked for:
            (regime, choice) pairs.
        time_spent: Where the wall-clock time went.
        price_per_hour: What an hour of training was said to cost; None where nothing was said.
        ended: Why the study ended; None where no planner made it, or nobody asked.
        times_as_fast: How many times as fast as the reference the recommendation reaches the goal;
            None where that is not known, or both are the same.
    """

    study: str
    goal: str
    objective: str
    recommended: Choice | None
    reference: Choice | None
    near_optimal: tuple[int, ...]
    binding_constraint: BindingConstraint
    remarks: Remarks
    fits: Fits
    by_optimizer: tuple[Choice, ...] = ()
    regimes: tuple[tuple[str, Choice], ...] = ()
    time_spent: TimeSpent = field(default_factory=lambda: TimeSpent(0.0, 0.0, 0.0))
    price_per_hour: float | None = None
    ended: Ending | None = None
    times_as_fast: Estimate | None = None

    @property
    def batch_size(self) -> int | None:
        """Recommended examples per optimizer update."""
        return None if self.recommended is None else self.recommended.batch_size

    @property
    def learning_rate(self) -> float | None:
        """Recommended learning rate."""
        return None if self.recommended is None else self.recommended.learning_rate
