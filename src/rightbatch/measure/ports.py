"""What the measuring wing is made of: a Subject, a Device and a Runner."""

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
"""Opaque: goes from `Subject.batches` to `step` or `sqr_norms` unopened."""

CUDA_CONTEXT_BYTES = 512 * 2**20
"""Allowance for a process's CUDA context and kernels, beside what its framework's allocator holds.
No document gives a figure; it varies with GPU, driver and the libraries that are loaded, by a few
hundred MiB."""

Progress = Callable[[float], None]
"""Told the share of a trial that is done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Job:
    """Everything a child process needs to carry out one probe.

    Attributes:
        workload: Where the user's factory is.
        probe: What to measure.
        device: "cpu", "cuda" ...; None for the best there is.
        threads: Compute threads; None for one per core.
        goal: The goal in words that replaces the workload's; empty to keep it.
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
"""The same of a run that may pause: at each pause what it has; it is sent the job to go on with."""


@dataclass(frozen=True, slots=True)
class Pressure:
    """Signs that memory is short although nothing failed.

    Attributes:
        swap_bytes: Memory of this process that is in swap.
        spilled_bytes: Memory this process holds beyond what the device had free for it.
        allocator_retries: Times the framework's allocator emptied its cache to find memory.
    """

    swap_bytes: int = 0
    spilled_bytes: int = 0
    allocator_retries: int = 0


Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True, slots=True)
class StepPlan:
    """A training step whose memory is to be followed.

    Attributes:
        optimizer: Name of the optimizer.
        batch_size: Examples per optimizer update.
        micro_batch_size: Examples per forward and backward pass.
        device: Where the step would run; decides which kernels stand for the user's calls.
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
        reason: Why they had; None where they had none.
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
        """Forget the peak so far."""

    def peak_bytes(self) -> int:
        """Highest memory in use since the last reset, in bytes."""

    def used_bytes(self) -> int:
        """Memory in use now, in bytes."""

    def held_bytes(self) -> int:
        """Memory that this process keeps from others while it waits, in bytes.

        What can be given back is given back.
        """

    def limit_bytes(self, asked: int | None) -> int:
        """Memory a trial may use: `asked`, else what is safely free, in bytes."""

    def hardware(self, threads: int, asked_limit: int | None) -> Hardware:
        """The device and the machine around it."""

    def utilisation(self) -> float | None:
        """Share of time the device is busy, 0 to 1; None where nothing reports it."""

    def energy_joules(self) -> float | None:
        """Energy the device has used since some time ago; None where nothing counts it."""

    def other_core_seconds(self) -> float:
        """Core-seconds that other processes of the machine have used so far."""

    def enforce(self, limit_bytes: int) -> str:
        """Make going past a memory limit fail, where that is done from inside the process.

        Returns:
            What holds the limit, as in `MemoryResult.enforced_by`.
        """

    def pressure(self) -> Pressure:
        """Counters of swap, spill and allocator retries as they stand."""


class Subject(Protocol):
    """A workload come alive in this process, with one model and one optimizer at a time."""

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
        """Training batches made at a time beside the steps; 0 where a step waits for its own."""

    def batches(self, batch_size: int, seed: int) -> Iterator[Batch]:
        """Training batches without end: shuffled epochs, each with its short last batch."""

    def hard_batches(self, batch_size: int, longest: int) -> Iterator[Batch]:
        """What an epoch holds that needs most memory, hardest first.

        So many batches of the longest examples, where lengths differ one of ordinary ones, and the
        epoch's short last batch.
        """

    def size(self, batch: Batch) -> int:
        """Number of examples in a batch."""

    def warm_up(self, batch_size: int, micro_batch_size: int) -> None:
        """Compile what training at a batch size needs; the model stays as it was started."""

    def step(self, batch: Batch, micro_batch_size: int) -> SupportsFloat:
        """One optimizer update on a batch, accumulated over micro-batches where it is larger.

        Returns:
            Mean loss over the batch; the device is waited for only when `float` is taken of it.
        """

    def sqr_norms(self, batch: Batch, micro_batch_size: int) -> tuple[float, float]:
        """Squared gradient norms without an update.

        Returns:
            (mean over micro-batches of |G_b|², |G_B|² of the whole batch).
        """

    def evaluate(self) -> float:
        """The validation metric of the model as it is."""

    def synchronize(self) -> None:
        """Wait until the device has done what it was given."""

    def flops(self, batch: Batch) -> float | None:
        """Floating-point operations of one step on a batch; None if they cannot be counted."""

    def peak_flops_per_second(self) -> float | None:
        """What a large matrix product reaches on this device; None if not measured."""

    def is_out_of_memory(self, error: BaseException) -> bool:
        """Whether an exception is this framework's way to say that memory ran out."""


@runtime_checkable
class Infers(Protocol):
    """What a subject is besides where it can make forward passes alone."""

    def infer(self, batch: Batch) -> None:
        """A forward pass in evaluation mode, without gradients, as the metric makes it."""


@runtime_checkable
class Follows(Protocol):
    """What a subject is besides where the tensors of a step can be followed without the device."""

    def footprint(self, plan: StepPlan) -> Footprint:
        """Follow the tensors of two steps on the longest examples and a validation pass.

        Where the user's code needs data, which tensors without data do not have, the steps are
        really run: then `method` is "real", and larger sizes are better not asked for.

        Raises:
            UsageError: The model has no repeated blocks, and `checkpointing` was asked for.
        """


@dataclass(frozen=True, slots=True)
class Ended:
    """A probe that was carried out.

    Attributes:
        probe: The probe, as it was given.
        outcome: How it ended.
        result: What was measured; None where it ended before measuring anything.
        hardware: The machine that it ran on; None where that is not known.
    """

    probe: Probe
    outcome: Outcome
    result: Result | None
    hardware: Hardware | None


class Runner(Protocol):
    """Carries out probes, each in a fresh process."""

    def capacity(self) -> Capacity | None:
        """How many training runs it can have under way, and with what memory each.

        None before the first look has told what machine there is.
        """

    def start(self, probe: Probe, progress: Progress) -> None:
        """Begin to carry out a probe, beside those under way.

        Raises:
            RunnerError: The process could not be started.
        """

    def next_ended(self) -> Ended:
        """Wait until one of the probes under way has ended.

        Raises:
            WorkloadFailed: The user's code raised.
            WorkloadNotFound: There is no such workload.
            RunnerError: The process could not be spoken to.
        """

    def close(self) -> None:
        """End every process that is left."""
