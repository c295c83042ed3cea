"""Catch the gradients of a model's own training step before its optimizer applies them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rightbatch.errors import UsageError


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


@contextmanager
def catching(model: Any) -> Iterator[GradientCatcher]:
    """Catch the gradients of the training steps that run, or are traced, inside."""
    optimizer = model.optimizer
    catcher = GradientCatcher(optimizer)
    object.__setattr__(model, "optimizer", catcher)  # past Keras's tracking of attributes
    try:
        yield catcher
    finally:
        object.__setattr__(model, "optimizer", optimizer)


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
