"""What probes bring back: raw samples."""

from dataclasses import dataclass

from rightbatch.records.hardware import Hardware
from rightbatch.records.workload import WorkloadFacts


@dataclass(frozen=True, slots=True)
class Result:
    """What a probe of some kind measured."""


@dataclass(frozen=True, slots=True)
class DescribeResult(Result):
    """Facts of the workload and of the machine as its framework sees it."""

    facts: WorkloadFacts
    hardware: Hardware


@dataclass(frozen=True, slots=True)
class MemoryResult(Result):
    """Peak memory of a few real steps and a validation pass.

    Attributes:
        peak_bytes: Peak memory of the trial: resident set on a CPU, reserved memory on a GPU.
        baseline_bytes: Memory in use before the first step, workload built.
        step_seconds: Time of the last step on the longest examples.
        swap_bytes: Memory of the trial that went to swap meanwhile.
        spilled_bytes: Memory beyond what the device had free: its driver keeps it elsewhere.
        allocator_retries: Times the framework's allocator emptied its cache to find memory, after
            the first step.
        enforced_by: What held the limit: "cgroup", "data_segment" (the process's data, with the
            peak of the resident set checked), "allocator", or empty where it is not known.
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
    """One timing: `steps` steps in a row at one batch size.

    Attributes:
        batch_size: Examples per step.
        steps: Steps in the timing.
        compute_seconds: Time per step of forward, backward and update, in seconds.
        load_seconds: Time per step waiting for data, in seconds.
        round: Number of the interleaved round, from 0.
    """

    batch_size: int
    steps: int
    compute_seconds: float
    load_seconds: float
    round: int

    @property
    def step_seconds(self) -> float:
        """Time per step, data loading included, in seconds."""
        return self.compute_seconds + self.load_seconds


@dataclass(frozen=True, slots=True)
class SpeedResult(Result):
    """Timings at several batch sizes.

    Attributes:
        samples: Every timing, in the order taken.
        left_out: Sizes that were asked for and not timed, being too slow for the time allowed.
        flops_per_example: Floating-point operations of one example's step; None if not counted.
        peak_flops_per_second: What a large matrix product reaches here; None if not measured.
        device_utilisation: Share of time the device was busy, 0 to 1; None where not reported.
        other_load: Share of the machine that other processes kept busy meanwhile, 0 to 1.
        power_watts: (batch size, mean power of the device over measured steps) pairs; none where
            nothing counts its energy.
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
        seconds: Training time so far, evaluations left out, in seconds.
        metric: The validation metric.
        loss: Mean training loss since the evaluation before.
    """

    step: int
    examples: int
    seconds: float
    metric: float
    loss: float


@dataclass(frozen=True, slots=True)
class TrainingResult(Result):
    """A training run.

    Attributes:
        points: Its evaluations, in order.
        train_seconds: Time spent in training steps, data loading included.
        other_seconds: Time of this trial spent evaluating and setting up.
        compile_seconds: Of that, the time in which the framework compiled the steps.
        earlier_seconds: Part of `train_seconds` that an earlier trial, which paused, had spent.
        peak_bytes: Highest memory of the device in use so far; 0 where it is not told.
        held_bytes: Memory of the device that a run which paused keeps from others; 0 where it is
            not told.
    """

    points: tuple[TrainingPoint, ...]
    train_seconds: float
    other_seconds: float
    compile_seconds: float = 0.0
    earlier_seconds: float = 0.0
    peak_bytes: int = 0
    held_bytes: int = 0
