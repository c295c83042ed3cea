"""What a runner can carry out at the same time."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many training runs may be under way together, and what memory each of them then has.

    Attributes:
        memory_bytes: At place k - 1 the memory limit of each of k runs, in bytes; at least one.
    """

    memory_bytes: tuple[int, ...]

    @classmethod
    def shared(cls, limit_bytes: int, at_most: int) -> Self:
        """That of one machine, whose memory the runs share equally."""
        return cls(tuple(limit_bytes // runs for runs in range(1, at_most + 1)))
