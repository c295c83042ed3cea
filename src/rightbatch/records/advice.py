"""The recommendation and its evidence."""

from dataclasses import dataclass, field
from typing import Literal

from rightbatch.records.decision import Ending
from rightbatch.records.fits import Fits
from rightbatch.records.hardware import ONE_DEVICE, Placement
from rightbatch.records.remark import Estimate, Remark

BindingConstraint = Literal[
    "memory",
    "throughput",
    "critical_batch_size",
    "data_set_size",
    "sizes_considered",
    "none",
    "budget",
]
"""What keeps the best batch size from being larger: "none" if costs are flat, "budget" if there is
not enough data to compare."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A batch size with its settings and predicted cost.

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
        placement: The devices that share each step; batch size = micro-batch size × accumulation
            steps × devices × nodes.
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
    """Where the study's time went, in seconds, summed over concurrent runs.

    Attributes:
        training: Training steps of the learning stage.
        measuring: Trials of the memory, speed and noise stages.
        overhead: Starting processes, loading data, evaluating, planning.
        budget: The budget; None if none was set.
        to_model: Wall-clock time until a run first reached the goal; None if none did.
        overlapped: Time counted more than once because of concurrent runs.
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
    """The remarks on an advice.

    Attributes:
        headline: The recommendation in one sentence.
        reasons: The numbers behind it, starting with what limits the batch size.
        warnings: What makes the advice less certain.
        missing: Why each missing figure could not be estimated, by its JSON name.
    """

    headline: Remark
    reasons: tuple[Remark, ...] = ()
    warnings: tuple[Remark, ...] = ()
    missing: dict[str, Remark] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Advice:
    """One recommendation with its evidence.

    Attributes:
        study: Name of the study.
        goal: The goal in words.
        objective: What is minimised: "time", "examples", "steps", "energy" or "cost".
        recommended: The recommended settings; None without enough data.
        reference: The user's present settings with their predicted cost; None for a study recorded
            elsewhere, in which they are unknown.
        near_optimal: Batch sizes predicted within 10% of the best, ascending.
        binding_constraint: What keeps the best batch size from being larger.
        remarks: Headline, reasons, warnings and gaps.
        fits: The fits that all numbers come from.
        by_optimizer: The best choice of each optimizer compared, best first.
        regimes: (regime, choice) pairs for stochastic, mini-batch and full-batch training, if they
            were requested.
        time_spent: Where the wall-clock time went.
        price_per_hour: The price of an hour of training; None if not given.
        ended: Why the study ended; None if no planner made it, or it was not determined.
        times_as_fast: How many times as fast as the reference the recommendation reaches the goal;
            None if unknown, or if both are the same settings.
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
