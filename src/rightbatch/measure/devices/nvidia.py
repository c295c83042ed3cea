"""GPUs as NVIDIA's management library sees them."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU.

    Attributes:
        name: Its name.
        memory_bytes: Its memory.
        counts_energy: Whether the energy it uses is counted (from Volta on).
    """

    name: str
    memory_bytes: int
    counts_energy: bool


def gpus() -> list[Gpu]:
    """Every GPU; none without the library or a driver."""
    try:
        nvml = import_module("pynvml")
    except ModuleNotFoundError:
        return []
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return []
    try:
        handles = [nvml.nvmlDeviceGetHandleByIndex(i) for i in range(nvml.nvmlDeviceGetCount())]
        return [
            Gpu(
                str(nvml.nvmlDeviceGetName(handle)),
                int(nvml.nvmlDeviceGetMemoryInfo(handle).total),
                _counts_energy(nvml, handle),
            )
            for handle in handles
        ]
    finally:
        nvml.nvmlShutdown()


def _counts_energy(nvml: Any, handle: Any) -> bool:  # noqa: ANN401 - the library has no types
    try:
        nvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except nvml.NVMLError:
        return False
    return True
