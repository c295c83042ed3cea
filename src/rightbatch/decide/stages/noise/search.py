"""The noise stage: a short run per optimizer at the reference settings."""

from rightbatch.decide.stages.memory.fit import micro_batch_limit
from rightbatch.decide.study.evidence import of_kind
from rightbatch.decide.study.situation import Situation
from rightbatch.records import Fits, NoiseProbe

_CHECKPOINTS = (0, 10, 30, 100, 300)
_MAX_EPOCHS = 8
_MICRO_BATCHES = 16
_GROUPS = 12


def next_noise_probe(
    situation: Situation, fits: Fits, seconds: float, deadline: float
) -> NoiseProbe | None:
    """Measure along the run the user makes today; None when each optimizer has had its turn.

    Args:
        situation: The study so far.
        fits: Of the stages before, which tell the largest micro-batch of each optimizer.
        seconds: Time to spend measuring, in seconds; shared by optimizers without such a run.
        deadline: Wall-clock limit of the trial, in seconds.
    """
    facts = situation.facts
    tried = {probe.optimizer for _, probe in of_kind(situation.trials, NoiseProbe)}
    due = [optimizer for optimizer in situation.optimizers if optimizer.name not in tried]
    if facts.train_examples < 4 or not due:
        return None
    optimizer = due[0]
    micro = micro_batch_limit(fits.memory_of(optimizer.name), facts)
    batch_size = min(facts.batch_size, micro)
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
        seed=situation.settings.seed,
        seconds=seconds / len(due),
        seconds_limit=deadline,
    )
