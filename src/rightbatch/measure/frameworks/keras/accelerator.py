"""Memory of a GPU or TPU, as a backend's allocator reports it."""

from collections.abc import Callable
from dataclasses import dataclass

from rightbatch.measure.ports import CUDA_CONTEXT_BYTES, Device, Pressure
from rightbatch.records import Hardware


@dataclass(frozen=True, slots=True)
class Accelerator:
    """A device whose memory a backend manages.

    Attributes:
        name: The backend's name for it, such as "gpu:0".
        model: Its model.
        total_bytes: Memory that the backend may use on it.
        memory: () -> (bytes in use, peak since the last reset).
        forget: Resets the peak; as a process runs only one trial, a backend that cannot reset it
            still reports that trial's.
        host: The machine it is in.
    """

    name: str
    model: str
    total_bytes: int
    memory: Callable[[], tuple[int, int]]
    forget: Callable[[], None]
    host: Device

    def reset_peak(self) -> None:
        """Reset the peak."""
        self.forget()

    def peak_bytes(self) -> int:
        """Highest memory in use since the last reset, in bytes."""
        return self.memory()[1]

    def used_bytes(self) -> int:
        """Memory currently in use, in bytes."""
        return self.memory()[0]

    def held_bytes(self) -> int:
        """The context and twice the peak: memory pools grow by doubling and never shrink."""
        return CUDA_CONTEXT_BYTES + 2 * self.peak_bytes()

    def limit_bytes(self, requested: int | None) -> int:
        """Memory a trial may use: what the backend may, at most `requested`."""
        return self.total_bytes if requested is None else min(requested, self.total_bytes)

    def enforce(self, limit_bytes: int) -> str:
        """Do nothing: a running backend takes no limit; the peak is compared with it instead."""
        return ""

    def energy_joules(self) -> float | None:
        """None: backends report neither energy nor which of NVML's devices this is."""
        return None

    def other_core_seconds(self) -> float:
        """Core-seconds used so far by other processes on the host."""
        return self.host.other_core_seconds()

    def pressure(self) -> Pressure:
        """The host's swap; backends report neither spill nor retries."""
        return Pressure(swap_bytes=self.host.pressure().swap_bytes)

    def hardware(self, threads: int, requested_limit: int | None) -> Hardware:
        """The device and the machine it is in."""
        host = self.host.hardware(threads, None)
        return Hardware(
            device=self.name,
            device_name=self.model,
            cores=host.cores,
            threads=threads,
            memory_bytes=self.total_bytes,
            memory_limit_bytes=self.limit_bytes(requested_limit),
            platform=host.platform,
            versions=host.versions,
            memory_taken_bytes=0,
        )

    def utilisation(self) -> float | None:
        """None: no backend reports it."""
        return None
