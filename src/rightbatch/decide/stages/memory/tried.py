"""Memory trials, sorted by how they ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from rightbatch.decide.study.evidence import of_kind
from rightbatch.records import MemoryProbe, MemoryResult, Status, Trial
from rightbatch.science.memory import MemoryLine, fit_line, largest_between

CLOSE = 1.04
"""The search ends within 4% of the smallest size that failed, or of the predicted limit."""
LONG_STEPS = 20
"""Steps after which a process's heap has mostly stopped growing."""
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
        enforced_by: What held the limit; empty where no trial noted it.
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
        (trial, probe, trial.result)
        for trial, probe in plain
        if isinstance(trial.result, MemoryResult)
    ]
    seconds = {probe.batch_size: result.step_seconds for _, probe, result in measured}
    slow = set() if device == "cpu" else _slow(seconds)
    ran = {
        trial.number
        for trial, probe, result in measured
        if result.peak_bytes <= limit_bytes
        and trial.outcome.status is not Status.SLOWED
        and probe.batch_size not in slow
    }
    fitting = {probe.batch_size for trial, probe, _ in measured if trial.number in ran}
    long = [(trial, probe.batch_size) for trial, probe in plain if probe.steps >= LONG_STEPS]
    lost = (Status.OUT_OF_MEMORY, Status.SLOWED)
    failed = {
        probe.batch_size
        for trial, probe in plain
        if trial.outcome.status in lost or isinstance(trial.result, MemoryResult)
    }
    points = sorted((p.batch_size, result.peak_bytes, p.steps) for _, p, result in measured)
    return Tried(
        short=tuple((size, peak) for size, peak, steps in points if steps < LONG_STEPS),
        long=tuple((size, peak) for size, peak, steps in points if steps >= LONG_STEPS),
        fitting=tuple(sorted(fitting)),
        failed=tuple(sorted(failed - fitting)),
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
    each = {size: step_seconds[size] / size for size in sorted(step_seconds)}
    least = zip(each, accumulate(each.values(), min), strict=True)
    return {size for size, best in least if each[size] > _SLOWER * best}
