"""GPUs as NVIDIA's management library (NVML) reports them."""

from contextlib import ExitStack, suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU.

    Attributes:
        name: Its name.
        memory_bytes: Its memory.
        counts_energy: Whether it counts the energy it uses (from Volta on).
    """

    name: str
    memory_bytes: int
    counts_energy: bool


def gpus() -> list[Gpu]:
    """Every GPU that reports its name and memory; none without the library or a driver."""
    try:
        nvml = import_module("pynvml")
    except ModuleNotFoundError:
        return []
    with suppress(nvml.NVMLError), ExitStack() as session:
        nvml.nvmlInit()
        session.callback(nvml.nvmlShutdown)
        found = [_gpu(nvml, number) for number in range(nvml.nvmlDeviceGetCount())]
        return [gpu for gpu in found if gpu is not None]
    return []


def _gpu(nvml: Any, number: int) -> Gpu | None:  # noqa: ANN401 - the library has no types
    with suppress(nvml.NVMLError):
        handle = nvml.nvmlDeviceGetHandleByIndex(number)
        return Gpu(
            name=str(nvml.nvmlDeviceGetName(handle)),
            memory_bytes=int(nvml.nvmlDeviceGetMemoryInfo(handle).total),
            counts_energy=_counts_energy(nvml, handle),
        )
    return None


def _counts_energy(nvml: Any, handle: Any) -> bool:  # noqa: ANN401 - the library has no types
    with suppress(nvml.NVMLError):
        nvml.nvmlDeviceGetTotalEnergyConsumption(handle)
        return True
    return False
