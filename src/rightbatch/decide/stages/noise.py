"""The noise stage: a short run per optimizer at the reference settings, and its noise scale."""

import math
from collections.abc import Sequence
from functools import lru_cache

from rightbatch.decide.stages.memory.fit import micro_batch_limit
from rightbatch.decide.study.evidence import grouped, of_kind
from rightbatch.decide.study.situation import Situation
from rightbatch.records import (
    Fits,
    NoiseEstimate,
    NoiseFit,
    NoisePoint,
    NoiseProbe,
    NoiseResult,
    Remark,
    Trial,
)
from rightbatch.science.noise import noise_scale, pooled_noise_scale

_CHECKPOINTS = (0, 10, 30, 100, 300)
_MAX_EPOCHS = 8
_MICRO_BATCHES = 16
_GROUPS = 12


def fit_noises(trials: Sequence[Trial]) -> tuple[NoiseFit, ...]:
    """Noise scale at each checkpoint and over the later half of the run of each optimizer."""
    of_each = grouped((probe.optimizer, trial) for trial, probe in of_kind(trials, NoiseProbe))
    return tuple(_fit(tried[0]) for tried in of_each.values())


@lru_cache(maxsize=8)
def _fit(trial: Trial) -> NoiseFit:
    result, optimizer = trial.result, trial.probe.optimizer
    if not isinstance(result, NoiseResult) or not result.points:
        return NoiseFit((), None, trial.outcome.remark or Remark.of("nothing_measured"), optimizer)
    points = tuple(
        NoiseEstimate(
            p.step,
            p.examples,
            noise_scale(
                p.small_sqr_norms, p.large_sqr_norms, p.micro_batch_size, p.large_batch_size
            ),
        )
        for p in result.points
    )
    later = result.points[len(result.points) // 2 :]
    pooled = pooled_noise_scale(later)
    return NoiseFit(points, pooled, None if pooled else _why(later), optimizer)


def _why(points: Sequence[NoisePoint]) -> Remark:
    """Why no noise scale came out of some checkpoints."""
    norms = [norm for p in points for norm in (*p.small_sqr_norms, *p.large_sqr_norms)]
    if not all(map(math.isfinite, norms)):
        return Remark.of("gradients_overflowed")
    return Remark.of("gradient_lost_in_noise")


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
    batch_size = min(facts.batch_size, micro_batch_limit(fits.memory_of(optimizer.name), facts))
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
