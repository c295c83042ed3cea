"""Memory trials -> MemoryFit."""

from collections.abc import Sequence

from rightbatch.decide.stages.memory.accumulation import accumulation
from rightbatch.decide.stages.memory.prediction import how_predicted
from rightbatch.decide.stages.memory.tried import CLOSE, Tried, close_to_limit, line, tried
from rightbatch.decide.study.evidence import of_kind, of_optimizer
from rightbatch.decide.study.situation import Situation
from rightbatch.records import MemoryFit, MemoryProbe, PredictProbe, Settings, WorkloadFacts
from rightbatch.records.prediction import Cap
from rightbatch.science.memory import largest_between, peak_between

_BELOW_UNSETTLED = 0.95


def memory_fits(situation: Situation, limit_bytes: int) -> tuple[MemoryFit, ...]:
    """The memory line and the largest micro-batch that ran, for each optimizer in order tried."""
    names = dict.fromkeys(probe.optimizer for _, probe in of_kind(situation.trials, MemoryProbe))
    return tuple(_fit(situation, name, limit_bytes) for name in names)


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


def _fit(situation: Situation, optimizer: str, limit_bytes: int) -> MemoryFit:
    settings = situation.settings
    trials = of_optimizer(situation.trials, optimizer)
    seen = tried(trials, limit_bytes, situation.hardware.device)
    largest = max(seen.fitting, default=None)
    safe = safe_size(seen, limit_bytes, settings)
    fitted = line(seen.points)
    predictions = [trial for trial, _ in of_kind(trials, PredictProbe)]
    return MemoryFit(
        points=seen.points,
        failed=seen.failed,
        bytes_fixed=fitted.fixed if fitted else None,
        bytes_per_example=fitted.slope if fitted else None,
        lack_of_fit=fitted.lack_of_fit if fitted else None,
        limit_bytes=limit_bytes,
        largest_batch_size=largest,
        safe_batch_size=safe,
        margin=settings.margin,
        capped_by=_cap(situation, seen, largest, limit_bytes),
        trials=seen.trials + len(predictions),
        seconds=seen.seconds + sum(trial.wall_seconds for trial in predictions),
        predicted=how_predicted(trials),
        enforced_by=seen.enforced_by,
        accumulation=None
        if settings.inference
        else accumulation(
            safe, seen.accumulated, (1 - settings.margin) * limit_bytes, settings, situation.facts
        ),
        optimizer=optimizer,
        lasted_batch_size=seen.settled or None,
    )


def smallest(fits: Sequence[MemoryFit | None]) -> int:
    """Which of several devices has the least answer: its number, by the safe size first.

    Args:
        fits: One per device, at least one; None where nothing was tried.
    """

    def answer(number: int) -> tuple[int, int]:
        fit = fits[number]
        return (0, 0) if fit is None else (fit.safe_batch_size or 0, fit.largest_batch_size or 0)

    return min(range(len(fits)), key=answer)


def largest_on_all(fits: Sequence[MemoryFit | None]) -> int | None:
    """Largest micro-batch that ran on every one of several devices; None if none did on one."""
    return min(0 if fit is None else fit.largest_batch_size or 0 for fit in fits) or None


def safe_on_all(fits: Sequence[MemoryFit | None]) -> int | None:
    """Largest micro-batch that keeps the margin free on every device; None if none does on one."""
    return min(0 if fit is None else fit.safe_batch_size or 0 for fit in fits) or None


def safe_size(seen: Tried, limit_bytes: int, settings: Settings) -> int | None:
    """Largest micro-batch that keeps the margin free and is no larger than one that ran.

    What a trial of many steps needed more than shorter ones is kept free as well.
    """
    largest = max(seen.fitting, default=None)
    if largest is None:
        return None
    points = [(size, peak) for size, peak in seen.short if size <= largest]
    grown = [peak - peak_between(points, size) for size, peak in seen.long if points]
    allowed = (1 - settings.margin) * limit_bytes - max(grown, default=0.0)
    over = min((size for size, peak in points if peak > allowed), default=largest + 1)
    safe = max((size for size, _ in points if size < over), default=0)
    if safe < largest and len({size for size, _ in points}) > 1:
        within = largest_between(points, allowed)
        safe = min(largest, max(safe, within if within is not None else largest))
    if seen.settled:
        safe = min(safe, seen.settled)
    elif seen.unsettled is not None:
        safe = min(safe, int(_BELOW_UNSETTLED * seen.unsettled))
    return safe // settings.multiple_of * settings.multiple_of or None


def _cap(situation: Situation, seen: Tried, largest: int | None, limit_bytes: int) -> Cap:
    most, why = situation.largest_tried
    if largest is None:
        full = bool(seen.failed)
    elif largest >= most:
        return why
    else:
        next_to = max(CLOSE * largest, largest + situation.settings.multiple_of)
        failed_next = any(largest < size <= next_to for size in seen.failed)
        full = failed_next or close_to_limit(seen.points, largest, limit_bytes)
    if full:
        return "memory"
    return "broken" if seen.broken else "time"


def micro_batch_limit(memory: MemoryFit | None, facts: WorkloadFacts) -> int:
    """Largest micro-batch to use with an optimizer: what is safe, else what ran.

    Where nothing was tried, anything up to the data; where no trial measured it, the batch size
    in use today.
    """
    if memory is None:
        return facts.train_examples
    unknown = 1 if memory.failed else facts.batch_size
    return memory.safe_batch_size or memory.largest_batch_size or unknown
