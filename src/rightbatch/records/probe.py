"""What the planner asks for: one probe is one child process."""

from dataclasses import dataclass, field
from typing import ClassVar

from rightbatch.records.decision import Decision
from rightbatch.records.placement import ONE_DEVICE, Placement
from rightbatch.records.prediction import MemoryTarget, PredictResult
from rightbatch.records.result import (
    DescribeResult,
    MemoryResult,
    NoiseResult,
    Result,
    SpeedResult,
    TrainingResult,
)
from rightbatch.records.stage import Stage


@dataclass(frozen=True, slots=True)
class Probe:
    """One thing to measure; what is known of its kind stands with it.

    Attributes:
        kind: Stable tag of the kind; of a probe in a store and of its result.
        stage: The stage whose time it takes; None for the first look at a workload.
        result: What it brings.
        uses_device: Whether it is carried out on the study's device; else on a CPU.
        optional: Whether a study goes on where it fails, whatever the reason.
        optimizer: Name of the optimizer; empty where none is used, or for the workload's own.
        seconds_limit: Wall-clock deadline of the whole trial, in seconds.
        placement: The devices that take a step together.
        at_once: Trials that may be under way at the same time, this one included; each has its part
            of the memory limit and of the threads.
    """

    kind: ClassVar[str]
    stage: ClassVar[Stage | None] = None
    result: ClassVar[type[Result]]
    uses_device: ClassVar[bool] = True
    optional: ClassVar[bool] = False

    optimizer: str = field(default="", kw_only=True)
    seconds_limit: float = field(default=120.0, kw_only=True)
    placement: Placement = field(default=ONE_DEVICE, kw_only=True)
    at_once: int = field(default=1, kw_only=True)

    @property
    def examples_at_once(self) -> int:
        """Examples per forward and backward pass, at most; 0 where it trains nothing."""
        return 0


@dataclass(frozen=True, slots=True)
class DescribeProbe(Probe):
    """Build the workload once and tell its plain facts; importing the framework counts.

    Attributes:
        memory_limit_bytes: Memory that trials may use; None for what is safely free.
    """

    kind: ClassVar[str] = "describe"
    result: ClassVar[type[Result]] = DescribeResult

    memory_limit_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class MemoryProbe(Probe):
    """Train the worst batches of an epoch at one micro-batch size, validate, tell the peak memory.

    Attributes:
        batch_size: Examples per forward and backward pass.
        limit_bytes: Memory that the trial's process may use.
        steps: Steps on the longest examples, at least two, so that optimizer state exists in the
            second; with more the process's heap settles. Validation comes after the second.
        accumulation_steps: Micro-batches per optimizer step: gradients of the one before are held
            while the next is computed, which takes more memory than one micro-batch alone.
        inference: Whether each step is a forward pass alone, in evaluation mode and without
            gradients.
    """

    kind: ClassVar[str] = "memory"
    stage: ClassVar[Stage | None] = "memory"
    result: ClassVar[type[Result]] = MemoryResult

    optimizer: str
    batch_size: int
    limit_bytes: int
    steps: int = 2
    accumulation_steps: int = 1
    inference: bool = False

    @property
    def examples_at_once(self) -> int:
        """Examples per forward and backward pass."""
        return self.batch_size


@dataclass(frozen=True, slots=True)
class SpeedProbe(Probe):
    """Time training steps at several batch sizes, interleaved in one process.

    Attributes:
        batch_sizes: Sizes to time, in order; a size that turns out too slow is left out.
        micro_batch_size: Largest number of examples per forward and backward pass.
        seconds: Time to spend measuring, in seconds.
    """

    kind: ClassVar[str] = "speed"
    stage: ClassVar[Stage | None] = "speed"
    result: ClassVar[type[Result]] = SpeedResult

    optimizer: str
    batch_sizes: tuple[int, ...]
    micro_batch_size: int
    seconds: float

    @property
    def examples_at_once(self) -> int:
        """Examples per forward and backward pass, at most."""
        return min(max(self.batch_sizes), self.micro_batch_size)


@dataclass(frozen=True, slots=True)
class NoiseProbe(Probe):
    """Measure the gradient noise scale along a short run at the reference settings.

    Attributes:
        batch_size: Batch size of the run.
        learning_rate: Learning rate of the run.
        micro_batch_size: b, examples per small gradient.
        micro_batches: m, small gradients averaged into one large gradient (B = m·b).
        groups: Independent large gradients per checkpoint.
        checkpoints: Steps at which to measure, ascending, 0 before the first update.
        seed: Seed of initialisation and data order.
        seconds: Time to spend, in seconds; later checkpoints are dropped when it is over.
    """

    kind: ClassVar[str] = "noise"
    stage: ClassVar[Stage | None] = "noise"
    result: ClassVar[type[Result]] = NoiseResult

    optimizer: str
    batch_size: int
    learning_rate: float
    micro_batch_size: int
    micro_batches: int
    groups: int
    checkpoints: tuple[int, ...]
    seed: int
    seconds: float

    @property
    def examples_at_once(self) -> int:
        """Examples per forward and backward pass, at most."""
        return max(self.batch_size, self.micro_batch_size)


@dataclass(frozen=True, slots=True)
class TrainingProbe(Probe):
    """Train towards the goal at one batch size, learning rate and seed, up to a limit.

    These and the optimizer name a run. Asked for again with later limits, one that paused goes on
    from there, or, where its process is gone, starts anew.

    Attributes:
        batch_size: Examples per optimizer update.
        micro_batch_size: Largest number of examples per forward and backward pass.
        learning_rate: Learning rate.
        seed: Seed of initialisation and data order.
        max_steps: Optimizer steps after which the run is given up.
        max_seconds: Training seconds of this trial after which the run is given up; what the run
            took before it paused is not counted.
        milestones: (step, metric) pairs, ascending: a run that has not reached the metric by the
            step cannot win any more and is given up.
        reason: Why it was made, in the words of an earlier version; else empty.
        pause: Whether a run that stops at a limit waits, alive, to go on.
        decision: Why a race of batch sizes asked; None outside one.
    """

    kind: ClassVar[str] = "training"
    stage: ClassVar[Stage | None] = "learning"
    result: ClassVar[type[Result]] = TrainingResult

    optimizer: str
    batch_size: int
    micro_batch_size: int
    learning_rate: float
    seed: int
    max_steps: int
    max_seconds: float
    milestones: tuple[tuple[int, float], ...] = ()
    reason: str = ""
    pause: bool = False
    decision: Decision | None = None

    @property
    def run(self) -> tuple[str, int, str, int]:
        """What names the run; the learning rate in words, since NaN equals nothing."""
        return self.optimizer, self.batch_size, repr(self.learning_rate), self.seed

    @property
    def examples_at_once(self) -> int:
        """Examples per forward and backward pass."""
        return min(self.batch_size, self.micro_batch_size)


@dataclass(frozen=True, slots=True)
class PredictProbe(Probe):
    """Predict the memory of training steps without running them on the device.

    Attributes:
        target: The device, and how its memory is counted.
        margin: Share of its memory to keep free.
        max_batch_size: Largest micro-batch to consider; None for the training set.
        devices: Other devices to answer for.
        what_if: Whether to follow steps of other optimizers, precisions and the like as well.
        verify: Whether to follow the answer itself; else the line near it will do.
        inference: Whether to follow a forward pass alone, in evaluation mode and without gradients.
    """

    kind: ClassVar[str] = "predict"
    stage: ClassVar[Stage | None] = "memory"
    result: ClassVar[type[Result]] = PredictResult
    uses_device: ClassVar[bool] = False
    optional: ClassVar[bool] = True

    optimizer: str
    target: MemoryTarget
    margin: float = 0.05
    max_batch_size: int | None = None
    devices: tuple[MemoryTarget, ...] = ()
    what_if: bool = True
    verify: bool = True
    inference: bool = False


KINDS: dict[str, type[Probe]] = {
    kind.kind: kind
    for kind in (DescribeProbe, MemoryProbe, SpeedProbe, NoiseProbe, TrainingProbe, PredictProbe)
}
"""Every kind of probe by its tag: what a store can hold."""
