"""A GPU or TPU: which one a name means, and its memory as a backend's allocator reports it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rightbatch.errors import UsageError
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
        reset_peak: () -> None; resets the peak. As a process runs only one trial, a backend that
            cannot reset it still reports that trial's.
        host: The machine it is in.
    """

    name: str
    model: str
    total_bytes: int
    memory: Callable[[], tuple[int, int]]
    reset_peak: Callable[[], None]
    host: Device

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
        return replace(
            self.host.hardware(threads, None),
            device=self.name,
            device_name=self.model,
            memory_bytes=self.total_bytes,
            memory_limit_bytes=self.limit_bytes(requested_limit),
            memory_taken_bytes=0,
            counts_energy=False,
        )

    def utilisation(self) -> float | None:
        """None: no backend reports it."""
        return None


def gpu_number(name: str, backend: str, kinds: Sequence[str], count: int) -> int | None:
    """Which of `count` GPUs a device such as "cuda:1" names; None for the CPU.

    Raises:
        UsageError: It is of none of these kinds, or there is none of that number.
    """
    kind, colon, number = name.partition(":")
    numbers = {str(n): n for n in range(count)}
    number = number if colon else "0"
    if kind == "cpu" and number == "0":
        return None
    if kind in kinds and number in numbers:
        return numbers[number]
    raise no_device(name, backend, [f"{kinds[0]}:{n}" for n in numbers])


def no_device(name: str, backend: str, seen: Sequence[str]) -> UsageError:
    """The error for a device that a backend does not see."""
    return UsageError(
        f"{backend} sees no device {name!r} here; use {' or '.join(['cpu', *seen])}, or leave "
        "`device` out."
    )
