"""Small models of what was measured, each with an interval and a lack-of-fit figure."""

import math
from dataclasses import dataclass
from typing import Literal

from rightbatch.records.decision import Decision
from rightbatch.records.estimate import Estimate
from rightbatch.records.placement import ONE_DEVICE, Placement
from rightbatch.records.remark import Remark

Cap = Literal["memory", "data_set_size", "max_batch_size", "default_cap", "broken", "time"]


@dataclass(frozen=True, slots=True)
class Accumulation:
    """A batch size kept by accumulating the gradients of micro-batches that fit.

    Attributes:
        batch_size: Examples per optimizer update.
        micro_batch_size: Examples per forward and backward pass; the last one may have fewer.
        accumulation_steps: Micro-batches per update.
        ran: Whether steps that accumulate at this micro-batch size ran inside the margin.
        caveats: What must not be averaged naively.
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
        limit_bytes: Memory a trial may use.
        largest_batch_size: Largest micro-batch that ran inside the limit; None if none did.
        safe_batch_size: Largest micro-batch predicted to keep `margin` of the limit free; one at
            least as large ran.
        margin: Share of the limit kept free, 0 to 1.
        capped_by: What ended the search; anything but "memory" means more may fit.
        trials: Memory trials made, a prediction among them.
        seconds: Wall-clock time of those trials.
        enforced_by: What held the limit, as in `MemoryResult`; empty where it is not known.
        accumulation: How to keep the batch size asked for; None where it fits as it is.
        predicted: What was predicted before it was measured, or why that failed; None where no
            prediction was made.
        optimizer: The optimizer whose state was counted.
        lasted_batch_size: Largest micro-batch that ran inside the limit for 20 steps, by when a
            process's heap has mostly stopped growing; None where none did.
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
        step_seconds: Time per step, data loading included.
        load_seconds: The part of it spent waiting for data.
        examples_per_second: Throughput.
        samples: Raw step times, in seconds.
        power_watts: Mean power of the device over its steps; None where it was not measured.
        placement: The devices that took a step together.
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
    """step_seconds(B) = α + β·B, the knee of throughput and what limits it.

    Attributes:
        points: Measured step times, by batch size.
        alpha: Fixed time per step, in seconds; None with fewer than three sizes.
        beta: Time per example, in seconds; None with fewer than three sizes.
        lack_of_fit: Root mean square relative residual of the line.
        interpolated: Whether the line is so poor that step times are interpolated instead.
        knee_batch_size: Smallest batch size with 90% of the highest measured throughput, on lines
            in its logarithm between the sizes measured, rounded up.
        best_examples_per_second: Highest measured throughput.
        load_share: Share of step time spent waiting for data at the first size measured from the
            knee on, 0 to 1.
        utilisation: Achieved over peak FLOP/s there (CPU), or device busy share (GPU).
        micro_batch_size: Above it a step accumulates micro-batches of this size.
        noisy: Whether the machine was too noisy to trust differences of a few percent.
        noise_reason: What showed that; None where it was quiet.
        optimizer: The optimizer whose steps were timed.
        left_out: Sizes that were asked for and too slow for the time allowed, ascending.
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
        noise_scale: tr(Σ)/|G|² in examples; None where |G|² cannot be told from 0.
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
        reason: Why it is unknown; None where it is known.
        optimizer: The optimizer of the run.
    """

    points: tuple[NoiseEstimate, ...]
    noise_scale: Estimate | None
    reason: Remark | None = None
    optimizer: str = ""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One training run, reduced to what fits need.

    Attributes:
        trial: Number of its trial.
        batch_size: Examples per update.
        learning_rate: Learning rate.
        seed: Its seed.
        status: How it ended, a `Status` value.
        steps: Updates to the goal, interpolated between evaluations; None where not reached.
        steps_done: Updates made before it ended.
        train_seconds: Training time it took, as measured during the run.
        reason: Why the planner asked for it, in one sentence.
        verdict: What became of it next to the best run; None before they are compared.
        decisions: Why a race of batch sizes asked for it, in order; none outside one.
    """

    trial: int
    batch_size: int
    learning_rate: float
    seed: int
    status: str
    steps: float | None
    steps_done: int
    train_seconds: float
    reason: str = ""
    verdict: Decision | None = None
    decisions: tuple[Decision, ...] = ()


@dataclass(frozen=True, slots=True)
class BatchPrediction:
    """What the study knows of one batch size at its best learning rate.

    Attributes:
        batch_size: Examples per update.
        learning_rate: The best learning rate found or predicted for it.
        steps: Updates to the goal; its value is NaN while no run has reached that.
        examples: Examples to the goal, likewise.
        seconds: Training time to the goal, likewise.
        runs_reached: Runs at this batch size that reached the goal.
        runs_censored: Runs at this batch size that did not, at any learning rate.
        joules: Energy of the device to the goal, likewise; None where no power was measured.
        cost: Price of the training time to the goal, likewise; None without a price.
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
        rule: Learning-rate rule that proposed where to look, "linear" or "square_root".
        target: Level of the metric that counts as the goal (for "best within" goals: the best
            level any run reached within the limit).
        runs: Every training run.
        predictions: One row per batch size considered, ascending; while no run has reached the
            goal, one per batch size tried, without its cost.
        steps_min: S_min of S(B) = S_min·(1 + B_crit/B); None if it could not be fitted.
        critical_batch_size: B_crit of the same fit, in examples; None if it could not be fitted.
        critical_reason: Why it could not; None where it could.
        lack_of_fit: RMS log residual of that fit; None if it could not be fitted.
    """

    optimizer: str
    rule: str
    target: float
    runs: tuple[RunSummary, ...]
    predictions: tuple[BatchPrediction, ...]
    steps_min: Estimate | None
    critical_batch_size: Estimate | None
    critical_reason: Remark | None
    lack_of_fit: float | None

    @property
    def known(self) -> tuple[BatchPrediction, ...]:
        """The rows whose cost is known; none while no run has reached the goal."""
        return tuple(row for row in self.predictions if math.isfinite(row.steps.value))


@dataclass(frozen=True, slots=True)
class Fits:
    """All fits of a study; None where a stage was not run or gave nothing.

    Attributes:
        memory: Of the memory stage: of the recommended optimizer, else the first that was tried.
        speed: Of the speed stage, likewise.
        noise: Of the noise stage, likewise.
        learning: Of the learning stage, one per optimizer.
        speeds: Of the speed stage, one per optimizer that was timed.
        memories: Of the memory stage, one per optimizer that was tried, in that order.
        noises: Of the noise stage, likewise.
    """

    memory: MemoryFit | None = None
    speed: SpeedFit | None = None
    noise: NoiseFit | None = None
    learning: tuple[LearningFit, ...] = ()
    speeds: tuple[SpeedFit, ...] = ()
    memories: tuple[MemoryFit, ...] = ()
    noises: tuple[NoiseFit, ...] = ()

    def memory_of(self, optimizer: str) -> MemoryFit | None:
        """Memory with an optimizer; with the first that was tried where it was not."""
        first = self.memories[0] if self.memories else self.memory
        return next((fit for fit in self.memories if fit.optimizer == optimizer), first)

    def noise_of(self, optimizer: str) -> NoiseFit | None:
        """Gradient noise with an optimizer; with the first that was tried where it was not."""
        first = self.noises[0] if self.noises else self.noise
        return next((fit for fit in self.noises if fit.optimizer == optimizer), first)

    def speed_of(self, optimizer: str) -> SpeedFit | None:
        """Step times of an optimizer; of another where it was not timed itself."""
        return next((fit for fit in self.speeds if fit.optimizer == optimizer), self.speed)
