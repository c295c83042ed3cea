"""The workload of a Keras user."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from rightbatch.errors import UsageError
from rightbatch.records import whole_number

if TYPE_CHECKING:
    import keras

    OptimizerFactory = Callable[[float], keras.optimizers.Optimizer]

Backend = Literal["tensorflow", "jax", "torch"]
BACKENDS = ("tensorflow", "jax", "torch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A compiled Keras model with its data and goal.

    Attributes:
        model: () -> keras.Model on which `compile` was called; called afresh for every run, after
            seeding. Its optimizer, loss, metrics and `train_step` are used as they are.
        train_data: Training examples: (x, y) or (x, y, sample_weight), each an array or a structure
            of arrays whose first dimension counts examples; a `tf.data.Dataset` of single examples;
            or (batch_size) -> tf.data.Dataset, one epoch in batches.
        valid_data: Validation examples, likewise.
        goal: The goal in words, such as "accuracy >= 0.96": it names a compiled metric, or "loss".
        batch_size: Examples per update in the user's present training: the reference point.
        learning_rate: Learning rate in the user's present training; None for the one that the model
            is compiled with. With a schedule: a rate that stands for it, such as its highest.
        optimizers: More optimizers to compare with `--optimizers`, by name: (learning_rate) ->
            keras.optimizers.Optimizer, or (factory, learning_rate at `batch_size`) pairs.
        backend: "tensorflow", "jax" or "torch"; None for what KERAS_BACKEND or Keras's own
            configuration says.
        valid_batch_size: Examples per validation batch.
        name: Name of the workload.
        items: (batch) -> number of items that the loss averages over, such as unmasked tokens; None
            for examples. Micro-batches are weighted by it.
    """

    framework: ClassVar[str] = "keras"

    model: Callable[[], keras.Model]
    train_data: Any
    valid_data: Any
    goal: str
    batch_size: int
    learning_rate: float | None = None
    optimizers: Mapping[str, OptimizerFactory | tuple[OptimizerFactory, float]] | None = None
    backend: Backend | None = None
    valid_batch_size: int = 256
    name: str = ""
    items: Callable[[Any], float] | None = None

    def __post_init__(self) -> None:
        for name in ("batch_size", "valid_batch_size"):
            value = whole_number(f"Workload.{name}", getattr(self, name), least=1)
            object.__setattr__(self, name, value)
        if self.learning_rate is not None and not self.learning_rate > 0:
            raise UsageError(f"Workload.learning_rate is {self.learning_rate}; it must be above 0.")
        if self.backend is not None and self.backend not in BACKENDS:
            raise UsageError(
                f"Workload.backend is {self.backend!r}; use {', '.join(map(repr, BACKENDS))}."
            )
