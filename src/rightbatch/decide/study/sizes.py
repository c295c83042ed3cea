"""The batch sizes and learning rates that a study considers."""

from rightbatch.records import Settings, WorkloadFacts
from rightbatch.records.prediction import Cap

_SMALLEST = 4
DEFAULT_CAP = 65_536
DEFAULT_TIMES = 16
RATE_OCTAVES = tuple(k / 2 for k in range(-8, 13))
"""Learning rates considered, in octaves from what the scaling rule proposes, half an octave apart:
from 1/16 to 64 times it, as users' learning rates are more often too low than too high."""


def batch_sizes(facts: WorkloadFacts, settings: Settings) -> tuple[int, ...]:
    """The batch sizes to consider, ascending.

    These are the `batch_sizes` of the settings, where 0 means the full training set. Without any,
    they are the user's own, the largest allowed, and the powers of two from 4 (or a quarter of the
    user's own, if smaller) to the largest allowed.
    """
    if settings.batch_sizes:
        most = facts.train_examples
        return tuple(sorted({min(size or most, most) for size in settings.batch_sizes}))
    largest = largest_considered(facts, settings)
    start = max(1, min(_SMALLEST, facts.batch_size // 4))
    sizes = {min(facts.batch_size, largest), largest}
    size = 1 << (start.bit_length() - 1)
    while size <= largest:
        sizes.add(size)
        size *= 2
    return tuple(sorted(sizes))


def largest_tried(facts: WorkloadFacts, settings: Settings) -> tuple[int, Cap]:
    """The largest micro-batch that the memory stage tries, and what limits it.

    Without `max_batch_size` it is 65,536 examples or 16 times the user's batch size, whichever is
    more: on a CPU the search would otherwise continue to the whole training set, far beyond any
    batch size used in practice.
    """
    second: tuple[int, Cap] = (settings.max_batch_size or 0, "max_batch_size")
    if settings.max_batch_size is None:
        second = max(DEFAULT_CAP, DEFAULT_TIMES * facts.batch_size), "default_cap"
    first: tuple[int, Cap] = (facts.train_examples, "data_set_size")
    most, why = first if first[0] <= second[0] else second
    return max(settings.multiple_of, most // settings.multiple_of * settings.multiple_of), why


def largest_considered(facts: WorkloadFacts, settings: Settings) -> int:
    """The largest batch size considered: the training set, or `max_batch_size` if smaller."""
    return min(facts.train_examples, settings.max_batch_size or facts.train_examples)
