"""The interface to a compiled Keras model on any backend, and what backends share."""

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
    _model: Any

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
        """Check that the gradients of a batch can be caught, without an update.

        Raises:
            UsageError: The training step returns no loss, or applies no gradients.
        """
        self.gradient(batch)

    def added(self, total: list[Any] | None, gradients: list[Any], weight: float) -> list[Any]:
        """`total` + weight · gradients; the weighted gradients alone without a total."""

    def apply(self, gradients: list[Any]) -> None:
        """Update the model with gradients."""

    def sqr_norm(self, gradients: list[Any]) -> float:
        """Squared Euclidean norm of all gradients together."""

    def loss_scale(self) -> float:
        """Current loss scale of the optimizer, which keeps small gradients from underflowing."""
        return float(self._model.optimizer.scale_loss(keras.ops.ones(())))

    def test(self, batches: list[Any]) -> dict[str, float | None]:
        """Metrics of the model's test step over batches; None for one that is several numbers."""

    def save(self) -> Any:
        """A copy of every variable of the model and its optimizer."""

    def restore(self, saved: Any) -> None:
        """Restore every variable from a copy, which stays usable."""

    def write_back(self) -> None:
        """Copy the trained values to the model's own variables."""

    def synchronize(self) -> None:
        """Wait until the device has finished its work."""

    def wait_for(self, value: Any) -> None:
        """Wait until a tensor is computed."""
        self.synchronize()

    def flops(self, batch: Any) -> float | None:
        """FLOPs of the gradients of a batch; None if they cannot be counted."""

    def is_out_of_memory(self, error: BaseException) -> bool:
        """Whether an exception is this backend's out-of-memory error."""

    def _variables(self) -> list[Any]:
        """Every variable of the model and its optimizer."""
        return [*self._model.variables, *self._model.optimizer.variables]


def gpu_number(name: str, backend: str, kinds: Sequence[str], count: int) -> int | None:
    """Which of `count` GPUs a device such as "cuda:1" names; None for the CPU.

    Raises:
        UsageError: It is of none of these kinds, or there is none of that number.
    """
    kind, colon, number = name.partition(":")
    numbers = {str(n): n for n in range(count)}
    number = number if colon else "0"
    if kind == "cpu" and number == "0":
        return None
    if kind in kinds and number in numbers:
        return numbers[number]
    raise no_device(name, backend, [f"{kinds[0]}:{n}" for n in numbers])


def no_device(name: str, backend: str, seen: Sequence[str]) -> UsageError:
    """The error for a device that a backend does not see."""
    return UsageError(
        f"{backend} sees no device {name!r} here; use {' or '.join(['cpu', *seen])}, or leave "
        "`device` out."
    )


def numbers(logs: dict[str, Any]) -> dict[str, float | None]:
    """The metrics of a step as numbers; None for one that is several, such as one per class."""
    arrays = {name: np.asarray(keras.ops.convert_to_numpy(log)) for name, log in logs.items()}
    return {name: float(a.item()) if a.size == 1 else None for name, a in arrays.items()}


def seed_generators(seed: int) -> None:
    """Seed Python's and NumPy's generators, from which Keras layers draw their own seeds.

    `keras.utils.set_random_seed` would import TensorFlow wherever it is installed, which takes
    seconds per trial.
    """
    random.seed(seed)
    np.random.seed(seed)
