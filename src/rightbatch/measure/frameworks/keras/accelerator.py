"""Memory of a GPU or TPU, as a backend's allocator counts it."""

from collections.abc import Callable
from dataclasses import dataclass

from rightbatch.measure.ports import CUDA_CONTEXT_BYTES, Device, Pressure
from rightbatch.records import Hardware


@dataclass(frozen=True, slots=True)
class Accelerator:
    """A device that a backend keeps the account of.

    Attributes:
        name: What the backend calls it, such as "gpu:0".
        model: What it is.
        total_bytes: Memory that the backend may use of it.
        memory: () -> (bytes in use, highest since the last reset).
        forget: Forgets the highest use; the same process has but one trial, so a backend that
            cannot forget still tells that trial's.
        host: The machine around it.
    """

    name: str
    model: str
    total_bytes: int
    memory: Callable[[], tuple[int, int]]
    forget: Callable[[], None]
    host: Device

    def reset_peak(self) -> None:
        """Forget the peak so far."""
        self.forget()

    def peak_bytes(self) -> int:
        """Highest memory in use since the last reset, in bytes."""
        return self.memory()[1]

    def used_bytes(self) -> int:
        """Memory in use now, in bytes."""
        return self.memory()[0]

    def held_bytes(self) -> int:
        """The context, and twice the peak: pools grow by doubling, and give nothing back."""
        return CUDA_CONTEXT_BYTES + 2 * self.peak_bytes()

    def limit_bytes(self, asked: int | None) -> int:
        """Memory a trial may use: what the backend may, at most `asked`."""
        return self.total_bytes if asked is None else min(asked, self.total_bytes)

    def enforce(self, limit_bytes: int) -> str:
        """Nothing: a backend takes no limit once it runs; the peak is compared with it."""
        return ""

    def energy_joules(self) -> float | None:
        """Nothing: no backend tells it, nor which of NVML's devices this is."""
        return None

    def other_core_seconds(self) -> float:
        """Core-seconds of the host that other processes have used so far."""
        return self.host.other_core_seconds()

    def pressure(self) -> Pressure:
        """The host's swap; the backend counts no spill and no retries."""
        return Pressure(swap_bytes=self.host.pressure().swap_bytes)

    def hardware(self, threads: int, asked_limit: int | None) -> Hardware:
        """The device and the machine around it."""
        host = self.host.hardware(threads, None)
        return Hardware(
            device=self.name,
            device_name=self.model,
            cores=host.cores,
            threads=threads,
            memory_bytes=self.total_bytes,
            memory_limit_bytes=self.limit_bytes(asked_limit),
            platform=host.platform,
            versions=host.versions,
            memory_taken_bytes=0,
        )

    def utilisation(self) -> float | None:
        """Nothing: no backend tells it."""
        return None
