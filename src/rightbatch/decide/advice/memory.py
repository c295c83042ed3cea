"""Memory trials -> MemoryFit."""

from collections.abc import Sequence
from dataclasses import dataclass

from rightbatch.decide.advice.accumulation import accumulation
from rightbatch.decide.advice.candidates import largest_tried
from rightbatch.decide.advice.evidence import of_kind, of_optimizer
from rightbatch.decide.advice.prediction import how_predicted
from rightbatch.records import (
    Hardware,
    MemoryFit,
    MemoryProbe,
    MemoryResult,
    PredictProbe,
    Settings,
    Status,
    Trial,
    WorkloadFacts,
)
from rightbatch.records.fits import Cap
from rightbatch.science.memory import MemoryLine, fit_line, largest_between, peak_between

CLOSE = 1.04
"""The search ends within 4% of the smallest size that failed, or of the predicted limit."""
LONG_STEPS = 20
"""Steps after which a process's heap has mostly stopped growing."""
_BELOW_UNSETTLED = 0.95
_SLOWER = 3.0
"""Time per example, over the best of the smaller sizes, that means memory from elsewhere."""


@dataclass(frozen=True, slots=True)
class Tried:
    """Memory trials, sorted by how they ended.

    Attributes:
        short: (micro-batch size, peak bytes) of trials of few steps.
        long: Those of many.
        fitting: Sizes that ran inside the limit at full speed.
        failed: Sizes that did not.
        settled: Largest size that ran for many steps; 0 where none did.
        unsettled: Smallest size that did not last so long; None where all did.
        step_seconds: Step times of sizes that ran, by size.
        broken: Whether a trial hung or was killed: larger sizes would fare no better.
        accumulated: (micro-batch size, peak bytes) of trials that accumulated; no bytes where it
            failed.
        trials: How many there were.
        seconds: Wall-clock time they took.
        baseline_bytes: Memory before the first step of the first trial that ran; 0 for none.
        enforced_by: What held the limit; empty where no trial told.
    """

    short: tuple[tuple[int, int], ...]
    long: tuple[tuple[int, int], ...]
    fitting: tuple[int, ...]
    failed: tuple[int, ...]
    settled: int
    unsettled: int | None
    step_seconds: dict[int, float]
    broken: bool
    accumulated: tuple[tuple[int, int | None], ...]
    trials: int
    seconds: float
    baseline_bytes: int
    enforced_by: str

    @property
    def points(self) -> tuple[tuple[int, int], ...]:
        """All that was measured, by size."""
        return tuple(sorted((*self.short, *self.long)))


def line(points: Sequence[tuple[int, int]]) -> MemoryLine | None:
    """bytes(B) through measured points; None with fewer than two sizes."""
    if len({size for size, _ in points}) < 2:
        return None
    return fit_line([size for size, _ in points], [peak for _, peak in points])


def tried(trials: Sequence[Trial], limit_bytes: int, device: str) -> Tried:
    """The memory trials of an optimizer.

    A trial counts as failed under a smaller limit than its own where its peak passes it.

    Args:
        trials: Its trials, of any kind.
        limit_bytes: Memory a trial may use.
        device: "cpu", "cuda:0" ...; on a GPU a step that is much slower than smaller ones says
            that its driver takes memory from elsewhere.
    """
    memory = list(of_kind(trials, MemoryProbe))
    plain = [(trial, probe) for trial, probe in memory if probe.accumulation_steps == 1]
    measured = [
        (trial, probe.batch_size, trial.result)
        for trial, probe in plain
        if isinstance(trial.result, MemoryResult)
    ]
    seconds = {size: result.step_seconds for _, size, result in measured}
    slow = set() if device == "cpu" else _slow(seconds)
    ran = {
        trial.number
        for trial, size, result in measured
        if result.peak_bytes <= limit_bytes
        and trial.outcome.status is not Status.SLOWED
        and size not in slow
    }
    fitting = [size for trial, size, _ in measured if trial.number in ran]
    long = [(trial, probe.batch_size) for trial, probe in plain if probe.steps >= LONG_STEPS]
    lost = (Status.OUT_OF_MEMORY, Status.SLOWED)
    failed = {probe.batch_size for trial, probe in plain if trial.outcome.status in lost}
    failed |= {size for _, size, _ in measured}
    longs = {trial.number for trial, _ in long}
    return Tried(
        short=tuple(sorted((b, r.peak_bytes) for t, b, r in measured if t.number not in longs)),
        long=tuple(sorted((b, r.peak_bytes) for t, b, r in measured if t.number in longs)),
        fitting=tuple(sorted(set(fitting))),
        failed=tuple(sorted(failed - set(fitting))),
        settled=max((size for trial, size in long if trial.number in ran), default=0),
        unsettled=min((size for trial, size in long if trial.number not in ran), default=None),
        step_seconds=seconds,
        broken=any(t.outcome.status in (Status.HUNG, Status.KILLED) for t, _ in memory),
        accumulated=tuple(
            (probe.batch_size, _peak_if_it_ran(trial, limit_bytes))
            for trial, probe in memory
            if probe.accumulation_steps > 1
        ),
        trials=len(memory),
        seconds=sum(trial.wall_seconds for trial, _ in memory),
        baseline_bytes=next((result.baseline_bytes for _, _, result in measured), 0),
        enforced_by=next((result.enforced_by for _, _, result in measured), ""),
    )


def fit_memories(
    trials: Sequence[Trial],
    settings: Settings,
    facts: WorkloadFacts,
    hardware: Hardware,
    limit_bytes: int,
) -> tuple[MemoryFit, ...]:
    """The memory line and the largest micro-batch that ran, for each optimizer in order tried."""
    names = dict.fromkeys(probe.optimizer for _, probe in of_kind(trials, MemoryProbe))
    return tuple(_fit(trials, name, settings, facts, hardware, limit_bytes) for name in names)


def _fit(
    trials: Sequence[Trial],
    optimizer: str,
    settings: Settings,
    facts: WorkloadFacts,
    hardware: Hardware,
    limit_bytes: int,
) -> MemoryFit:
    trials = of_optimizer(trials, optimizer)
    seen = tried(trials, limit_bytes, hardware.device)
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
        capped_by=_cap(seen, largest, limit_bytes, settings, facts),
        trials=seen.trials + len(predictions),
        seconds=seen.seconds + sum(trial.wall_seconds for trial in predictions),
        predicted=how_predicted(trials),
        enforced_by=seen.enforced_by,
        accumulation=None
        if settings.inference
        else accumulation(
            safe, seen.accumulated, (1 - settings.margin) * limit_bytes, settings, facts
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
    """Largest micro-batch that ran on several devices; None where nothing did on one of them."""
    return min((fit and fit.largest_batch_size) or 0 for fit in fits) or None


def safe_size(seen: Tried, limit_bytes: int, settings: Settings) -> int | None:
    """Largest micro-batch that keeps the margin free and is no larger than one that ran.

    What a trial of many steps needed more than shorter ones is kept free as well.
    """
    largest = max(seen.fitting, default=None)
    if largest is None:
        return None
    points = [(size, peak) for size, peak in seen.short if size <= largest]
    allowed = (1 - settings.margin) * limit_bytes - _growth(points, seen.long)
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


def _growth(short: Sequence[tuple[int, int]], long: Sequence[tuple[int, int]]) -> float:
    """Bytes that trials of many steps needed more than short ones let expect."""
    if not short:
        return 0.0
    return max((peak - peak_between(short, size) for size, peak in long), default=0.0)


def close_to_limit(points: Sequence[tuple[int, int]], largest: int, limit_bytes: int) -> bool:
    """Whether the largest size that ran is within 4% of what the limit is predicted to hold."""
    if len({size for size, _ in points}) < 2:
        return False
    most = largest_between(points, limit_bytes)
    return most is not None and most <= CLOSE * largest


def _peak_if_it_ran(trial: Trial, limit_bytes: int) -> int | None:
    result = trial.result
    if not isinstance(result, MemoryResult) or trial.outcome.status is not Status.OK:
        return None
    return result.peak_bytes if result.peak_bytes <= limit_bytes else None


def _slow(step_seconds: dict[int, float]) -> set[int]:
    """Sizes whose time per example is far above the best of the smaller ones."""
    slow, best = set(), float("inf")
    for size in sorted(step_seconds):
        each = step_seconds[size] / size
        if each > _SLOWER * best:
            slow.add(size)
        best = min(best, each)
    return slow


def _cap(
    seen: Tried, largest: int | None, limit_bytes: int, settings: Settings, facts: WorkloadFacts
) -> Cap:
    if largest is None:
        return "memory" if seen.failed else _stopped_by(seen)
    most, why = largest_tried(facts, settings)
    if largest >= most:
        return why
    unit = settings.multiple_of
    failed_next = any(
        largest < size <= max(CLOSE * largest, largest + unit) for size in seen.failed
    )
    if failed_next or close_to_limit(seen.points, largest, limit_bytes):
        return "memory"
    return _stopped_by(seen)


def _stopped_by(seen: Tried) -> Cap:
    return "broken" if seen.broken else "time"
