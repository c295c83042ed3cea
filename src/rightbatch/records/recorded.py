"""A recorded study: whole training runs at several batch sizes, for a replay."""

from dataclasses import dataclass

from rightbatch.records.goal import Direction
from rightbatch.records.run import Run


@dataclass(frozen=True, slots=True)
class RecordedSpeed:
    """The recorded step time of a batch size; the micro-batches of all devices count as one.

    Attributes:
        batch_size: Examples per update.
        step_seconds: Time per update.
        micro_batch_size: Examples per forward and backward pass.
        power_watts: Mean power meanwhile; None where it was not recorded.
    """

    batch_size: int
    step_seconds: float
    micro_batch_size: int
    power_watts: float | None = None


@dataclass(frozen=True, slots=True)
class RecordedStudy:
    """A study that was recorded to be read or replayed.

    Attributes:
        name: Its name.
        dataset: Name of its training data; studies of one data set are not independent.
        optimizer: Name of its optimizer; "recorded" where it was not told.
        hardware: What it ran on.
        metric: Name of the validation metric.
        direction: "max" where larger is better, "min" where smaller is.
        targets: Levels of the metric to reach, each a question of its own.
        examples_per_epoch: Training examples in an epoch, nominally.
        longest_run_epochs: Where a run that never arrived was given up.
        speeds: Step times, one for each candidate batch size.
        runs: Runs at candidate batch sizes, those that never reached any level included.
    """

    name: str
    dataset: str
    optimizer: str
    hardware: str
    metric: str
    direction: Direction
    targets: tuple[float, ...]
    examples_per_epoch: int
    longest_run_epochs: float
    speeds: tuple[RecordedSpeed, ...]
    runs: tuple[Run, ...]

    @property
    def batch_sizes(self) -> tuple[int, ...]:
        """The candidate batch sizes, in the study's order."""
        return tuple(speed.batch_size for speed in self.speeds)
