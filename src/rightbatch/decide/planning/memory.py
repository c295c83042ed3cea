"""The memory stage: few trials, a jump to the predicted limit, and a run that verifies it."""

import math

from rightbatch.decide.advice.arms import Situation
from rightbatch.decide.advice.candidates import largest_considered
from rightbatch.decide.advice.evidence import of_kind
from rightbatch.decide.advice.memory import line
from rightbatch.records import MemoryProbe, MemoryResult, Status
from rightbatch.science.memory import largest_within

_MAX_TRIALS = 12
_CLOSE = 1.02
"""The search ends when the largest that ran is within 2% of the smallest that failed."""
_FIRST_JUMP = 4
_STEPS_PER_TRIAL = 4
"""A trial costs about four steps' time: two steps, a validation pass and starting up."""


def next_memory_probe(now: Situation, seconds_left: float, deadline: float) -> MemoryProbe | None:
    """The next micro-batch size to try; None when the search is over.

    Args:
        now: The study so far.
        seconds_left: Time left for the stage, in seconds.
        deadline: Wall-clock limit of the trial, in seconds.
    """
    points: list[tuple[int, int]] = []
    failed: list[int] = []
    step_seconds: dict[int, float] = {}
    for trial, probe in of_kind(now.trials, MemoryProbe):
        if isinstance(trial.result, MemoryResult):
            points.append((probe.batch_size, trial.result.peak_bytes))
            step_seconds[probe.batch_size] = trial.result.step_seconds
        elif trial.outcome.status is Status.OUT_OF_MEMORY:
            failed.append(probe.batch_size)
        else:
            return None  # hung or killed: larger sizes would fare no better
    if len(points) + len(failed) >= _MAX_TRIALS:
        return None
    size = _next_size(now, points, failed)
    if size is None or (step_seconds and seconds_left <= 0):
        return None
    if step_seconds:
        slowest = max(step_seconds)
        per_example = step_seconds[slowest] / slowest
        affordable = int(seconds_left / (_STEPS_PER_TRIAL * per_example))
        if affordable < size:
            size = affordable
            if size < 1.5 * slowest:
                return None
    limit = now.hardware.memory_limit_bytes
    return MemoryProbe(now.optimizers[0].name, size, limit, seconds_limit=deadline)


def _next_size(now: Situation, points: list[tuple[int, int]], failed: list[int]) -> int | None:
    """Where memory alone says to look next."""
    cap = largest_considered(now.facts, now.settings)
    limit = now.hardware.memory_limit_bytes
    ran = max((size for size, _ in points), default=0)
    fails = min(failed, default=cap + 1)
    if ran >= cap or fails <= 1:
        return None
    if not points:
        return min(now.facts.batch_size, cap) if not failed else max(1, fails // 4)
    if fails <= cap and fails <= max(ran + 1, ran * _CLOSE):
        return None
    fitted = line(points)
    guess = _FIRST_JUMP * ran
    if fitted is not None:
        guess = largest_within(limit, fitted.fixed.value, fitted.slope.value) or cap
    if guess <= ran * _CLOSE:  # the predicted limit ran: one trial just above verifies it
        guess = int(ran * _CLOSE)
    elif guess >= fails:
        guess = math.isqrt(ran * fails) if fails <= cap else cap
    return max(ran + 1, min(guess, cap, fails - 1))
