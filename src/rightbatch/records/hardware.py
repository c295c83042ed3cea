"""The machine: its device, the devices of a step, and how many runs it takes at once."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Hardware:
    """The device and machine of a study.

    Attributes:
        device: "cpu", "cuda:0" ...
        device_name: Name of the processor or the GPU.
        cores: Cores this process may use.
        threads: Compute threads that a trial uses.
        memory_bytes: Memory of the device.
        memory_limit_bytes: Memory limit of a trial: the user's, or else what is safely free.
        platform: Operating system and machine, in words.
        versions: Versions of Python and of the framework, as ("name", "version") pairs.
        memory_taken_bytes: Memory of the device held by other processes when the study began.
        counts_energy: Whether the device has an energy counter.
    """

    device: str
    device_name: str
    cores: int
    threads: int
    memory_bytes: int
    memory_limit_bytes: int
    platform: str
    versions: tuple[tuple[str, str], ...] = ()
    memory_taken_bytes: int = 0
    counts_energy: bool = False


@dataclass(frozen=True, slots=True)
class Placement:
    """The devices that share a batch.

    Attributes:
        device: Their kind, "cpu", "cuda" ...; empty for the executing machine's own.
        devices: Number of devices on each node.
        nodes: Number of machines.
    """

    device: str = ""
    devices: int = 1
    nodes: int = 1


ONE_DEVICE = Placement()
"""One device of the executing machine."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many training runs may be concurrent, and the memory limit of each.

    Attributes:
        memory_bytes: At index k - 1, the memory limit of each of k concurrent runs, in bytes; at
            least one entry.
    """

    memory_bytes: tuple[int, ...]

    @classmethod
    def shared(cls, limit_bytes: int, at_most: int) -> Self:
        """The capacity of one machine whose memory is shared equally between runs."""
        return cls(tuple(limit_bytes // runs for runs in range(1, at_most + 1)))
