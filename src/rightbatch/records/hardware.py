"""The machine a study ran on."""

from dataclasses import dataclass


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
