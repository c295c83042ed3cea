"""Which batch sizes and learning rates a study considers."""

from rightbatch.decide.study.evidence import sizes_asked
from rightbatch.records import Settings, WorkloadFacts
from rightbatch.records.prediction import Cap

_SMALLEST = 4
DEFAULT_CAP = 65_536
DEFAULT_TIMES = 16
RATE_OCTAVES = tuple(k / 2 for k in range(-8, 13))
"""Learning rates considered around what the scaling rule proposes, in octaves, half an octave
apart: from a sixteenth of it to 64 times, since users' rates are low more often than high."""


def batch_sizes(facts: WorkloadFacts, settings: Settings) -> tuple[int, ...]:
    """Batch sizes to consider: those asked for, else powers of two and the user's own.

    Powers of two run from 4, or a quarter of the user's size where that is less, to the training
    set (or `max_batch_size`); the full batch stands beside them.
    """
    if settings.batch_sizes:
        return sizes_asked(settings, facts.train_examples)
    largest = largest_considered(facts, settings)
    start = max(1, min(_SMALLEST, facts.batch_size // 4))
    sizes = {min(facts.batch_size, largest), largest}
    size = 1 << (start.bit_length() - 1)
    while size <= largest:
        sizes.add(size)
        size *= 2
    return tuple(sorted(sizes))


def largest_tried(facts: WorkloadFacts, settings: Settings) -> tuple[int, Cap]:
    """The largest micro-batch that the memory stage tries, and why none beyond it.

    Without `max_batch_size` that is 65,536 examples or 16 times the user's batch size: a search on
    a CPU would otherwise go on as long as there is data, in steps that nobody would train with.
    """
    second: tuple[int, Cap] = (settings.max_batch_size or 0, "max_batch_size")
    if settings.max_batch_size is None:
        second = max(DEFAULT_CAP, DEFAULT_TIMES * facts.batch_size), "default_cap"
    first: tuple[int, Cap] = (facts.train_examples, "data_set_size")
    most, why = first if first[0] <= second[0] else second
    return max(settings.multiple_of, most // settings.multiple_of * settings.multiple_of), why


def largest_considered(facts: WorkloadFacts, settings: Settings) -> int:
    """The training set, or the user's `max_batch_size` where that is less."""
    return min(facts.train_examples, settings.max_batch_size or facts.train_examples)
