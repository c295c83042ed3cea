"""Probes: the measurements that the planner requests, one child process each."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from rightbatch.records.decision import Decision
from rightbatch.records.hardware import ONE_DEVICE, Placement
from rightbatch.records.prediction import MemoryTarget, PredictResult
from rightbatch.records.result import (
    DescribeResult,
    MemoryResult,
    NoiseResult,
    Result,
    SpeedResult,
    TrainingResult,
)

Stage = Literal["memory", "speed", "noise", "learning"]
STAGES: tuple[Stage, ...] = ("memory", "speed", "noise", "learning")
"""The stages of a study, in order."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One measurement, with the facts of its kind as class attributes.

    Attributes:
        kind: Stable tag of the kind, used in stores for probes and their results.
        stage: The stage it belongs to; None for describing the workload.
        result: Type of its result.
        uses_device: Whether it runs on the study's device, or else on a CPU.
        optional: Whether the study continues if it fails, whatever the reason.
        optimizer: Name of the optimizer; empty for none, or for the workload's own.
        seconds_limit: Wall-clock deadline of the whole trial, in seconds.
        placement: The devices that share each step.
        at_once: Number of concurrent trials, including this one, which share the memory limit and
            the threads.
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
        """Maximum number of examples per forward and backward pass; 0 if it trains nothing."""
        return 0


@dataclass(frozen=True, slots=True)
class DescribeProbe(Probe):
    """Build the workload once and describe it and the machine.

    Attributes:
        memory_limit_bytes: Memory limit of trials; None for what is safely free.
    """

    kind: ClassVar[str] = "describe"
    result: ClassVar[type[Result]] = DescribeResult

    memory_limit_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class MemoryProbe(Probe):
    """Measure peak memory over training steps on the longest examples, and validation.

    Attributes:
        batch_size: Examples per forward and backward pass.
        limit_bytes: Memory limit of the trial's process.
        steps: Steps on the longest examples, at least two, so that optimizer state exists in the
            second; more let the process's heap settle. Validation follows the second.
        accumulation_steps: Micro-batches per optimizer step: accumulated gradients are held while
            the next micro-batch is computed, which takes more memory than a single one.
        inference: Whether each step is only a forward pass, in evaluation mode without gradients.
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
        batch_sizes: Batch sizes to time, in order; sizes that prove too slow are left out.
        micro_batch_size: Maximum number of examples per forward and backward pass.
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
        """Maximum number of examples per forward and backward pass."""
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
        seconds: Time to spend, in seconds; checkpoints beyond it are dropped.
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
        """Maximum number of examples per forward and backward pass."""
        return max(self.batch_size, self.micro_batch_size)


@dataclass(frozen=True, slots=True)
class TrainingProbe(Probe):
    """Train towards the goal at one batch size, learning rate and seed, up to a limit.

    These and the optimizer identify a run. Requested again with higher limits, a paused run
    continues, or starts again if its process is gone.

    Attributes:
        batch_size: Examples per optimizer update.
        micro_batch_size: Maximum number of examples per forward and backward pass.
        learning_rate: Learning rate.
        seed: Seed of initialisation and data order.
        max_steps: Optimizer steps after which the run is stopped.
        max_seconds: Training seconds of this trial, excluding those before a pause, after which the
            run is stopped.
        milestones: (step, metric) pairs, ascending: a run that has not reached the metric by the
            step can no longer win and is stopped.
        reason: Why it was requested, as worded by an earlier version; otherwise empty.
        pause: Whether a run that stops at a limit stays alive to be continued.
        decision: Why a race of batch sizes requested it; None outside a race.
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
        """The run's identity; the learning rate as text, since NaN equals nothing."""
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
        devices: Other devices to predict for.
        what_if: Whether to trace steps of other optimizers, precisions and so on as well.
        verify: Whether to trace a step at the answer itself, rather than rely on the line near it.
        inference: Whether to trace only a forward pass, in evaluation mode without gradients.
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
"""Every kind of probe by its tag."""
