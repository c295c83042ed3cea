"""Recorded studies: complete training runs at several batch sizes, for replays."""

from dataclasses import dataclass

from rightbatch.records.goal import Direction
from rightbatch.records.run import Run


@dataclass(frozen=True, slots=True)
class RecordedSpeed:
    """The recorded step time of a batch size.

    Attributes:
        batch_size: Examples per update.
        step_seconds: Time per update.
        micro_batch_size: Examples per forward and backward pass, over all devices.
        power_watts: Mean power during the steps; None if not recorded.
    """

    batch_size: int
    step_seconds: float
    micro_batch_size: int
    power_watts: float | None = None


@dataclass(frozen=True, slots=True)
class RecordedStudy:
    """A study recorded for import or replay.

    Attributes:
        name: Its name.
        dataset: Name of its training data; studies of one data set are not independent.
        optimizer: Name of its optimizer; "recorded" if unknown.
        hardware: The machine it ran on.
        metric: Name of the validation metric.
        direction: "max" if larger is better, "min" if smaller is.
        targets: Metric levels to reach, each replayed on its own.
        examples_per_epoch: Nominal number of training examples in an epoch.
        longest_run_epochs: Epochs after which runs were stopped.
        speeds: Step times, one for each candidate batch size.
        runs: Runs at candidate batch sizes, including those that reached no target.
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
