"""Speed trials -> SpeedFit, and the step time at any batch size."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from rightbatch.decide.study.evidence import of_kind
from rightbatch.records import (
    Estimate,
    Remark,
    SpeedFit,
    SpeedPoint,
    SpeedProbe,
    SpeedResult,
    SpeedSample,
    Trial,
)
from rightbatch.science.speed import StepTime, fit_step_time, knee
from rightbatch.science.stats import median_interval, relative_spread

_NOISY_SPREAD = 0.25
_NOISY_LOAD = 0.25


def fit_speeds(trials: Sequence[Trial]) -> tuple[SpeedFit, ...]:
    """Step times, the line through them and the knee, for each optimizer in the order timed."""
    found: dict[str, SpeedFit] = {}
    for trial, probe in of_kind(trials, SpeedProbe):
        if isinstance(trial.result, SpeedResult) and trial.result.samples:
            found.setdefault(probe.optimizer, _fit(trial.result, probe))
    return tuple(found.values())


def step_time(fit: SpeedFit) -> StepTime:
    """step_seconds(B) of a fit."""
    return StepTime(
        batch_sizes=tuple(float(p.batch_size) for p in fit.points),
        median_seconds=tuple(p.step_seconds.value for p in fit.points),
        alpha=fit.alpha,
        beta=fit.beta,
        lack_of_fit=fit.lack_of_fit,
        micro_batch_size=fit.micro_batch_size,
    )


def measured_power(speed: SpeedFit) -> dict[int, float]:
    """Mean power in watts by batch size, where it was measured."""
    return {
        point.batch_size: point.power_watts
        for point in speed.points
        if point.power_watts is not None
    }


@lru_cache(maxsize=8)
def _fit(result: SpeedResult, probe: SpeedProbe) -> SpeedFit:
    by_size: dict[int, list[SpeedSample]] = {}
    for sample in result.samples:
        by_size.setdefault(sample.batch_size, []).append(sample)
    power = dict(result.power_watts)
    points = [
        replace(_point(size, samples), power_watts=power.get(size), placement=probe.placement)
        for size, samples in sorted(by_size.items())
    ]
    micro = probe.micro_batch_size
    if points[0].batch_size > micro:  # every size accumulates: their steps are taken whole
        micro = points[-1].batch_size
    single = [p for p in points if p.batch_size <= micro]
    model = fit_step_time([p.batch_size for p in single], [p.samples for p in single], micro)
    sizes = [p.batch_size for p in points]
    throughputs = [[p.batch_size / s for s in p.samples] for p in points]
    at_knee = knee(sizes, throughputs)
    knee_point = next(point for point in points if point.batch_size >= at_knee.value)
    noise = _noise(points, result.other_load)
    return SpeedFit(
        points=tuple(points),
        alpha=model.alpha,
        beta=model.beta,
        lack_of_fit=model.lack_of_fit,
        interpolated=model.interpolated,
        knee_batch_size=at_knee,
        best_examples_per_second=max(
            (p.examples_per_second for p in points), key=lambda estimate: estimate.value
        ),
        load_share=knee_point.load_seconds / knee_point.step_seconds.value,
        utilisation=_utilisation(result, knee_point),
        micro_batch_size=micro,
        noisy=noise is not None,
        noise_reason=noise,
        optimizer=probe.optimizer,
        left_out=tuple(sorted(result.left_out)),
    )


def _point(size: int, samples: Sequence[SpeedSample]) -> SpeedPoint:
    seconds = [sample.step_seconds for sample in samples]
    loading = sorted(sample.load_seconds for sample in samples)
    step = median_interval(seconds, unit="s")
    if step.low is not None and step.low <= 0:  # of few and scattered samples
        step = replace(step, low=None)
    return SpeedPoint(
        batch_size=size,
        step_seconds=step,
        load_seconds=loading[len(loading) // 2],
        examples_per_second=Estimate(
            size / step.value,
            size / step.high if step.high else None,
            size / step.low if step.low else None,
            step.level,
            "examples/s",
        ),
        samples=tuple(seconds),
    )


def _noise(points: Sequence[SpeedPoint], other_load: float | None) -> Remark | None:
    """What makes step times unsure: other processes, or repeats that scatter; None if quiet."""
    if other_load is not None and other_load > _NOISY_LOAD:
        return Remark.of("other_processes", share=other_load)
    spreads = [(relative_spread(p.samples), p.batch_size) for p in points if len(p.samples) >= 4]
    worst, size = max(spreads, default=(0.0, 0))
    if worst > _NOISY_SPREAD:
        return Remark.of("step_times_scatter", batch_size=size, share=worst)
    return None


def _utilisation(result: SpeedResult, point: SpeedPoint) -> float | None:
    """Device busy share where it is reported, else achieved over peak FLOP/s."""
    if result.device_utilisation is not None:
        return result.device_utilisation
    if result.flops_per_example is None or result.peak_flops_per_second is None:
        return None
    achieved = result.flops_per_example * point.examples_per_second.value
    return achieved / result.peak_flops_per_second
