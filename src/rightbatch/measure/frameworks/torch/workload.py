"""The workload of a PyTorch user."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

from rightbatch.errors import RenamedWarning, UsageError
from rightbatch.records import whole_number

if TYPE_CHECKING:
    import torch

    from rightbatch.measure.frameworks.torch.data import Data

OptimizerFactory = Callable[[Any, float], "torch.optim.Optimizer"]

_T = TypeVar("_T")


def _takes_old_name(cls: type[_T]) -> type[_T]:
    """Make a class accept `workers` for its field `num_workers`, with a warning.

    Where both are given, as by `dataclasses.replace`, the old name takes precedence.
    """
    made: Callable[..., None] = vars(cls)["__init__"]

    @wraps(made)
    def init(self: _T, **given: Any) -> None:
        if "workers" in given:
            warnings.warn(
                "Workload.workers is now num_workers, as in DataLoader; use that name, as the next "
                "version will not accept the old one.",
                RenamedWarning,
                stacklevel=2,
            )
            given["num_workers"] = given.pop("workers")
        made(self, **given)

    cls.__init__ = init  # type: ignore[assignment]
    return cls


@_takes_old_name
@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A PyTorch model with its data, loss, metric and goal.

    Attributes:
        model: () -> torch.nn.Module; called afresh for every run, after seeding.
        train_data: Training examples: a map-style Dataset, loaded with a DataLoader, or a tuple of
            tensors whose first dimension counts examples, indexed directly.
        valid_data: Validation examples, likewise.
        loss: (model, batch) -> scalar tensor, the mean loss over the batch.
        metric: (model, batches) -> float over the validation batches, with gradients off and the
            model in evaluation mode, or a dict of several by name, of which the goal names one; or
            a torchmetrics metric, updated with (model(inputs), targets).
        goal: The goal in words, such as "accuracy >= 0.96" or "best accuracy within 60s".
        optimizer: (parameters, learning_rate) -> torch.optim.Optimizer; a first parameter named
            `model` receives the whole model, to make parameter groups by name.
        batch_size: Examples per update in the user's present training: the reference point.
        learning_rate: Learning rate in the user's present training.
        optimizers: More optimizers to compare with `--optimizers`, by name: factories, or
            (factory, learning_rate at `batch_size`) pairs.
        schedule: (step, total_steps) -> factor on the learning rate; needs `epochs`.
        epochs: Passes over the training data in the user's present training.
        clip_norm: Largest gradient norm; larger gradients are scaled down.
        precision: "fp32", or "bf16" for bfloat16 autocast.
        collate: collate_fn of the DataLoader.
        num_workers: Worker processes of the DataLoader.
        valid_batch_size: Examples per validation batch.
        name: Name of the workload.
        length: (example) -> int, the length of an example, or one number per training example:
            memory is then measured on the longest. None to estimate lengths from a sample.
        items: (batch) -> number of items that the loss averages over, such as tokens; None for
            examples. Micro-batches are weighted by it.
        notes: Differences from the user's own training, one sentence each, shown with the advice.
        names: Names of "micro_batch_size", "accumulation_steps" and "learning_rate" in the user's
            code, as (name, one of these) pairs; the verdict uses them.
    """

    framework: ClassVar[str] = "torch"

    model: Callable[[], torch.nn.Module]
    train_data: Data
    valid_data: Data
    loss: Callable[[Any, Any], torch.Tensor]
    metric: Any
    goal: str
    optimizer: OptimizerFactory
    batch_size: int
    learning_rate: float
    optimizers: Mapping[str, OptimizerFactory | tuple[OptimizerFactory, float]] | None = None
    schedule: Callable[[int, int], float] | None = None
    epochs: float | None = None
    clip_norm: float | None = None
    precision: Literal["fp32", "bf16"] = "fp32"
    collate: Callable[[list[Any]], Any] | None = None
    num_workers: int = 0
    valid_batch_size: int = 256
    name: str = ""
    length: Callable[[Any], int] | Sequence[int] | None = None
    items: Callable[[Any], int] | None = None
    notes: tuple[str, ...] = ()
    names: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        for name, least in (("batch_size", 1), ("valid_batch_size", 1), ("num_workers", 0)):
            value = whole_number(f"Workload.{name}", getattr(self, name), least)
            object.__setattr__(self, name, value)
        for name in ("learning_rate", "epochs", "clip_norm"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise UsageError(f"Workload.{name} is {value}; it must be above 0.")
        if self.precision not in ("fp32", "bf16"):
            raise UsageError(f"Workload.precision is {self.precision!r}; use 'fp32' or 'bf16'.")
        if self.schedule is not None and self.epochs is None:
            raise UsageError(
                "Workload.schedule needs the total number of steps; set Workload.epochs."
            )
