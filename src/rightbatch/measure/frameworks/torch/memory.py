"""Out-of-memory errors of PyTorch, and the memory of a CUDA device."""

import re

import torch

from rightbatch.measure.ports import Device
from rightbatch.records import Hardware

_SPELLINGS = re.compile(
    r"DefaultCPUAllocator: (can't allocate|not enough) memory"
    r"|(CUDA|HIP)( driver)? error: out of memory"
    r"|(CUDA|HIP|XPU|MPS backend) out of memory"
    r"|(CUBLAS|CUDNN|HIPBLAS)_STATUS_ALLOC_FAILED"
    r"|\bstd::bad_alloc\b"
    r"|Cannot allocate memory"
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception is PyTorch's way to say that memory ran out: by type, then by text."""
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError | OSError) and bool(_SPELLINGS.search(str(error)))


class CudaDevice:
    """A CUDA device as PyTorch's allocator and the driver see it.

    The peak is reserved memory: what the allocator holds, not only what tensors fill, because
    that is what the next process cannot have.
    """

    def __init__(self, device: torch.device, host: Device) -> None:
        self._device = device
        self._host = host

    def reset_peak(self) -> None:
        """Forget the peak so far, and give cached blocks back."""
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(self._device)

    def peak_bytes(self) -> int:
        """Highest reserved memory since the last reset, in bytes."""
        return torch.cuda.max_memory_reserved(self._device)

    def used_bytes(self) -> int:
        """Reserved memory now, in bytes."""
        return torch.cuda.memory_reserved(self._device)

    def limit_bytes(self, asked: int | None) -> int:
        """Memory a trial may use: free now and held by this process, at most `asked`."""
        free, _ = torch.cuda.mem_get_info(self._device)
        available = free + torch.cuda.memory_reserved(self._device)
        return available if asked is None else min(asked, available)

    def enforce(self, limit_bytes: int) -> None:
        """Make the allocator refuse to hold more than a limit."""
        _, total = torch.cuda.mem_get_info(self._device)
        torch.cuda.set_per_process_memory_fraction(min(1.0, limit_bytes / total), self._device)

    def hardware(self, threads: int, asked_limit: int | None) -> Hardware:
        """The GPU and the machine around it."""
        host = self._host.hardware(threads, None)
        _, total = torch.cuda.mem_get_info(self._device)
        return Hardware(
            device=str(self._device),
            device_name=torch.cuda.get_device_name(self._device),
            cores=host.cores,
            threads=threads,
            memory_bytes=total,
            memory_limit_bytes=self.limit_bytes(asked_limit),
            platform=host.platform,
            versions=host.versions,
        )

    def utilisation(self) -> float | None:
        """Share of the last sample period in which a kernel ran (NVML); None where it is not told.

        NVML's errors are classes of a library that may be missing, so every exception counts.
        """
        try:
            return torch.cuda.utilization(self._device) / 100
        except Exception:
            return None
