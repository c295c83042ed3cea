"""The memory of a CUDA device."""

from importlib import import_module

import torch

from rightbatch.measure.ports import CUDA_CONTEXT_BYTES, Device, Pressure
from rightbatch.records import Hardware

_NEARLY_ALL = 0.9
_SMALL_SHARE = 1 / 16
"""Share of a device's memory that a paused process may keep cached."""


class CudaDevice:
    """A CUDA device as PyTorch's allocator and the driver report it.

    The peak is reserved memory: all that the allocator holds, not only what tensors use, because
    no other process can have it.
    """

    def __init__(self, device: torch.device, host: Device) -> None:
        self._device = device
        self._host = host
        _, self._total = torch.cuda.mem_get_info(device)
        self._available = self.limit_bytes(None)
        self._limit = self._available

    def reset_peak(self) -> None:
        """Reset the peak, and release cached blocks."""
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(self._device)

    def peak_bytes(self) -> int:
        """Highest reserved memory since the last reset, in bytes."""
        return torch.cuda.max_memory_reserved(self._device)

    def used_bytes(self) -> int:
        """Current reserved memory, in bytes."""
        return torch.cuda.memory_reserved(self._device)

    def held_bytes(self) -> int:
        """The context and reserved memory, in bytes.

        Cached blocks are released only where they are large, as allocating them again takes time.
        """
        if self.used_bytes() > _SMALL_SHARE * self._total:
            torch.cuda.empty_cache()
        return CUDA_CONTEXT_BYTES + self.used_bytes()

    def limit_bytes(self, requested: int | None) -> int:
        """Memory a trial may use: free or held by this process, at most `requested`."""
        free, _ = torch.cuda.mem_get_info(self._device)
        available = free + self.used_bytes()
        return available if requested is None else min(requested, available)

    def enforce(self, limit_bytes: int) -> str:
        """Make the allocator refuse to hold more than a limit."""
        self._limit = limit_bytes
        torch.cuda.set_per_process_memory_fraction(
            min(1.0, limit_bytes / self._total), self._device
        )
        return "allocator"

    def is_short(self) -> bool:
        """Whether the allocator came near its limit, or little of the initial free memory is left.

        False for a device that has failed and reports nothing.
        """
        try:
            free, _ = torch.cuda.mem_get_info(self._device)
        except RuntimeError:
            return False
        little = (1 - _NEARLY_ALL) * self._available
        return free < little or self.peak_bytes() > _NEARLY_ALL * self._limit

    def energy_joules(self) -> float | None:
        """Energy of the device since its driver was loaded (NVML); None where not reported.

        GPUs before Volta count none. NVML's errors are classes of a library that may be missing, so
        every exception is caught.
        """
        try:
            nvml = import_module("pynvml")
            nvml.nvmlInit()
            name = f"GPU-{torch.cuda.get_device_properties(self._device).uuid}"
            handle = nvml.nvmlDeviceGetHandleByUUID(name)
            return float(nvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1000
        except Exception:
            return None

    def other_core_seconds(self) -> float:
        """Core-seconds used so far by other processes on the host."""
        return self._host.other_core_seconds()

    def pressure(self) -> Pressure:
        """The host's swap, memory held beyond what was free, and the allocator's retries.

        A driver that spills lets a process hold more than was free on the device; CUDA has no
        counter for it.
        """
        retries = torch.cuda.memory_stats(self._device).get("num_alloc_retries", 0)
        return Pressure(
            swap_bytes=self._host.pressure().swap_bytes,
            spilled_bytes=max(0, self.used_bytes() - self._available),
            allocator_retries=int(retries),
        )

    def hardware(self, threads: int, requested_limit: int | None) -> Hardware:
        """The GPU and the machine it is in."""
        host = self._host.hardware(threads, None)
        return Hardware(
            device=str(self._device),
            device_name=torch.cuda.get_device_name(self._device),
            cores=host.cores,
            threads=threads,
            memory_bytes=self._total,
            memory_limit_bytes=self.limit_bytes(requested_limit),
            platform=host.platform,
            versions=host.versions,
            memory_taken_bytes=self._total - self.limit_bytes(None),
            counts_energy=self.energy_joules() is not None,
        )

    def utilisation(self) -> float | None:
        """Share of the last sample period in which a kernel ran (NVML); None where not reported.

        NVML's errors are classes of a library that may be missing, so every exception is caught.
        """
        try:
            return torch.cuda.utilization(self._device) / 100
        except Exception:
            return None
