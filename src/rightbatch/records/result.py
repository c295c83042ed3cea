"""Results of probes: raw samples."""

from dataclasses import dataclass

from rightbatch.records.hardware import Hardware
from rightbatch.records.workload import WorkloadFacts


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a probe."""


@dataclass(frozen=True, slots=True)
class DescribeResult(Result):
    """The workload, and the machine as its framework sees it."""

    facts: WorkloadFacts
    hardware: Hardware


@dataclass(frozen=True, slots=True)
class MemoryResult(Result):
    """Peak memory of a few real steps and a validation pass.

    Attributes:
        peak_bytes: Peak memory of the trial: resident set on a CPU, reserved memory on a GPU.
        baseline_bytes: Memory in use before the first step, with the workload built.
        step_seconds: Time of the last step on the longest examples.
        swap_bytes: Memory of the trial that was swapped out.
        spilled_bytes: Memory beyond what the device had free, which its driver keeps elsewhere.
        allocator_retries: Times the framework's allocator emptied its cache to find memory, after
            the first step.
        enforced_by: What enforced the limit: "cgroup", "data_segment" (a limit on the process's
            data, with a check of peak resident memory), "allocator", or empty if unknown.
    """

    peak_bytes: int
    baseline_bytes: int
    step_seconds: float
    swap_bytes: int = 0
    spilled_bytes: int = 0
    allocator_retries: int = 0
    enforced_by: str = ""


@dataclass(frozen=True, slots=True)
class SpeedSample:
    """One timing of consecutive steps at one batch size.

    Attributes:
        batch_size: Examples per step.
        steps: Number of steps timed.
        compute_seconds: Time per step for forward, backward and update, in seconds.
        load_seconds: Time per step waiting for data, in seconds.
        round: Index of the interleaved round, from 0.
    """

    batch_size: int
    steps: int
    compute_seconds: float
    load_seconds: float
    round: int

    @property
    def step_seconds(self) -> float:
        """Time per step including data loading, in seconds."""
        return self.compute_seconds + self.load_seconds


@dataclass(frozen=True, slots=True)
class SpeedResult(Result):
    """Timings at several batch sizes.

    Attributes:
        samples: Every timing, in order.
        left_out: Requested sizes not timed because they were too slow for the time allowed.
        flops_per_example: Floating-point operations per example and step; None if not counted.
        peak_flops_per_second: FLOP/s of a large matrix product here; None if not measured.
        device_utilisation: Share of time the device was busy, 0 to 1; None if not reported.
        other_load: Share of the machine's cores used by other processes, 0 to 1.
        power_watts: (batch size, mean power of the device during its steps) pairs; empty without an
            energy counter.
    """

    samples: tuple[SpeedSample, ...]
    left_out: tuple[int, ...] = ()
    flops_per_example: float | None = None
    peak_flops_per_second: float | None = None
    device_utilisation: float | None = None
    other_load: float | None = None
    power_watts: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class NoisePoint:
    """Squared gradient norms at one checkpoint.

    Attributes:
        step: Updates before the checkpoint.
        examples: Examples trained on before the checkpoint.
        micro_batch_size: b, examples per small gradient.
        large_batch_size: B = m·b, examples per large gradient.
        small_sqr_norms: Mean over its m micro-batches of |G_b|², one number per group.
        large_sqr_norms: |G_B|² of the same examples, one number per group.
    """

    step: int
    examples: int
    micro_batch_size: int
    large_batch_size: int
    small_sqr_norms: tuple[float, ...]
    large_sqr_norms: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class NoiseResult(Result):
    """Squared gradient norms along a short run."""

    points: tuple[NoisePoint, ...]


@dataclass(frozen=True, slots=True)
class TrainingPoint:
    """One evaluation of a training run.

    Attributes:
        step: Optimizer updates so far.
        examples: Training examples seen so far.
        seconds: Training time so far without evaluations, in seconds.
        metric: The validation metric.
        loss: Mean training loss since the previous evaluation.
    """

    step: int
    examples: int
    seconds: float
    metric: float
    loss: float


@dataclass(frozen=True, slots=True)
class TrainingResult(Result):
    """The result of a training run.

    Attributes:
        points: Its evaluations, in order.
        train_seconds: Time spent in training steps, including data loading.
        other_seconds: Time of this trial spent on setup and evaluation.
        compile_seconds: The part of it in which the framework compiled the steps.
        earlier_seconds: Part of `train_seconds` spent in earlier, paused trials.
        peak_bytes: Peak memory of the device so far; 0 if unknown.
        held_bytes: Memory of the device that the paused run holds; 0 if unknown.
    """

    points: tuple[TrainingPoint, ...]
    train_seconds: float
    other_seconds: float
    compile_seconds: float = 0.0
    earlier_seconds: float = 0.0
    peak_bytes: int = 0
    held_bytes: int = 0
