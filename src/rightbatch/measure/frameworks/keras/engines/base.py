"""The interface to a compiled Keras model on any backend, and what backends share.

Gradients are caught in the model's own training step, before its optimizer applies them.
"""

import random
from collections.abc import Callable, Sequence
from operator import iadd
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
    _model: Any = None
    _test: Callable[[Any], Any]
    _sqr_norm: Callable[[list[Any]], Any]

    def seed(self, seed: int) -> None:
        """Seed Python and NumPy, from which Keras layers draw their own seeds, and the backend.

        `keras.utils.set_random_seed` would import TensorFlow wherever it is installed, which takes
        seconds per trial.
        """
        random.seed(seed)
        np.random.seed(seed)

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
        scaled = [None if g is None else g * weight for g in gradients]
        if total is None:
            return scaled
        # in place where the backend can
        return [g if t is None else iadd(t, g) for t, g in zip(total, scaled, strict=True)]  # type: ignore[no-untyped-call]

    def apply(self, gradients: list[Any]) -> None:
        """Update the model with gradients."""

    def sqr_norm(self, gradients: list[Any]) -> float:
        """Squared Euclidean norm of all gradients together."""
        return float(self._sqr_norm(gradients))

    def loss_scale(self) -> float:
        """Current loss scale of the optimizer, which keeps small gradients from underflowing."""
        return float(self._model.optimizer.scale_loss(keras.ops.ones(())))

    def test(self, batches: list[Any]) -> dict[str, float | None]:
        """Metrics of the model's test step over batches; None for one that is several numbers."""
        self._model.reset_metrics()
        logs: dict[str, Any] = {}
        for batch in batches:
            logs = self._test(batch)
        return numbers(logs)

    def save(self) -> Any:
        """A copy of every variable of the model and its optimizer."""

    def restore(self, saved: Any) -> None:
        """Restore every variable from a copy, which stays usable."""
        for variable, value in zip(self._variables(), saved, strict=True):
            variable.assign(value)

    def write_back(self) -> None:
        """Copy the trained values to the model's own variables, where steps train others."""
        return

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
        return [*self._model.variables, *self._model.optimizer.variables]


def numbers(logs: dict[str, Any]) -> dict[str, float | None]:
    """The metrics of a step as numbers; None for one that is several, such as one per class."""
    arrays = {name: np.asarray(keras.ops.convert_to_numpy(log)) for name, log in logs.items()}
    return {name: float(a.item()) if a.size == 1 else None for name, a in arrays.items()}


class GradientCatcher:
    """Stands in for a model's optimizer: stores the gradients and updates nothing.

    Everything else is delegated to the optimizer, such as the scaling of the loss.

    Attributes:
        gradients: The gradients of the last training step.
        variables_given: The variables they belong to; None where these were not passed.
    """

    def __init__(self, optimizer: Any) -> None:
        self._optimizer = optimizer
        self.gradients: list[Any] | None = None
        self.variables_given: list[Any] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._optimizer, name)

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
        """Store the gradients."""
        self.gradients = list(grads)
        self.variables_given = None if trainable_variables is None else list(trainable_variables)

    def apply_gradients(self, grads_and_vars: Any) -> Any:
        """Store the gradients of (gradient, variable) pairs."""
        pairs = list(grads_and_vars)
        self.apply([gradient for gradient, _ in pairs], [variable for _, variable in pairs])
        return self._optimizer.iterations

    def stateless_apply(
        self, optimizer_variables: Any, grads: Any, trainable_variables: Any
    ) -> tuple[Any, Any]:
        """Store the gradients; return the variables unchanged."""
        self.gradients = list(grads)
        return trainable_variables, optimizer_variables

    def caught(self, model: Any) -> list[Any]:
        """One gradient for each trainable variable of a model, None where it has none.

        Raises:
            UsageError: The training step applied no gradients with the optimizer.
        """
        if self.gradients is None:
            raise UsageError(
                f"The train_step of {type(model).__name__} does not use self.optimizer, so its "
                "gradients cannot be measured; apply them with self.optimizer."
            )
        if self.variables_given is None:
            return self.gradients
        by_variable = {
            id(variable): gradient
            for variable, gradient in zip(self.variables_given, self.gradients, strict=True)
        }
        return [by_variable.get(id(variable)) for variable in model.trainable_variables]


def caught_step(model: Any, *inputs: Any) -> tuple[Any, list[Any]]:
    """What a model's own training step returns, and its gradients, which update nothing.

    Raises:
        UsageError: It applied no gradients with the optimizer.
    """
    optimizer = model.optimizer
    catcher = GradientCatcher(optimizer)
    object.__setattr__(model, "optimizer", catcher)  # past Keras's tracking of attributes
    try:
        returned = model.train_step(*inputs)
    finally:
        object.__setattr__(model, "optimizer", optimizer)
    return returned, catcher.caught(model)


def loss_of(logs: Any, model: Any) -> Any:
    """The loss in the logs of a training step.

    Raises:
        UsageError: There is none.
    """
    if not isinstance(logs, dict) or "loss" not in logs:
        raise UsageError(
            f"The train_step of {type(model).__name__} returns no 'loss'; return a dict with it, "
            "such as {'loss': self.loss_tracker.result()}."
        )
    return logs["loss"]
