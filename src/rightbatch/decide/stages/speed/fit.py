"""The speed stage: step times at all batch sizes that fit, for each optimizer, and their fit."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from statistics import median_high

from rightbatch.decide.stages.memory.fit import micro_batch_limit
from rightbatch.decide.study.evidence import grouped, of_kind
from rightbatch.decide.study.situation import Situation
from rightbatch.records import (
    Estimate,
    Fits,
    Remark,
    SpeedFit,
    SpeedPoint,
    SpeedProbe,
    SpeedResult,
    SpeedSample,
    Status,
    Trial,
)
from rightbatch.science.speed import StepTime, fit_step_time, knee
from rightbatch.science.stats import median_interval, relative_spread

_NOISY_SPREAD = 0.25
_NOISY_LOAD = 0.25


def fit_speeds(trials: Sequence[Trial]) -> tuple[SpeedFit, ...]:
    """Step times, the line through them and the knee, for each optimizer in the order timed."""
    timed = grouped(
        (probe.optimizer, (trial.result, probe))
        for trial, probe in of_kind(trials, SpeedProbe)
        if isinstance(trial.result, SpeedResult) and trial.result.samples
    )
    return tuple(_fit(*of_one[0]) for of_one in timed.values())


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
    by_size = grouped((sample.batch_size, sample) for sample in result.samples)
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
    at_knee = knee(
        [p.batch_size for p in points], [[p.batch_size / s for s in p.samples] for p in points]
    )
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
    step = median_interval(seconds, unit="s")
    if step.low is not None and step.low <= 0:  # of few and scattered samples
        step = replace(step, low=None)
    return SpeedPoint(
        batch_size=size,
        step_seconds=step,
        load_seconds=median_high(sample.load_seconds for sample in samples),
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
    before = grouped((each[1].optimizer, each) for each in of_kind(situation.trials, SpeedProbe))
    names = (optimizer.name for optimizer in situation.optimizers)
    due = [name for name in names if name not in before or not _over(before[name])]
    if not due:
        return None
    name = due[0]
    micro = micro_batch_limit(fits.memory_of(name), situation.facts)
    largest = max(1, _last_size(before[name]) // 4) if name in before else micro
    sizes = tuple(size for size in situation.sizes if size <= largest)
    return SpeedProbe(
        name,
        sizes or (min(largest, situation.sizes[0]),),
        min(micro, largest),
        seconds / len(due),
        seconds_limit=deadline,
    )


def _over(before: list[tuple[Trial, SpeedProbe]]) -> bool:
    """Whether an optimizer was timed, or that has failed twice, or with single examples.

    Where memory fell short smaller ones are timed all the same.
    """
    timed = any(trial.result is not None for trial, _ in before)
    smaller_may_fit = before[-1][0].outcome.status is Status.OUT_OF_MEMORY
    return timed or _last_size(before) == 1 or (len(before) >= 2 and not smaller_may_fit)


def _last_size(before: list[tuple[Trial, SpeedProbe]]) -> int:
    return before[-1][1].batch_sizes[-1]
