"""Concurrent training runs: how many, and the memory and time of each."""

from collections.abc import Iterable

from rightbatch.decide.stages.memory.fit import memory_fits
from rightbatch.decide.study.situation import Situation
from rightbatch.records import MemoryFit, TrainingProbe


def side_by_side(
    situation: Situation, memories: tuple[MemoryFit, ...]
) -> tuple[int, tuple[MemoryFit, ...]]:
    """How many runs may be under way at once, and what is known of the memory that each has.

    They are as many as the runner can have, or fewer: one example must fit in what each then has,
    with each optimizer and the margin kept free.

    Args:
        situation: The study so far.
        memories: What is known of the whole limit, for each optimizer.
    """
    limits = situation.capacity.memory_bytes
    for parts in range(len(limits), 1, -1):
        of_a_part = memory_fits(situation, limits[parts - 1])
        if all(fit.safe_batch_size for fit in of_a_part):
            return parts, of_a_part
    return 1, memories


def promised_seconds(under_way: Iterable[TrainingProbe]) -> float:
    """Training seconds that runs under way may take, by their limits."""
    return sum(probe.max_seconds for probe in under_way)
