"""A compiled Keras model on JAX: the steps of `fit`, stateless and compiled."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import jax
import jax.numpy as jnp
import keras

from rightbatch.measure.frameworks.keras.accelerator import Accelerator, no_device
from rightbatch.measure.frameworks.keras.engines.base import (
    Engine,
    caught_step,
    loss_of,
    numbers,
)
from rightbatch.measure.ports import Device

_SPELLINGS = ("RESOURCE_EXHAUSTED", "Out of memory", "CUDA_ERROR_OUT_OF_MEMORY")

State = tuple[list[jax.Array], list[jax.Array], list[jax.Array]]
"""Trainable variables, other variables of the model, variables of the optimizer."""


class JaxEngine(Engine):
    """Runs a model's steps on one JAX device: a CPU, a GPU or a TPU."""

    def __init__(self, threads: int | None, device: str | None, host: Device) -> None:
        self._place = _device(device)
        jax.config.update("jax_default_device", self._place)
        on_cpu = self._place.platform == "cpu"
        self.device: Device = host if on_cpu else _accelerator(self._place, host)
        self._state: State = ([], [], [])

    def attach(self, model: Any) -> None:
        """Use this model from here on."""
        self._model = model
        model.reset_metrics()
        self._fresh_metrics = self.place([v.value for v in model.metrics_variables])
        state = (
            [variable.value for variable in model.trainable_variables],
            [variable.value for variable in model.non_trainable_variables],
            [variable.value for variable in model.optimizer.variables],
        )
        self._state = self.place(state)  # like later states, or a step is compiled twice
        self._train = self._compiled(self._train_on, donated=(0,))
        self._gradient = self._compiled(self._gradient_of)
        self._test = self._compiled(model.test_step)
        self._apply = self._compiled(self._updated, donated=(0,))
        self._added = self._compiled(_added, donated=(0,))
        self._sqr_norm = self._compiled(_sqr_norm)

    def place(self, batch: Any) -> Any:
        """The batch on the device."""
        return jax.device_put(batch, self._place)

    def train(self, batch: Any) -> Any:
        """One update on a batch; its loss."""
        loss, self._state = self._train(self._state, batch)
        return loss

    def gradient(self, batch: Any) -> tuple[Any, list[Any]]:
        """The loss and the gradients of a batch, without an update."""
        loss, gradients, others = self._gradient(self._state, batch)
        self._state = (self._state[0], others, self._state[2])
        return loss, gradients

    def trace(self, batch: Any) -> None:
        """Check that the gradients of a batch can be caught."""
        if self._eager():  # it may need values
            self._gradient_of(self._state, batch)
        else:
            jax.eval_shape(self._gradient_of, self._state, batch)

    def added(self, total: list[Any] | None, gradients: list[Any], weight: float) -> list[Any]:
        """`total` + weight · gradients."""
        if total is None:
            return [g * weight for g in gradients]
        return self._added(total, gradients, weight)  # type: ignore[no-any-return]

    def apply(self, gradients: list[Any]) -> None:
        """Update the model with gradients."""
        self._state = self._apply(self._state, gradients)

    def loss_scale(self) -> float:
        """Current loss scale of the optimizer, which keeps small gradients from underflowing."""
        optimizer = self._model.optimizer
        live = zip(optimizer.variables, self._state[2], strict=True)
        with keras.StatelessScope(state_mapping=list(live)):
            return super().loss_scale()

    def test(self, batches: list[Any]) -> dict[str, float | None]:
        """Metrics of the model's test step over batches; None for one that is several numbers."""
        trainable, others, _ = self._state
        metrics = self._fresh_metrics
        logs: dict[str, Any] = {}
        for batch in batches:
            logs, (_, _, metrics) = self._test((trainable, others, metrics), batch)
        return numbers(logs)

    def save(self) -> Any:
        """A copy of every variable of the model and its optimizer."""
        return jax.tree.map(jnp.copy, self._state)

    def restore(self, saved: Any) -> None:
        """Restore every variable from a copy."""
        self._state = jax.tree.map(jnp.copy, saved)

    def write_back(self) -> None:
        """Copy the trained values to the model's own variables."""
        kinds = (
            self._model.trainable_variables,
            self._model.non_trainable_variables,
            self._model.optimizer.variables,
        )
        for variables, values in zip(kinds, self.save(), strict=True):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)

    def synchronize(self) -> None:
        """Wait until the device has finished its work."""
        jax.block_until_ready(self._state)

    def wait_for(self, value: Any) -> None:
        """Wait until a tensor is computed."""
        jax.block_until_ready(value)

    def flops(self, batch: Any) -> float | None:
        """Operations of the gradients of a batch, as XLA counts them."""
        costs = jax.jit(self._gradient_of).lower(self._state, batch).cost_analysis() or {}
        return float(costs.get("flops", 0.0)) or None

    def is_out_of_memory(self, error: BaseException) -> bool:
        """Whether an exception is JAX's out-of-memory error."""
        return isinstance(error, MemoryError) or (
            isinstance(error, jax.errors.JaxRuntimeError)
            and any(spelling in str(error) for spelling in _SPELLINGS)
        )

    def _compiled(
        self, step: Callable[..., Any], donated: tuple[int, ...] = ()
    ) -> Callable[..., Any]:
        """A step as `fit` would run it."""
        return step if self._eager() else jax.jit(step, donate_argnums=donated)

    def _eager(self) -> bool:
        return bool(self._model.run_eagerly or not self._model.jit_compile)

    def _train_on(self, state: State, batch: Any) -> tuple[Any, State]:
        logs, (*after, _) = self._model.train_step((*state, self._fresh_metrics), batch)
        return loss_of(logs, self._model), tuple(after)

    def _gradient_of(self, state: State, batch: Any) -> tuple[Any, list[Any], list[Any]]:
        returned, gradients = caught_step(self._model, (*state, self._fresh_metrics), batch)
        logs, (_, others, *_) = returned
        return loss_of(logs, self._model), gradients, others

    def _updated(self, state: State, gradients: list[Any]) -> State:
        trainable, others, optimizer = state
        trainable, optimizer = self._model.optimizer.stateless_apply(
            optimizer, gradients, trainable
        )
        return trainable, others, optimizer


def _added(total: list[Any], gradients: list[Any], weight: float) -> list[Any]:
    return [t + g * weight for t, g in zip(total, gradients, strict=True)]


def _sqr_norm(gradients: list[Any]) -> Any:
    return sum(jnp.sum(jnp.square(g)) for g in gradients)


def _device(name: str | None) -> Any:
    """The device of a name; None for JAX's first.

    Raises:
        UsageError: JAX sees no such device.
    """
    if name is None:
        return jax.devices()[0]
    kind, colon, number = name.partition(":")
    by_number: dict[str, Any] = {}
    with suppress(RuntimeError):  # JAX has no such kind
        by_number = {str(n): one for n, one in enumerate(jax.devices(kind))}
    number = number if colon else "0"
    if number not in by_number:
        seen = [one for one in enumerate(jax.devices()) if one[1].platform != "cpu"]
        raise no_device(name, "JAX", [f"{one.platform}:{n}" for n, one in seen])
    return by_number[number]


def _accelerator(device: Any, host: Device) -> Accelerator:
    """A GPU or TPU as JAX's allocator reports it."""

    def memory() -> tuple[int, int]:
        stats = device.memory_stats() or {}
        return int(stats.get("bytes_in_use", 0)), int(stats.get("peak_bytes_in_use", 0))

    return Accelerator(
        f"{device.platform}:{device.id}",
        str(device.device_kind),
        int((device.memory_stats() or {}).get("bytes_limit", 0)),
        memory,
        lambda: None,
        host,
    )
