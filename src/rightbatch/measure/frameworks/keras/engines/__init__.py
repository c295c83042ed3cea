"""One module per backend: how a compiled Keras model runs a training step there."""

import keras

from rightbatch.errors import UsageError
from rightbatch.measure.frameworks.keras.engines.base import Engine
from rightbatch.measure.ports import Device


def make_engine(threads: int | None, device: str | None, host: Device) -> Engine:
    """The engine of the backend that Keras was imported on.

    Raises:
        UsageError: There is none for it, or no such device.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        from rightbatch.measure.frameworks.keras.engines.tensorflow import TensorFlowEngine

        return TensorFlowEngine(threads, device, host)
    if backend == "jax":
        from rightbatch.measure.frameworks.keras.engines.jax import JaxEngine

        return JaxEngine(threads, device, host)
    if backend == "torch":
        from rightbatch.measure.frameworks.keras.engines.torch import TorchEngine

        return TorchEngine(threads, device, host)
    raise UsageError(
        f"Keras runs on {backend}, which cannot train; set KERAS_BACKEND to tensorflow, jax or "
        "torch."
    )
