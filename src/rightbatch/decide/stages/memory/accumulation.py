"""A batch size that does not fit, kept by accumulating micro-batches that do."""

import math
from collections.abc import Sequence

from rightbatch.records import Accumulation, Remark, Settings, WorkloadFacts

_EVEN_SHARE = 1.25
"""A few more micro-batches are taken where they then all have the same size."""


def batch_size_to_keep(settings: Settings, facts: WorkloadFacts) -> int:
    """The `batch_size` of the settings, or the user's own without one; at most the training set."""
    return min(settings.batch_size or facts.batch_size, facts.train_examples)


def micro_batches(batch_size: int, most: int, multiple_of: int = 1) -> tuple[int, int]:
    """Micro-batch size and accumulation steps for a batch size.

    As few steps as fit, with even shares; one or up to a quarter more where that divides the batch.

    Args:
        batch_size: Examples per update.
        most: Largest micro-batch, in examples; a multiple of `multiple_of`.
        multiple_of: What the micro-batch size is a multiple of.
    """
    fewest = math.ceil(batch_size / most)
    for steps in range(fewest, max(fewest + 1, math.floor(_EVEN_SHARE * fewest)) + 1):
        if batch_size % steps == 0 and batch_size // steps % multiple_of == 0:
            return batch_size // steps, steps
    micro = min(most, math.ceil(batch_size / fewest / multiple_of) * multiple_of)
    return micro, math.ceil(batch_size / micro)


def accumulation(
    safe: int | None,
    ran: Sequence[tuple[int, int | None]],
    allowed_bytes: float,
    settings: Settings,
    facts: WorkloadFacts,
) -> Accumulation | None:
    """How to keep the requested batch size; None if it fits without accumulation, or nothing fits.

    Args:
        safe: Largest micro-batch that keeps the margin free.
        ran: (micro-batch size, peak bytes) of trials that accumulated; None where one failed.
        allowed_bytes: The limit less the margin.
        settings: The user's settings.
        facts: The workload.
    """
    batch_size = batch_size_to_keep(settings, facts)
    if safe is None or batch_size <= safe:
        return None
    good = [size for size, peak in ran if peak is not None and peak <= allowed_bytes]
    most = next_micro_batch(safe, ran, allowed_bytes) if not good else max(good)
    micro, steps = micro_batches(batch_size, most, settings.multiple_of)
    return Accumulation(
        batch_size,
        micro,
        steps,
        ran=any(micro <= size for size in good),
        caveats=accumulation_caveats(batch_size, micro, facts),
    )


def next_micro_batch(safe: int, ran: Sequence[tuple[int, int | None]], allowed_bytes: float) -> int:
    """Largest micro-batch that may accumulate within the margin, after what was tried.

    Gradients held while the next micro-batch is computed take memory that a step of one
    micro-batch does not need, so what is safe alone may not be.
    """
    most = safe
    for size, peak in ran:
        if peak is None:
            most = min(most, int(0.8 * size))
        elif peak > allowed_bytes:
            most = min(most, int(0.98 * size * allowed_bytes / peak))
    return max(1, most)


def accumulation_caveats(
    batch_size: int, micro_batch_size: int, facts: WorkloadFacts
) -> tuple[Remark, ...]:
    """What must not be averaged naively."""
    found = []
    last, rest = batch_size % micro_batch_size, facts.train_examples % batch_size
    if last:
        found.append(
            Remark.of("uneven_micro_batches", last=last, micro_batch_size=micro_batch_size)
        )
    elif rest:
        found.append(Remark.of("short_last_batch"))
    layers = facts.batch_dependent_layers
    if layers:
        found.append(layers_caveat(facts))
        if micro_batch_size == 1:
            found.append(Remark.of("micro_batches_of_one", layers=layers))
        elif last == 1 or (rest > 1 and rest % micro_batch_size == 1):
            found.append(
                Remark.of("micro_batch_of_one", layers=layers, micro_batch_size=micro_batch_size)
            )
    return tuple(found)


def layers_caveat(facts: WorkloadFacts) -> Remark:
    """What accumulation does to layers that normalise over the batch."""
    return Remark.of("layers_see_micro_batch", layers=facts.batch_dependent_layers)
