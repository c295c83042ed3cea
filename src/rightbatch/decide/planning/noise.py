"""The noise stage: one short run at the reference settings."""

from rightbatch.decide.advice.arms import Situation
from rightbatch.decide.advice.evidence import of_kind
from rightbatch.records import NoiseProbe

_CHECKPOINTS = (0, 10, 30, 100, 300)
_MAX_EPOCHS = 8
_MICRO_BATCHES = 16
_GROUPS = 12


def next_noise_probe(
    now: Situation, micro_batch_size: int, seconds: float, deadline: float
) -> NoiseProbe | None:
    """Measure along the run the user makes today; None when that was tried.

    Args:
        now: The study so far.
        micro_batch_size: Largest number of examples per forward and backward pass.
        seconds: Time to spend measuring, in seconds.
        deadline: Wall-clock limit of the trial, in seconds.
    """
    facts, optimizer = now.facts, now.optimizers[0]
    if facts.train_examples < 4 or any(True for _ in of_kind(now.trials, NoiseProbe)):
        return None
    batch_size = min(facts.batch_size, micro_batch_size)
    micro_batches = min(_MICRO_BATCHES, facts.train_examples // 2)
    small = max(1, min(batch_size // 4, facts.train_examples // (2 * micro_batches)))
    most = _MAX_EPOCHS * facts.train_examples // batch_size
    return NoiseProbe(
        optimizer=optimizer.name,
        batch_size=batch_size,
        learning_rate=optimizer.learning_rate,
        micro_batch_size=small,
        micro_batches=micro_batches,
        groups=_GROUPS,
        checkpoints=tuple(step for step in _CHECKPOINTS if step <= most),
        seed=now.settings.seed,
        seconds=seconds,
        seconds_limit=deadline,
    )
