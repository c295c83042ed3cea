"""The memory stage: few trials, a jump to the predicted limit, and a run that verifies it.

Optimizers have their turns one after the other. What an example takes is the same with each, so a
later one jumps to where the sizes of the first, moved by what its state takes, meet the limit.
"""

import math

from rightbatch.decide.stages.memory.accumulation import (
    batch_size_to_keep,
    micro_batches,
    next_micro_batch,
)
from rightbatch.decide.stages.memory.fit import safe_size
from rightbatch.decide.stages.memory.prediction import (
    Points,
    next_prediction,
    predicted_size,
    size_by_another,
    steepest,
)
from rightbatch.decide.stages.memory.tried import (
    CLOSE,
    LONG_STEPS,
    Tried,
    close_to_limit,
    line,
    tried,
)
from rightbatch.decide.study.evidence import wall_seconds
from rightbatch.decide.study.situation import Situation
from rightbatch.records import MemoryProbe, PredictProbe
from rightbatch.science.memory import largest_between

_MAX_TRIALS = 12
_MAX_ACCUMULATED = 3
_FIRST_JUMP = 4
_FREE_SHARE = 0.5
"""The second trial takes about half of what the first one left free."""
_SURE_SHARE = 0.9
"""Of what the steepest growth leaves room for, after a larger step has failed."""
_FAR = 1.5
"""A prediction from sizes that many times smaller is rough."""
_REACH = 6
"""Predict no further than this many times the bytes between the smallest trial and the largest, be
it above the limit: at small sizes what the allocator keeps hides how memory grows."""
_AIM = 0.985
"""Aim this close below the predicted limit: a trial that runs tells more than one that fails."""
_AIM_FROM_FAR = 0.8
"""The same where the prediction comes from sizes far smaller."""
_NEXT_TO = 1.02
_STEP_DOWN = 0.04
"""Below a size that failed although it was predicted to fit; doubled with each one that does."""
_STEPS_ALONE = 4
"""A heap goes on growing for some steps before blocks of all sizes are found again in it."""
_STEPS_AMONG_OTHERS = 2
"""What a study with other stages can afford."""
_FULL = 0.85
"""A share of the limit below which a heap that grows is no danger."""
_MORE_STEPS = 3
"""A trial costs about so many steps' time more: a short one, a validation pass, starting up."""


def next_memory_probe(
    situation: Situation, seconds_left: float, deadline: float
) -> MemoryProbe | PredictProbe | None:
    """The next micro-batch size to try, or a prediction first; None when the search is over.

    Each optimizer has an equal part of the time that those before it left, and one trial at least;
    one whose successor has begun is done with. SGD, which keeps the least state, is last.

    Args:
        situation: The study so far.
        seconds_left: Time left for the stage, in seconds.
        deadline: Wall-clock limit of the trial, in seconds.
    """
    sgd_last = sorted(situation.optimizers, key=lambda optimizer: optimizer.rule == "linear")
    turns = [situation.alone(optimizer) for optimizer in sgd_last]
    before: list[Tried] = []
    for number, own in enumerate(turns):
        later = turns[number + 1 :]
        seen = tried(own.trials, situation.hardware.memory_limit_bytes, situation.hardware.device)
        if not any(other.trials for other in later):
            seconds = seconds_left + wall_seconds(own.trials)
            kept_for_others = seconds * len(later) / (1 + len(later))
            probe = _next_of_one(own, seen, before, seconds_left - kept_for_others, deadline)
            if probe is not None:
                return probe
        before.append(seen)
    return None


def _next_of_one(
    situation: Situation, seen: Tried, before: list[Tried], seconds_left: float, deadline: float
) -> MemoryProbe | PredictProbe | None:
    """The same for a study of one optimizer.

    Args:
        situation: The study of the one.
        seen: Its memory trials.
        before: Those of the optimizers that had their turns.
        seconds_left: Time left for this one, in seconds.
        deadline: Wall-clock limit of the trial, in seconds.
    """
    broken = seen.broken or (seen.trials > 0 and any(other.broken for other in before))
    if broken or seen.trials >= _MAX_TRIALS or (seen.step_seconds and seconds_left <= 0):
        return None
    another = next((other.points for other in before if line(other.points) is not None), ())
    ahead = None if another else next_prediction(situation, seen, seconds_left, deadline)
    if ahead is not None:
        return ahead
    alone = situation.settings.stages == ("memory",)
    steps = _STEPS_ALONE if alone else _STEPS_AMONG_OTHERS
    size = None if seen.accumulated else _next_size(situation, seen, another)
    size = _affordable(size, seen, seconds_left, steps)
    if size is not None:
        return _probe(situation, size, steps, deadline)
    size = _to_settle(situation, seen, seconds_left) if alone else None
    if size is not None:
        return _probe(situation, size, LONG_STEPS, deadline)
    size = None if situation.settings.inference else _accumulating(situation, seen)
    if size is None or _seconds(seen, size, 2 * steps) > seconds_left:
        return None
    return _probe(situation, size, steps, deadline, accumulation_steps=2)


def _probe(
    situation: Situation, size: int, steps: int, deadline: float, accumulation_steps: int = 1
) -> MemoryProbe:
    return MemoryProbe(
        optimizer=situation.optimizers[0].name,
        batch_size=size,
        limit_bytes=situation.hardware.memory_limit_bytes,
        steps=steps,
        seconds_limit=deadline,
        accumulation_steps=accumulation_steps,
        inference=situation.settings.inference,
    )


def _affordable(size: int | None, seen: Tried, seconds_left: float, steps: int) -> int | None:
    """The size, or the largest there is time for; None where that tells nothing new."""
    if size is None or not seen.step_seconds:
        return size
    affordable = min(size, int(size * seconds_left / _seconds(seen, size, steps)))
    news = affordable == size or affordable >= 1.5 * max(seen.step_seconds)
    return affordable if news else None


def _seconds(seen: Tried, size: int, steps: int) -> float:
    """Seconds that a trial of so many steps is expected to take, by the largest that was timed."""
    slowest = max(seen.step_seconds)
    return (steps + _MORE_STEPS) * seen.step_seconds[slowest] / slowest * size


def _next_size(situation: Situation, seen: Tried, another: Points) -> int | None:
    """Where memory alone says to look next, on the grid of sizes asked for."""
    unit = situation.settings.multiple_of
    cap, _ = situation.largest_tried
    ran = max(seen.fitting, default=0)
    fails = min((size for size in seen.failed if size > ran), default=cap + unit)
    if fails <= unit:
        return None
    if not ran:
        first = fails // 4 if seen.failed else min(situation.facts.batch_size, cap)
        return max(unit, first // unit * unit)
    limit = situation.hardware.memory_limit_bytes
    bracketed = fails <= max(ran + unit, CLOSE * ran)
    close = close_to_limit(seen.points, ran, limit)
    if bracketed and not close and situation.hardware.device == "cpu":
        doubtful = min(_in_doubt(seen, ran, fails, limit), cap) // unit * unit
        if doubtful > ran:
            return doubtful
    if ran >= cap or close or bracketed:
        return _below(situation, seen, ran, unit)
    guess = (
        predicted_size(situation, seen, ran, cap)
        or size_by_another(situation, seen, another, ran, cap)
        or _guess(situation, seen, ran, cap)
    )
    if guess >= fails:
        guess = _below_failure(seen, ran, fails) if fails <= cap else cap
    size = min(guess, cap, fails - unit) // unit * unit
    return max(ran + unit, size)


def _in_doubt(seen: Tried, ran: int, fails: int, limit: int) -> int:
    """A size to try where a near one failed although measured sizes leave room for it.

    What a heap holds differs from process to process: the failure may be chance. Half way to it, or
    once beyond where that is next to the largest that ran; 0 where neither is of use.
    """
    several = len({size for size, _ in seen.points}) > 1
    most = largest_between(seen.points, limit) if several else None
    if most is None:
        return 0
    if fails > _NEXT_TO * ran:
        return (ran + fails) // 2
    alone = sum(1 for size in seen.failed if ran < size <= _FAR * ran) == 1
    return int(_AIM * most) if alone else 0


def _below(situation: Situation, seen: Tried, ran: int, unit: int) -> int | None:
    """Somewhat below the largest, where nothing tells yet what keeps the margin."""
    safe = safe_size(seen, situation.hardware.memory_limit_bytes, situation.settings)
    if ran <= unit or safe is not None:
        return None
    size = max(unit, int(_SURE_SHARE * min(seen.fitting)) // unit * unit)
    return size if size not in seen.fitting else None


def _guess(situation: Situation, seen: Tried, ran: int, cap: int) -> int:
    """The predicted limit, or on the way to it where the sizes so far tell little of it."""
    if len(seen.points) == 1:
        return _from_one_point(situation, seen)
    low, high = seen.points[0][1], max(peak for _, peak in seen.points)
    within_reach = min(situation.hardware.memory_limit_bytes, high + _REACH * (high - low))
    most = largest_between(seen.points, within_reach)
    if most is None:
        return cap
    share = _AIM_FROM_FAR if most > _FAR * ran else _AIM
    return max(int(share * most), math.ceil(CLOSE * ran))


def _from_one_point(situation: Situation, seen: Tried) -> int:
    """A large step where only one size is known, by the steepest growth that it allows."""
    (size, peak), limit = seen.points[0], situation.hardware.memory_limit_bytes
    room = max(limit - peak, 0) / steepest(seen)
    if any(failed > size for failed in seen.failed):
        return int(size + _SURE_SHARE * room)
    return int(max(_FIRST_JUMP * size, size + _FREE_SHARE * room))


def _below_failure(seen: Tried, ran: int, fails: int) -> int:
    """Below a size that was predicted to fit and did not.

    Half way in octaves where the prediction came from far; else gallop down from the failure.
    """
    half_way = math.isqrt(ran * fails)
    if fails > _FAR * ran:
        return half_way
    misses = sum(1 for size in seen.failed if ran < size <= _FAR * ran)
    return max(half_way, int(fails * (1 - _STEP_DOWN * 2 ** (misses - 1))))


def _to_settle(situation: Situation, seen: Tried, seconds_left: float) -> int | None:
    """The safe size, until one at least as large ran for many steps; None where there is room."""
    limit = situation.hardware.memory_limit_bytes
    safe = safe_size(seen, limit, situation.settings)
    if safe is None or seen.settled >= safe or seen.accumulated:
        return None
    if not any(size >= safe and peak > _FULL * limit for size, peak in seen.points):
        return None
    return safe if _seconds(seen, safe, LONG_STEPS) <= seconds_left else None


def _accumulating(situation: Situation, seen: Tried) -> int | None:
    """The micro-batch that is to keep the batch size asked for, until it ran inside the margin."""
    limit = situation.hardware.memory_limit_bytes
    allowed = (1 - situation.settings.margin) * limit
    safe = safe_size(seen, limit, situation.settings)
    keep = batch_size_to_keep(situation.settings, situation.facts)
    if safe is None or keep <= safe or len(seen.accumulated) >= _MAX_ACCUMULATED:
        return None
    if any(peak is not None and peak <= allowed for _, peak in seen.accumulated):
        return None
    most = next_micro_batch(safe, seen.accumulated, allowed)
    unit = situation.settings.multiple_of
    micro, _ = micro_batches(keep, max(unit, most // unit * unit), unit)
    return micro if 2 * micro <= situation.facts.train_examples else None
