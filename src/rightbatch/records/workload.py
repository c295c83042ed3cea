"""Where a workload comes from, and its description."""

import math
from dataclasses import dataclass
from typing import Literal

from rightbatch.records.goal import Goal

ScalingRule = Literal["linear", "square_root"]


@dataclass(frozen=True, slots=True)
class WorkloadReference:
    """Where a child process finds the user's workload factory.

    Exactly one of `file`, `module` and `pickled` is set.

    Attributes:
        factory: Name of the function that takes no argument and returns a workload.
        file: Absolute path of the Python file that defines it.
        module: Import name of the module that defines it.
        pickled: The factory as cloudpickle bytes, for a notebook; on the wire only, never at rest.
        title: Name of the workload in a study, such as "digits" or "train.py:workload".
        imported: Whether the study was imported from files, possibly from another machine.
    """

    factory: str
    file: str | None = None
    module: str | None = None
    pickled: bytes | None = None
    title: str = ""
    imported: bool = False


@dataclass(frozen=True, slots=True)
class OptimizerFacts:
    """One optimizer of a workload.

    Attributes:
        name: The user's name for it, such as "sgd".
        rule: The rule for first guesses of how its learning rate scales with the batch size.
        learning_rate: Learning rate at the workload's reference batch size.
        tuned: Whether the user set that learning rate; if not, it is a library default.
    """

    name: str
    rule: ScalingRule
    learning_rate: float
    tuned: bool = True


@dataclass(frozen=True, slots=True)
class Origin:
    """What is kept of a study recorded elsewhere so that it can be exported again.

    Attributes:
        dataset: Name of its training data; studies of one data set are not independent.
        targets: Metric levels to reach, in the study's order.
        longest_run_epochs: Epochs after which runs were stopped.
    """

    dataset: str
    targets: tuple[float, ...]
    longest_run_epochs: float


@dataclass(frozen=True, slots=True)
class WorkloadFacts:
    """The description of a workload.

    Attributes:
        title: Name of the workload.
        framework: "torch" or "keras"; "recorded" if the study was recorded elsewhere.
        train_examples: Number of training examples.
        valid_examples: Number of validation examples.
        batch_size: The user's present batch size (the reference); for a study recorded elsewhere,
            one of its batch sizes, used only as a starting point.
        optimizers: The optimizers that can be studied; the first is the user's own.
        goal: The goal.
        parameters: Number of trainable parameters.
        batch_dependent_layers: Kinds of layers whose output depends on the micro-batch (BatchNorm).
        notes: Differences from the user's own training, one sentence each.
        names: (name, field of a `Choice`) pairs: the settings by the names of the user's library.
        origin: Set for a study recorded elsewhere; None for one made here, or imported by a version
            that did not keep it.
    """

    title: str
    framework: str
    train_examples: int
    valid_examples: int
    batch_size: int
    optimizers: tuple[OptimizerFacts, ...]
    goal: Goal
    parameters: int
    batch_dependent_layers: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    names: tuple[tuple[str, str], ...] = ()
    origin: Origin | None = None

    @property
    def recorded(self) -> bool:
        """Whether the study was recorded elsewhere, so that present settings are unknown."""
        return self.framework == "recorded"

    def steps_per_epoch(self, batch_size: int) -> int:
        """Updates in an epoch, including a last one with the remainder."""
        return math.ceil(self.train_examples / batch_size)

    def updates(self, batch_size: int) -> tuple[tuple[int, int], ...]:
        """(examples, count) pairs of the updates in an epoch, including a last one with the rest.

        For a study recorded elsewhere, whose last updates are unknown, one of `batch_size`.
        """
        full, rest = divmod(self.train_examples, batch_size)
        if self.recorded or not rest:
            return ((batch_size, 1),)
        return ((batch_size, full), (rest, 1)) if full else ((rest, 1),)

    def examples_per_step(self, batch_size: int) -> float:
        """Mean number of examples per update over an epoch."""
        updates = self.updates(batch_size)
        return sum(size * times for size, times in updates) / sum(times for _, times in updates)
