"""What the planner asks for: one probe is one child process."""

from dataclasses import dataclass

from rightbatch.records.decision import Decision
from rightbatch.records.prediction import MemoryTarget


@dataclass(frozen=True, slots=True)
class DescribeProbe:
    """Build the workload once and tell its plain facts.

    Attributes:
        seconds_limit: Wall-clock deadline, in seconds; importing the framework counts.
    """

    seconds_limit: float = 120.0


@dataclass(frozen=True, slots=True)
class MemoryProbe:
    """Train the worst batches of an epoch at one micro-batch size, validate, tell the peak memory.

    Attributes:
        optimizer: Name of the optimizer whose state is counted.
        batch_size: Examples per forward and backward pass.
        limit_bytes: Memory that the trial's process may use.
        steps: Steps on the longest examples, at least two, so that optimizer state exists in the
            second; with more the process's heap settles. Validation comes after the second.
        seconds_limit: Wall-clock deadline of the whole trial, in seconds.
        accumulation_steps: Micro-batches per optimizer step: gradients of the one before are held
            while the next is computed, which takes more memory than one micro-batch alone.
        inference: Whether each step is a forward pass alone, in evaluation mode and without
            gradients.
    """

    optimizer: str
    batch_size: int
    limit_bytes: int
    steps: int = 2
    seconds_limit: float = 120.0
    accumulation_steps: int = 1
    inference: bool = False


@dataclass(frozen=True, slots=True)
class SpeedProbe:
    """Time training steps at several batch sizes, interleaved in one process.

    Attributes:
        optimizer: Name of the optimizer.
        batch_sizes: Sizes to time, in order; a size that turns out too slow is left out.
        micro_batch_size: Largest number of examples per forward and backward pass.
        seconds: Time to spend measuring, in seconds.
        seconds_limit: Wall-clock deadline of the whole trial, in seconds.
    """

    optimizer: str
    batch_sizes: tuple[int, ...]
    micro_batch_size: int
    seconds: float
    seconds_limit: float = 120.0


@dataclass(frozen=True, slots=True)
class NoiseProbe:
    """Measure the gradient noise scale along a short run at the reference settings.

    Attributes:
        optimizer: Name of the optimizer.
        batch_size: Batch size of the run.
        learning_rate: Learning rate of the run.
        micro_batch_size: b, examples per small gradient.
        micro_batches: m, small gradients averaged into one large gradient (B = m·b).
        groups: Independent large gradients per checkpoint.
        checkpoints: Steps at which to measure, ascending, 0 before the first update.
        seed: Seed of initialisation and data order.
        seconds: Time to spend, in seconds; later checkpoints are dropped when it is over.
        seconds_limit: Wall-clock deadline of the whole trial, in seconds.
    """

    optimizer: str
    batch_size: int
    learning_rate: float
    micro_batch_size: int
    micro_batches: int
    groups: int
    checkpoints: tuple[int, ...]
    seed: int
    seconds: float
    seconds_limit: float = 120.0


@dataclass(frozen=True, slots=True)
class TrainingProbe:
    """Train towards the goal at one batch size, learning rate and seed, up to a limit.

    These and the optimizer name a run. Asked for again with later limits, one that paused goes on
    from there, or, where its process is gone, starts anew.

    Attributes:
        optimizer: Name of the optimizer.
        batch_size: Examples per optimizer update.
        micro_batch_size: Largest number of examples per forward and backward pass.
        learning_rate: Learning rate.
        seed: Seed of initialisation and data order.
        max_steps: Optimizer steps after which the run is given up.
        max_seconds: Training seconds of this trial after which the run is given up; what the run
            took before it paused is not counted.
        seconds_limit: Wall-clock deadline of the whole trial, in seconds.
        milestones: (step, metric) pairs, ascending: a run that has not reached the metric by the
            step cannot win any more and is given up.
        reason: Why it was made, in the words of an earlier version; else empty.
        pause: Whether a run that stops at a limit waits, alive, to go on.
        decision: Why a race of batch sizes asked; None outside one.
        at_once: Runs that may be under way at the same time, this one included; each has its part
            of the memory limit and of the threads.
    """

    optimizer: str
    batch_size: int
    micro_batch_size: int
    learning_rate: float
    seed: int
    max_steps: int
    max_seconds: float
    seconds_limit: float
    milestones: tuple[tuple[int, float], ...] = ()
    reason: str = ""
    pause: bool = False
    decision: Decision | None = None
    at_once: int = 1

    @property
    def run(self) -> tuple[str, int, str, int]:
        """What names the run; the learning rate in words, since NaN equals nothing."""
        return self.optimizer, self.batch_size, repr(self.learning_rate), self.seed


@dataclass(frozen=True, slots=True)
class PredictProbe:
    """Predict the memory of training steps without running them on the device.

    Attributes:
        optimizer: Name of the optimizer; empty for the workload's own.
        target: The device, and how its memory is counted.
        margin: Share of its memory to keep free.
        max_batch_size: Largest micro-batch to consider; None for the training set.
        devices: Other devices to answer for.
        what_if: Whether to follow steps of other optimizers, precisions and the like as well.
        seconds_limit: Wall-clock deadline of the whole trial, in seconds.
        verify: Whether to follow the answer itself; else the line near it will do.
        inference: Whether to follow a forward pass alone, in evaluation mode and without gradients.
    """

    optimizer: str
    target: MemoryTarget
    margin: float = 0.05
    max_batch_size: int | None = None
    devices: tuple[MemoryTarget, ...] = ()
    what_if: bool = True
    seconds_limit: float = 600.0
    verify: bool = True
    inference: bool = False


Probe = DescribeProbe | MemoryProbe | SpeedProbe | NoiseProbe | TrainingProbe | PredictProbe
