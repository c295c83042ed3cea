"""Training runs beside each other: how many, and what each may have of memory and of time."""

from collections.abc import Iterable

from rightbatch.decide.advice.arms import Situation
from rightbatch.decide.advice.memory import fit_memory
from rightbatch.records import MemoryFit, TrainingProbe


def side_by_side(now: Situation, memory: MemoryFit | None) -> tuple[int, MemoryFit | None]:
    """How many runs may be under way at once, and what is known of the memory that each has.

    They are as many as the user asked for, or fewer: each has an equal part of the memory limit,
    and one example must fit in that with the margin kept free.

    Args:
        now: The study so far.
        memory: What is known of the whole limit.
    """
    for parts in range(now.settings.workers, 1, -1):
        limit = now.hardware.memory_limit_bytes // parts
        of_a_part = fit_memory(now.trials, now.settings, now.facts, now.hardware, limit)
        if of_a_part is None or of_a_part.safe_batch_size:
            return parts, of_a_part
    return 1, memory


def promised_seconds(under_way: Iterable[TrainingProbe]) -> float:
    """Training seconds that runs under way may take, by their limits."""
    return sum(probe.max_seconds for probe in under_way)
