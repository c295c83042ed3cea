"""On what, and on how many of it, a step is taken."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Placement:
    """The devices that share a batch.

    Attributes:
        device: Their kind, "cpu", "cuda" ...; empty for that of the machine that carries it out.
        devices: How many on each node.
        nodes: Machines.
    """

    device: str = ""
    devices: int = 1
    nodes: int = 1

    @property
    def replicas(self) -> int:
        """Copies of the model that take a step together."""
        return self.devices * self.nodes


ONE_DEVICE = Placement()
"""One device of the machine that carries it out."""
