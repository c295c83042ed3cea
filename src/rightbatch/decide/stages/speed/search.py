"""The speed stage: a probe per optimizer over all sizes that fit, again over fewer if it failed."""

from rightbatch.decide.stages.memory.fit import micro_batch_limit
from rightbatch.decide.study.evidence import of_kind
from rightbatch.decide.study.situation import Situation
from rightbatch.records import Fits, SpeedProbe, Status, Trial


def next_speed_probe(
    situation: Situation, fits: Fits, seconds: float, deadline: float
) -> SpeedProbe | None:
    """Time every size that needs no accumulation; None when each optimizer has had its turn.

    Args:
        situation: The study so far.
        fits: Of the stages before, which tell the largest micro-batch of each optimizer.
        seconds: Time to spend measuring, in seconds; shared by optimizers that were not timed yet.
        deadline: Wall-clock limit of the trial, in seconds.
    """
    before: dict[str, list[tuple[Trial, SpeedProbe]]] = {o.name: [] for o in situation.optimizers}
    for trial, probe in of_kind(situation.trials, SpeedProbe):
        before.setdefault(probe.optimizer, []).append((trial, probe))
    due = [o.name for o in situation.optimizers if not _over(before[o.name])]
    if not due:
        return None
    name = due[0]
    micro = micro_batch_limit(fits.memory_of(name), situation.facts)
    largest = max(1, _last_size(before[name]) // 4) if before[name] else micro
    micro = min(micro, largest)
    sizes = tuple(size for size in situation.sizes if size <= largest) or (
        min(largest, situation.sizes[0]),
    )
    return SpeedProbe(name, sizes, micro, seconds / len(due), seconds_limit=deadline)


def _over(before: list[tuple[Trial, SpeedProbe]]) -> bool:
    """Whether an optimizer was timed, or that has failed twice, or with single examples.

    Where memory fell short smaller ones are timed all the same.
    """
    if not before:
        return False
    timed = any(trial.result is not None for trial, _ in before)
    smaller_may_fit = before[-1][0].outcome.status is Status.OUT_OF_MEMORY
    return timed or _last_size(before) == 1 or (len(before) >= 2 and not smaller_may_fit)


def _last_size(before: list[tuple[Trial, SpeedProbe]]) -> int:
    return before[-1][1].batch_sizes[-1]
