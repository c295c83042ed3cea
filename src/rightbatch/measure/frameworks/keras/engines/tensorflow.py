"""A compiled Keras model on TensorFlow: the steps of `fit`, inside `tf.function`."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import keras
import tensorflow as tf

from rightbatch.errors import UsageError
from rightbatch.measure.frameworks.keras.accelerator import Accelerator, gpu_number
from rightbatch.measure.frameworks.keras.engines.base import Engine, caught_step, loss_of
from rightbatch.measure.ports import Device

_SPELLINGS = (
    "Dst tensor is not initialized",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUDA_ERROR_OUT_OF_MEMORY",
    "RESOURCE_EXHAUSTED",
)


class TensorFlowEngine(Engine):
    """Runs a model's steps on one TensorFlow device."""

    def __init__(self, threads: int | None, device: str | None, host: Device) -> None:
        with suppress(RuntimeError):  # TensorFlow has started: it read the environment
            if threads is not None:
                tf.config.threading.set_intra_op_parallelism_threads(threads)
                tf.config.threading.set_inter_op_parallelism_threads(threads)
        card = _card(device)
        self._on_gpu = card is not None
        self.device: Device = host if card is None else _gpu(card, host)

    def seed(self, seed: int) -> None:
        """Seed Python, NumPy and the backend."""
        keras.utils.set_random_seed(seed)

    def attach(self, model: Any) -> None:
        """Use this model from here on."""
        self._model = model
        self._train = self._function(self._train_on, model.jit_compile)
        self._gradient = self._function(self._gradient_of, model.jit_compile)
        self._test = self._function(model.test_step, model.jit_compile)
        self._apply = self._function(self._update, False)
        self._sqr_norm = self._function(_sqr_norm, False)

    def place(self, batch: Any) -> Any:
        """The batch as tensors."""
        return tf.nest.map_structure(tf.convert_to_tensor, batch)

    def train(self, batch: Any) -> Any:
        """One update on a batch; its loss."""
        return self._train(batch)

    def gradient(self, batch: Any) -> tuple[Any, list[Any]]:
        """The loss and the gradients of a batch, without an update."""
        return self._gradient(batch)  # type: ignore[no-any-return]

    def apply(self, gradients: list[Any]) -> None:
        """Update the model with gradients."""
        self._apply(gradients)

    def save(self) -> Any:
        """A copy of every variable of the model and its optimizer."""
        return [tf.identity(variable.value) for variable in self._variables()]

    def synchronize(self) -> None:
        """Wait until the device has finished its work."""
        if self._on_gpu:
            tf.test.experimental.sync_devices()

    def flops(self, batch: Any) -> float | None:
        """Operations of the gradients' matrix products and convolutions, as TensorFlow counts."""
        traced = tf.function(self._gradient_of, autograph=False).get_concrete_function(batch)
        options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
        costs = tf.compat.v1.profiler.profile(traced.graph, options={**options, "output": "none"})
        return float(costs.total_float_ops) or None

    def is_out_of_memory(self, error: BaseException) -> bool:
        """Whether an exception is TensorFlow's out-of-memory error."""
        return isinstance(error, MemoryError | tf.errors.ResourceExhaustedError) or (
            isinstance(error, tf.errors.OpError)
            and any(spelling in str(error) for spelling in _SPELLINGS)
        )

    def _function(self, step: Callable[[Any], Any], jit_compile: bool) -> Callable[[Any], Any]:
        """A step as `fit` would run it."""
        if self._model.run_eagerly:
            return step
        return tf.function(  # type: ignore[no-any-return]
            step, reduce_retracing=True, jit_compile=jit_compile, autograph=False
        )

    def _train_on(self, batch: Any) -> Any:
        self._model.reset_metrics()  # so that the loss is this batch's
        return loss_of(self._model.train_step(batch), self._model)

    def _gradient_of(self, batch: Any) -> tuple[Any, list[Any]]:
        self._model.reset_metrics()
        logs, gradients = caught_step(self._model, batch)
        dense = [
            tf.convert_to_tensor(g) if isinstance(g, tf.IndexedSlices) else g for g in gradients
        ]
        return loss_of(logs, self._model), dense

    def _update(self, gradients: list[Any]) -> None:
        self._model.optimizer.apply(gradients, self._model.trainable_variables)


def _sqr_norm(gradients: list[Any]) -> Any:
    return tf.add_n([tf.reduce_sum(tf.square(g)) for g in gradients if g is not None])


def _card(name: str | None) -> int | None:
    """Number of the GPU to use, made TensorFlow's only visible one; None for the CPU.

    Args:
        name: The device; None for the first GPU that the user's code leaves visible, if any.

    Raises:
        UsageError: There is no such device, or TensorFlow has started with another.
    """
    cards = tf.config.list_physical_devices("GPU")
    if name is None:
        number = next((cards.index(card) for card in tf.config.get_visible_devices("GPU")), None)
    else:
        number = gpu_number(name, "TensorFlow", ("gpu", "cuda"), len(cards))
    wanted = [] if number is None else [cards[number]]
    with suppress(RuntimeError):  # TensorFlow has started: it read the environment
        tf.config.set_visible_devices(wanted, "GPU")
        for card in cards:
            tf.config.experimental.set_memory_growth(card, True)
    if tf.config.get_visible_devices("GPU")[:1] != wanted:
        raise UsageError(
            f"TensorFlow was used before {name} could be selected; set CUDA_VISIBLE_DEVICES="
            f"{-1 if number is None else number} in the environment and leave `device` out."
        )
    return number


def _gpu(number: int, host: Device) -> Accelerator:
    """A GPU as TensorFlow's allocator reports it, numbered from the first visible one."""
    from tensorflow.python.client import device_lib

    options = tf.compat.v1.GPUOptions(visible_device_list=str(number), allow_growth=True)
    devices = device_lib.list_local_devices(tf.compat.v1.ConfigProto(gpu_options=options))
    (card,) = [d for d in devices if d.name.endswith("GPU:0")]

    def memory() -> tuple[int, int]:
        info = tf.config.experimental.get_memory_info("GPU:0")
        return int(info["current"]), int(info["peak"])

    return Accelerator(
        f"gpu:{number}",
        card.physical_device_desc,
        int(card.memory_limit),
        memory,
        lambda: tf.config.experimental.reset_memory_stats("GPU:0"),
        host,
    )
