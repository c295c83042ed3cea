"""The speed stage: one probe over all sizes that fit, once more over fewer if it failed."""

from rightbatch.decide.advice.arms import Situation
from rightbatch.decide.advice.evidence import of_kind
from rightbatch.records import SpeedProbe


def next_speed_probe(
    now: Situation, micro_batch_size: int, seconds: float, deadline: float
) -> SpeedProbe | None:
    """Time every size that needs no accumulation; None when that is done or has failed twice.

    Args:
        now: The study so far.
        micro_batch_size: Largest number of examples per forward and backward pass.
        seconds: Time to spend measuring, in seconds.
        deadline: Wall-clock limit of the trial, in seconds.
    """
    before = list(of_kind(now.trials, SpeedProbe))
    if len(before) >= 2 or any(trial.result is not None for trial, _ in before):
        return None
    largest = before[0][1].batch_sizes[-1] // 4 if before else micro_batch_size
    sizes = tuple(size for size in now.sizes if size <= largest) or (min(largest, now.sizes[0]),)
    return SpeedProbe(
        now.optimizers[0].name, sizes, micro_batch_size, seconds, seconds_limit=deadline
    )
