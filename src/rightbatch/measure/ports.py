"""The interfaces of the measuring wing: Subject, Device and Runner."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol, SupportsFloat, runtime_checkable

from rightbatch.records import (
    Capacity,
    Goal,
    Hardware,
    MemoryPart,
    Outcome,
    PredictionMethod,
    Probe,
    Remark,
    Result,
    WorkloadFacts,
    WorkloadReference,
)

Batch = Any
"""Opaque: passed from `Subject.batches` to `step` or `sqr_norms` as is."""

CUDA_CONTEXT_BYTES = 512 * 2**20
"""Allowance for a process's CUDA context and kernels, beside what its framework's allocator holds.
No document gives a figure; it varies with GPU, driver and the libraries that are loaded, by a few
hundred MiB."""

Progress = Callable[[float], None]
"""Called with the share of a trial that is done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Job:
    """Everything a child process needs to run one probe.

    Attributes:
        workload: Where to find the user's factory.
        probe: What to measure.
        device: "cpu", "cuda" ...; None for the best there is.
        threads: Compute threads; None for one per core.
        goal: A goal that replaces the workload's; empty to keep it.
        memory_limit_bytes: Memory a trial may use; None for what is safely free.
    """

    workload: WorkloadReference
    probe: Probe
    device: str | None = None
    threads: int | None = None
    goal: str = ""
    memory_limit_bytes: int | None = None


Measured = tuple[Outcome, Result | None]
"""How a probe ended, and what was measured."""
InParts = Generator[Measured, Job, Measured]
"""A run that may pause: yields what it has at each pause and is sent the job to resume with."""


@dataclass(frozen=True, slots=True)
class Pressure:
    """Signs that memory is short even though nothing failed.

    Attributes:
        swap_bytes: Memory of this process in swap.
        spilled_bytes: Memory this process holds beyond what the device had free for it.
        allocator_retries: How often the framework's allocator emptied its cache to find memory.
    """

    swap_bytes: int = 0
    spilled_bytes: int = 0
    allocator_retries: int = 0


Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True, slots=True)
class StepPlan:
    """A training step whose memory is followed.

    Attributes:
        optimizer: Name of the optimizer.
        batch_size: Examples per optimizer update.
        micro_batch_size: Examples per forward and backward pass.
        device: Where the step would run; selects the kernels that the user's calls are mapped to.
        precision: "fp32" or "bf16"; None for the workload's own.
        checkpointing: Whether repeated blocks of the model recompute their activations.
        inference: Whether it is a forward pass alone.
    """

    optimizer: str
    batch_size: int
    micro_batch_size: int
    device: Literal["cpu", "cuda"]
    precision: Precision | None = None
    checkpointing: bool = False
    inference: bool = False


@dataclass(frozen=True, slots=True)
class Footprint:
    """Live tensors of a few training steps and a validation pass.

    Attributes:
        peak_bytes: Highest sum of live tensors.
        parts: (part, bytes) at that moment.
        events: (number, bytes) of every allocation, above 0, and release, below 0, in order.
        method: Whether tensors had data.
        reason: Why tensors had data; None where they had none.
        warnings: What could not be followed.
    """

    peak_bytes: int
    parts: tuple[tuple[MemoryPart, int], ...]
    events: tuple[tuple[int, int], ...]
    method: PredictionMethod
    reason: Remark | None = None
    warnings: tuple[Remark, ...] = ()


class Device(Protocol):
    """Memory and load of the device a subject lives on."""

    def reset_peak(self) -> None:
        """Reset the peak."""

    def peak_bytes(self) -> int:
        """Highest memory in use since the last reset, in bytes."""

    def used_bytes(self) -> int:
        """Memory currently in use, in bytes."""

    def held_bytes(self) -> int:
        """Memory this process holds while it waits, in bytes, after releasing what it can."""

    def limit_bytes(self, requested: int | None) -> int:
        """Memory a trial may use: `requested`, else what is safely free, in bytes."""

    def hardware(self, threads: int, requested_limit: int | None) -> Hardware:
        """The device and the machine around it."""

    def utilisation(self) -> float | None:
        """Share of time the device is busy, 0 to 1; None where nothing reports it."""

    def energy_joules(self) -> float | None:
        """Energy counter of the device, in joules; None where there is none."""

    def other_core_seconds(self) -> float:
        """Core-seconds used so far by other processes on this machine."""

    def enforce(self, limit_bytes: int) -> str:
        """Make allocations beyond a memory limit fail, where the process itself can do so.

        Returns:
            What enforces the limit, as in `MemoryResult.enforced_by`.
        """

    def pressure(self) -> Pressure:
        """Current counters of swap, spill and allocator retries."""


class Subject(Protocol):
    """A loaded workload, with one model and one optimizer at a time."""

    goal: Goal
    device: Device
    threads: int
    train_examples: int

    def facts(self) -> WorkloadFacts:
        """Plain facts of the workload; builds the model once to count its parameters."""

    def versions(self) -> tuple[tuple[str, str], ...]:
        """Versions of the framework in use, as ("name", "version") pairs."""

    def start(self, optimizer: str, learning_rate: float | None, seed: int) -> None:
        """Seed, then build a fresh model and optimizer (None: the reference learning rate)."""

    @property
    def loaders(self) -> int:
        """Batches loaded in parallel with the steps; 0 where a step loads its own."""

    def batches(self, batch_size: int, seed: int) -> Iterator[Batch]:
        """Endless training batches: shuffled epochs, each with its short last batch."""

    def hard_batches(self, batch_size: int, longest: int) -> Iterator[Batch]:
        """The batches of an epoch that need most memory, hardest first.

        `longest` batches of the longest examples, an ordinary batch where lengths differ, and the
        short last batch of the epoch.
        """

    def size(self, batch: Batch) -> int:
        """Number of examples in a batch."""

    def warm_up(self, batch_size: int, micro_batch_size: int) -> None:
        """Compile what training at a batch size needs, leaving the model unchanged."""

    def step(self, batch: Batch, micro_batch_size: int) -> SupportsFloat:
        """One optimizer update on a batch, accumulated over micro-batches where it is larger.

        Returns:
            Mean loss over the batch; converting it with `float` waits for the device.
        """

    def sqr_norms(self, batch: Batch, micro_batch_size: int) -> tuple[float, float]:
        """Squared gradient norms without an update.

        Returns:
            (mean over micro-batches of |G_b|², |G_B|² of the whole batch).
        """

    def evaluate(self) -> float:
        """The validation metric of the current model."""

    def synchronize(self) -> None:
        """Wait until the device has finished its work."""

    def flops(self, batch: Batch) -> float | None:
        """FLOPs of one step on a batch; None if they cannot be counted."""

    def peak_flops_per_second(self) -> float | None:
        """FLOP/s of a large matrix product on this device; None if not measured."""

    def is_out_of_memory(self, error: BaseException) -> bool:
        """Whether an exception is this framework's out-of-memory error."""


@runtime_checkable
class Infers(Protocol):
    """A subject that can run forward passes alone."""

    def infer(self, batch: Batch) -> None:
        """Run a forward pass in evaluation mode, without gradients, as the metric does."""


@runtime_checkable
class Follows(Protocol):
    """A subject that can follow the tensors of a step without the device."""

    def footprint(self, plan: StepPlan) -> Footprint:
        """Follow the tensors of two steps on the longest examples and a validation pass.

        Where the user's code needs the values of tensors, the steps run on real data: `method` is
        then "real", and only small sizes are practical.

        Raises:
            UsageError: The model has no repeated blocks, which `checkpointing` needs.
        """


@dataclass(frozen=True, slots=True)
class Ended:
    """A finished probe.

    Attributes:
        probe: The probe, as it was given.
        outcome: How it ended.
        result: What was measured; None where it ended before measuring anything.
        hardware: The machine it ran on; None where unknown.
    """

    probe: Probe
    outcome: Outcome
    result: Result | None
    hardware: Hardware | None


class Runner(Protocol):
    """Runs probes, each in a fresh process."""

    def capacity(self) -> Capacity | None:
        """How many training runs fit side by side, and the memory of each.

        None before the first probe has described the machine.
        """

    def start(self, probe: Probe, progress: Progress) -> None:
        """Start a probe, beside those under way.

        Raises:
            RunnerError: The process could not be started.
        """

    def next_ended(self) -> Ended:
        """Wait until one of the probes under way ends.

        Raises:
            WorkloadFailed: The user's code raised.
            WorkloadNotFound: There is no such workload.
            RunnerError: The trial's process could not be reached.
        """

    def close(self) -> None:
        """End every process that is left."""
