"""Noise trials -> NoiseFit."""

import math
from collections.abc import Sequence
from functools import lru_cache

from rightbatch.decide.study.evidence import of_kind
from rightbatch.records import (
    NoiseEstimate,
    NoiseFit,
    NoisePoint,
    NoiseProbe,
    NoiseResult,
    Remark,
    Trial,
)
from rightbatch.science.noise import noise_scale, pooled_noise_scale


def fit_noises(trials: Sequence[Trial]) -> tuple[NoiseFit, ...]:
    """Noise scale at each checkpoint and over the later half of the run of each optimizer."""
    found: dict[str, NoiseFit] = {}
    for trial, probe in of_kind(trials, NoiseProbe):
        if probe.optimizer not in found:
            found[probe.optimizer] = _fit(trial, probe.optimizer)
    return tuple(found.values())


@lru_cache(maxsize=8)
def _fit(trial: Trial, optimizer: str) -> NoiseFit:
    result = trial.result
    if not isinstance(result, NoiseResult) or not result.points:
        why = trial.outcome.remark or Remark.of("nothing_measured")
        return NoiseFit((), None, why, optimizer)
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
