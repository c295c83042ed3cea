"""The energy of a CUDA device, as NVIDIA's management library counts it."""

from importlib import import_module

import torch


def energy_joules(device: torch.device) -> float | None:
    """Energy that a GPU has used since its driver was loaded; None where it is not reported.

    GPUs before Volta count none. NVML's errors are classes of a library that may be missing, so
    every exception counts.
    """
    try:
        nvml = import_module("pynvml")
        nvml.nvmlInit()
        name = f"GPU-{torch.cuda.get_device_properties(device).uuid}"
        handle = nvml.nvmlDeviceGetHandleByUUID(name)
        return float(nvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1000
    except Exception:
        return None
