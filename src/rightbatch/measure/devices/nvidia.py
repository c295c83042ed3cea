"""GPUs as NVIDIA's management library sees them."""

from dataclasses import dataclass
from importlib import import_module


@dataclass(frozen=True, slots=True)
class Gpu:
    """Name and memory of a GPU."""

    name: str
    memory_bytes: int


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
            )
            for handle in handles
        ]
    finally:
        nvml.nvmlShutdown()
