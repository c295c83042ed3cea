"""The workload of a Keras user, and its backend, chosen before Keras is imported."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from rightbatch.errors import UsageError
from rightbatch.records import whole_number

if TYPE_CHECKING:
    import keras

OptimizerFactory = Callable[[float], "keras.optimizers.Optimizer"]
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


def choose_backend(backend: Backend | None) -> None:
    """Have Keras run on a workload's backend; None leaves the choice to Keras.

    Raises:
        UsageError: Keras was already imported on another backend, or is set to one that cannot
            train.
    """
    loaded = sys.modules.get("keras")
    if loaded is None:
        if backend is not None:
            os.environ["KERAS_BACKEND"] = backend
        _refuse_other()
        return
    wanted = backend or os.environ.get("KERAS_BACKEND") or loaded.backend.backend()
    if loaded.backend.backend() != wanted:
        raise UsageError(
            f"Keras was already imported on {loaded.backend.backend()}, not on {wanted}; set "
            f"KERAS_BACKEND={wanted} in the environment."
        )


def refuse_backend_of(error: Exception) -> None:
    """Refuse a backend that cannot train, where the user's code failed to import Keras on it.

    Raises:
        UsageError: KERAS_BACKEND names such a backend.
    """
    frames = traceback.walk_tb(error.__traceback__)
    if any(frame.f_globals.get("__name__") == "keras.src.backend" for frame, _ in frames):
        _refuse_other()


def _refuse_other() -> None:
    named = os.environ.get("KERAS_BACKEND")
    if named and named not in BACKENDS:
        raise UsageError(
            f"KERAS_BACKEND is {named!r}, which cannot train; use tensorflow, jax or torch."
        )
