"""What a runner can execute concurrently."""

from dataclasses import dataclass
from typing import Self


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
