"""What every backend does with a compiled Keras model."""

import random
from collections.abc import Sequence
from typing import Any, Protocol

import keras
import numpy as np

from rightbatch.errors import UsageError
from rightbatch.measure.ports import Device


class Engine(Protocol):
    """Runs a compiled model's own training and test steps as `fit` would.

    Gradients are lists with one entry for each trainable variable, None where there is none.
    """

    device: Device

    def versions(self) -> tuple[tuple[str, str], ...]:
        """Versions of the backend, as ("name", "version") pairs."""

    def seed(self, seed: int) -> None:
        """Seed Python, NumPy and the backend."""

    def attach(self, model: Any) -> None:
        """Use this model from here on; its variables and its optimizer's are built."""

    def place(self, batch: Any) -> Any:
        """The batch as the backend's tensors on the device."""

    def train(self, batch: Any) -> Any:
        """One update on a batch; its loss, a scalar that the device may still be working on."""

    def gradient(self, batch: Any) -> tuple[Any, list[Any]]:
        """The loss and the gradients of a batch, without an update."""

    def trace(self, batch: Any) -> None:
        """Follow the gradients of a batch on their way to the optimizer, without an update.

        Raises:
            UsageError: The training step tells no loss, or gives the optimizer no gradients.
        """

    def added(self, total: list[Any] | None, gradients: list[Any], weight: float) -> list[Any]:
        """`total` + weight · gradients; the weighted gradients alone where there is no total."""

    def apply(self, gradients: list[Any]) -> None:
        """Give the optimizer gradients to update with."""

    def sqr_norm(self, gradients: list[Any]) -> float:
        """Squared Euclidean norm of all gradients together."""

    def loss_scale(self) -> float:
        """Current loss scale of the optimizer, which keeps small gradients from underflowing."""

    def test(self, batches: list[Any]) -> dict[str, float | None]:
        """Metrics of the model's test step over some batches; None for one that is several numbers."""

    def save(self) -> Any:
        """A copy of every variable of the model and its optimizer."""

    def restore(self, saved: Any) -> None:
        """Set every variable back to a copy, which stays usable."""

    def write_back(self) -> None:
        """Have the model's own variables hold what was trained."""

    def synchronize(self) -> None:
        """Wait until the device has finished its work."""

    def wait_for(self, value: Any) -> None:
        """Wait until a tensor is computed."""

    def flops(self, batch: Any) -> float | None:
        """FLOPs of the gradients of a batch; None if they cannot be counted."""

    def is_out_of_memory(self, error: BaseException) -> bool:
        """Whether an exception is this backend's out-of-memory error."""


def gpu_number(asked: str, backend: str, kinds: Sequence[str], count: int) -> int | None:
    """Which of `count` GPUs a device such as "cuda:1" is; None for the CPU.

    Raises:
        UsageError: It is of none of these kinds, or there is none of that number.
    """
    kind, colon, number = asked.partition(":")
    numbers = {str(n): n for n in range(count)}
    number = number if colon else "0"
    if kind == "cpu" and number == "0":
        return None
    if kind in kinds and number in numbers:
        return numbers[number]
    raise no_device(asked, backend, [f"{kinds[0]}:{n}" for n in numbers])


def no_device(asked: str, backend: str, seen: Sequence[str]) -> UsageError:
    """What is raised for a device that a backend does not have beside the CPU."""
    return UsageError(
        f"{backend} sees no device {asked!r} here; use {' or '.join(['cpu', *seen])}, or leave "
        "`device` out."
    )


def loss_scale(model: Any) -> float:
    """What a model's optimizer multiplies losses by, read from the optimizer's own variables."""
    return float(model.optimizer.scale_loss(keras.ops.ones(())))


def numbers(logs: dict[str, Any]) -> dict[str, float | None]:
    """What a step tells as numbers; None for what is several, such as one for each class."""
    arrays = {name: np.asarray(keras.ops.convert_to_numpy(told)) for name, told in logs.items()}
    return {name: float(a.item()) if a.size == 1 else None for name, a in arrays.items()}


def seed_generators(seed: int) -> None:
    """Seed Python's and NumPy's generators, from which Keras's layers draw seeds of their own.

    `keras.utils.set_random_seed` would import TensorFlow wherever it is installed, which takes
    seconds in each trial.
    """
    random.seed(seed)
    np.random.seed(seed)
