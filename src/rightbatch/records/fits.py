"""Small models fitted to measurements, with intervals and lack of fit."""

import math
from dataclasses import dataclass

from rightbatch.records.hardware import ONE_DEVICE, Placement
from rightbatch.records.prediction import Cap
from rightbatch.records.remark import Estimate, Remark
from rightbatch.records.run import Run


@dataclass(frozen=True, slots=True)
class Accumulation:
    """How to keep a batch size by accumulating gradients over micro-batches that fit.

    Attributes:
        batch_size: Examples per optimizer update.
        micro_batch_size: Examples per forward and backward pass; the last one may have fewer.
        accumulation_steps: Micro-batches per update.
        ran: Whether steps with this accumulation ran within the safety margin.
        caveats: Cases in which accumulation differs from a whole batch.
    """

    batch_size: int
    micro_batch_size: int
    accumulation_steps: int
    ran: bool
    caveats: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class MemoryFit:
    """bytes(B) = fixed + per_example · B, and the largest batch that ran.

    Attributes:
        points: (micro-batch size, peak bytes) of every trial that ran.
        failed: Micro-batch sizes that ran out of memory, or ran only by swapping.
        bytes_fixed: Memory at B = 0, in bytes; None with fewer than two sizes.
        bytes_per_example: Slope, in bytes per example; None with fewer than two sizes.
        lack_of_fit: Largest relative residual of the line.
        limit_bytes: Memory limit of a trial.
        largest_batch_size: Largest micro-batch that ran within the limit; None if none did.
        safe_batch_size: Largest micro-batch predicted to keep `margin` of the limit free; one at
            least as large ran.
        margin: Share of the limit kept free, 0 to 1.
        capped_by: What ended the search; anything but "memory" means that more may fit.
        trials: Number of memory trials, including a prediction.
        seconds: Wall-clock time of those trials.
        enforced_by: What enforced the limit, as in `MemoryResult`; empty if unknown.
        accumulation: How to keep the requested batch size; None if it fits without accumulation.
        predicted: The prediction made before measuring, or why it failed; None if none was made.
        optimizer: The optimizer whose state was counted.
        lasted_batch_size: Largest micro-batch that ran within the limit for 20 steps, after which a
            process's heap has mostly stopped growing; None if none did.
    """

    points: tuple[tuple[int, int], ...]
    failed: tuple[int, ...]
    bytes_fixed: Estimate | None
    bytes_per_example: Estimate | None
    lack_of_fit: float | None
    limit_bytes: int
    largest_batch_size: int | None
    safe_batch_size: int | None
    margin: float
    capped_by: Cap
    trials: int = 0
    seconds: float = 0.0
    enforced_by: str = ""
    accumulation: Accumulation | None = None
    predicted: Remark | None = None
    optimizer: str = ""
    lasted_batch_size: int | None = None


@dataclass(frozen=True, slots=True)
class SpeedPoint:
    """Step time at one batch size.

    Attributes:
        batch_size: Examples per step.
        step_seconds: Time per step, including data loading.
        load_seconds: The part of it spent waiting for data.
        examples_per_second: Throughput.
        samples: Raw step times, in seconds.
        power_watts: Mean power of the device during its steps; None if not measured.
        placement: The devices that shared each step.
    """

    batch_size: int
    step_seconds: Estimate
    load_seconds: float
    examples_per_second: Estimate
    samples: tuple[float, ...]
    power_watts: float | None = None
    placement: Placement = ONE_DEVICE


@dataclass(frozen=True, slots=True)
class SpeedFit:
    """step_seconds(B) = α + β·B, and the throughput knee.

    Attributes:
        points: Measured step times, by batch size.
        alpha: Fixed time per step, in seconds; None with fewer than three sizes.
        beta: Time per example, in seconds; None with fewer than three sizes.
        lack_of_fit: RMS relative residual of the line.
        interpolated: Whether step times are interpolated because the line fits poorly.
        knee_batch_size: Smallest batch size with 90% of the highest measured throughput, rounded
            up; interpolated between measured sizes, linearly in log batch size.
        best_examples_per_second: Highest measured throughput.
        load_share: Share of step time spent waiting for data at the first measured size at or above
            the knee, 0 to 1.
        utilisation: Achieved over peak FLOP/s there (CPU), or share of time the device is busy
            (GPU).
        micro_batch_size: Larger steps accumulate micro-batches of this size.
        noisy: Whether the machine was too noisy to resolve differences of a few percent.
        noise_reason: The evidence for that; None if it was quiet.
        optimizer: The optimizer whose steps were timed.
        left_out: Requested sizes that were too slow for the time allowed, ascending.
    """

    points: tuple[SpeedPoint, ...]
    alpha: Estimate | None
    beta: Estimate | None
    lack_of_fit: float | None
    interpolated: bool
    knee_batch_size: Estimate
    best_examples_per_second: Estimate
    load_share: float
    utilisation: float | None
    micro_batch_size: int
    noisy: bool
    noise_reason: Remark | None = None
    optimizer: str = ""
    left_out: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class NoiseEstimate:
    """Gradient noise scale at one checkpoint.

    Attributes:
        step: Updates before the checkpoint.
        examples: Examples trained on before the checkpoint.
        noise_scale: tr(Σ)/|G|² in examples; None if |G|² is indistinguishable from 0.
    """

    step: int
    examples: int
    noise_scale: Estimate | None


@dataclass(frozen=True, slots=True)
class NoiseFit:
    """Gradient noise scale along the run at the reference settings.

    Attributes:
        points: One estimate per checkpoint.
        noise_scale: tr(Σ)/|G|² over the later half of the run, in examples; None if unknown.
        reason: Why it is unknown; None if it is known.
        optimizer: The optimizer of the run.
    """

    points: tuple[NoiseEstimate, ...]
    noise_scale: Estimate | None
    reason: Remark | None = None
    optimizer: str = ""


@dataclass(frozen=True, slots=True)
class BatchPrediction:
    """The prediction for one batch size at its best learning rate.

    Attributes:
        batch_size: Examples per update.
        learning_rate: The best learning rate found or predicted for it.
        steps: Updates to the goal; NaN if no run has reached it.
        examples: Examples to the goal; NaN if no run has reached it.
        seconds: Training time to the goal; NaN if no run has reached it.
        runs_reached: Runs at this batch size that reached the goal.
        runs_censored: Runs at this batch size, at any learning rate, that did not.
        joules: Energy of the device to the goal; None if no power was measured.
        cost: Price of the training time to the goal; None without a price.
    """

    batch_size: int
    learning_rate: float
    steps: Estimate
    examples: Estimate
    seconds: Estimate
    runs_reached: int
    runs_censored: int
    joules: Estimate | None = None
    cost: Estimate | None = None


@dataclass(frozen=True, slots=True)
class LearningFit:
    """Steps to the goal against batch size and learning rate, for one optimizer.

    Attributes:
        optimizer: Its name.
        rule: Learning-rate rule that guided the search, "linear" or "square_root".
        target: Metric level that counts as the goal (for "best within" goals, the best level that
            any run reached within the limit).
        runs: Every training run, with its steps to that level and how it compared.
        predictions: One row per batch size considered, ascending; if no run has reached the goal,
            one per batch size tried, without its cost.
        steps_min: S_min of S(B) = S_min·(1 + B_crit/B); None if it could not be fitted.
        critical_batch_size: B_crit of the same fit, in examples; None if it could not be fitted.
        critical_reason: Why it could not be fitted; None if it was.
        lack_of_fit: RMS log residual of that fit; None if it could not be fitted.
    """

    optimizer: str
    rule: str
    target: float
    runs: tuple[Run, ...]
    predictions: tuple[BatchPrediction, ...]
    steps_min: Estimate | None
    critical_batch_size: Estimate | None
    critical_reason: Remark | None
    lack_of_fit: float | None

    @property
    def known(self) -> tuple[BatchPrediction, ...]:
        """The rows whose cost is known; empty if no run has reached the goal."""
        return tuple(row for row in self.predictions if math.isfinite(row.steps.value))


@dataclass(frozen=True, slots=True)
class Fits:
    """All fits of a study; None or empty for a stage that was not run or measured nothing.

    Attributes:
        memory: The memory fit of the recommended optimizer, or of the first one tried.
        speed: The speed fit of the recommended optimizer, or of the first one timed.
        noise: The noise fit of the recommended optimizer, or of the first one tried.
        learning: One learning fit per optimizer.
        speeds: One speed fit per optimizer timed.
        memories: One memory fit per optimizer tried, in that order.
        noises: One noise fit per optimizer tried, in that order.
    """

    memory: MemoryFit | None = None
    speed: SpeedFit | None = None
    noise: NoiseFit | None = None
    learning: tuple[LearningFit, ...] = ()
    speeds: tuple[SpeedFit, ...] = ()
    memories: tuple[MemoryFit, ...] = ()
    noises: tuple[NoiseFit, ...] = ()

    def memory_of(self, optimizer: str) -> MemoryFit | None:
        """The memory fit of an optimizer; of the first one tried if it was not tried itself."""
        first = self.memories[0] if self.memories else self.memory
        return next((fit for fit in self.memories if fit.optimizer == optimizer), first)

    def noise_of(self, optimizer: str) -> NoiseFit | None:
        """The noise fit of an optimizer; of the first one tried if it was not tried itself."""
        first = self.noises[0] if self.noises else self.noise
        return next((fit for fit in self.noises if fit.optimizer == optimizer), first)

    def speed_of(self, optimizer: str) -> SpeedFit | None:
        """The speed fit of an optimizer; of another one if it was not timed itself."""
        return next((fit for fit in self.speeds if fit.optimizer == optimizer), self.speed)
