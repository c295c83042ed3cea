"""The devices that a step runs on."""

from dataclasses import dataclass


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
