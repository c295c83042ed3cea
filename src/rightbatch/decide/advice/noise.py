"""Noise trials -> NoiseFit."""

from collections.abc import Sequence

from rightbatch.decide.advice.evidence import of_kind
from rightbatch.records import NoiseEstimate, NoiseFit, NoiseProbe, NoiseResult, Trial
from rightbatch.science.noise import noise_scale, pooled_noise_scale


def fit_noises(trials: Sequence[Trial]) -> tuple[NoiseFit, ...]:
    """Noise scale at each checkpoint and over the later half of the run of each optimizer."""
    found: dict[str, NoiseFit] = {}
    for trial, probe in of_kind(trials, NoiseProbe):
        if probe.optimizer not in found:
            found[probe.optimizer] = _fit(trial, probe.optimizer)
    return tuple(found.values())


def _fit(trial: Trial, optimizer: str) -> NoiseFit:
    result = trial.result
    if not isinstance(result, NoiseResult) or not result.points:
        return NoiseFit((), None, trial.outcome.advice or "Nothing was measured.", optimizer)
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
    reason = (
        ""
        if pooled
        else ("Not enough data: the mean gradient cannot be told from zero against its noise.")
    )
    return NoiseFit(points, pooled, reason, optimizer)
