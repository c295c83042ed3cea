"""A compiled Keras model on PyTorch: the eager steps of `fit`."""

from typing import Any

import keras
import torch
from torch.utils.flop_counter import FlopCounterMode

from rightbatch.errors import UsageError
from rightbatch.measure.frameworks.keras.accelerator import gpu_number
from rightbatch.measure.frameworks.keras.engines.base import Engine, caught_step, loss_of
from rightbatch.measure.frameworks.torch.cuda_device import CudaDevice
from rightbatch.measure.frameworks.torch.out_of_memory import is_out_of_memory
from rightbatch.measure.ports import Device


class TorchEngine(Engine):
    """Runs a model's steps on the device that Keras uses on PyTorch."""

    def __init__(self, threads: int | None, device: str | None, host: Device) -> None:
        if threads is not None:
            torch.set_num_threads(threads)
        place = self._place = _device(device)
        self.device: Device = CudaDevice(place, host) if place.type == "cuda" else host

    def seed(self, seed: int) -> None:
        """Seed Python, NumPy and the backend."""
        super().seed(seed)
        torch.manual_seed(seed)

    def attach(self, model: Any) -> None:
        """Use this model from here on."""
        self._model = model
        compiled = bool(model.jit_compile) and not model.run_eagerly
        self._train = torch.compile(model.train_step) if compiled else model.train_step
        self._test = torch.compile(model.test_step) if compiled else model.test_step

    def place(self, batch: Any) -> Any:
        """The batch as tensors on the device."""
        return keras.tree.map_structure(keras.ops.convert_to_tensor, batch)

    def train(self, batch: Any) -> Any:
        """One update on a batch; its loss."""
        self._model.reset_metrics()  # so that the loss is this batch's
        self._model.train()
        return loss_of(self._train(batch), self._model).detach()

    def gradient(self, batch: Any) -> tuple[Any, list[Any]]:
        """The loss and the gradients of a batch, without an update."""
        model = self._model
        model.reset_metrics()
        model.train()
        logs, gradients = caught_step(model, batch)
        model.zero_grad(set_to_none=True)
        return loss_of(logs, model).detach(), gradients

    def apply(self, gradients: list[Any]) -> None:
        """Update the model with gradients."""
        with torch.no_grad():
            self._model.optimizer.apply(gradients, self._model.trainable_variables)

    def test(self, batches: list[Any]) -> dict[str, float | None]:
        """Metrics of the model's test step over batches; None for one that is several numbers."""
        self._model.eval()
        with torch.no_grad():
            return super().test(batches)

    def save(self) -> Any:
        """A copy of every variable of the model and its optimizer, and of the random state."""
        values = [variable.value.detach().clone() for variable in self._variables()]
        return values, torch.get_rng_state()

    def restore(self, saved: Any) -> None:
        """Restore everything from a copy."""
        values, random_state = saved
        torch.set_rng_state(random_state)
        with torch.no_grad():
            super().restore(values)

    def synchronize(self) -> None:
        """Wait until the device has finished its work."""
        if self._place.type == "cuda":
            torch.cuda.synchronize(self._place)

    def flops(self, batch: Any) -> float | None:
        """Operations of the gradients' matrix products and convolutions."""
        with FlopCounterMode(display=False) as counter:
            self.gradient(batch)
        return float(counter.get_total_flops()) or None

    def is_out_of_memory(self, error: BaseException) -> bool:
        """Whether an exception is PyTorch's out-of-memory error."""
        return is_out_of_memory(error)

    def _sqr_norm(self, gradients: list[Any]) -> float:
        return sum(float(g.pow(2).sum()) for g in gradients if g is not None)


def _device(name: str | None) -> torch.device:
    """The device that Keras uses: of several GPUs, the one named.

    Raises:
        UsageError: There is no such device, or Keras uses another.
    """
    if name is None:
        return keras.ops.zeros(()).device  # type: ignore[no-any-return]
    number = gpu_number(name, "PyTorch", ("cuda",), torch.cuda.device_count())
    wanted = torch.device(name)
    if number is not None and wanted.index is not None:
        torch.cuda.set_device(number)
    used = keras.ops.zeros(()).device  # where Keras places its tensors
    if wanted.type != used.type or wanted.index not in {None, used.index or 0}:
        raise UsageError(
            f"Keras uses {used} on PyTorch here, not {name}; set KERAS_TORCH_DEVICE={name} in the "
            "environment."
        )
    return used  # type: ignore[no-any-return]
