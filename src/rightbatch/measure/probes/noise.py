"""Squared gradient norms during a short run, for the gradient noise scale."""

import math
import time
from typing import SupportsFloat

from rightbatch.measure.ports import Progress, Subject
from rightbatch.measure.probes.training import exploded
from rightbatch.records import NoisePoint, NoiseProbe, NoiseResult, Outcome, Remark, Status

_MIN_GROUPS = 4
"""Groups at a checkpoint even when the time is up; fewer give no useful interval."""

_AT_ONCE = 1000.0
"""A mean loss this many times the first batch's means divergence before the first checkpoint."""


def measure_noise(
    subject: Subject, probe: NoiseProbe, progress: Progress
) -> tuple[Outcome, NoiseResult]:
    """Train at the reference settings, and measure gradients of fresh examples at checkpoints.

    At a checkpoint, `groups` independent batches of m·b examples each give one pair of squared
    norms: the mean |G_b|² of its m micro-batches and the |G_B|² of the whole, without an update.
    Checkpoints after the time is up are skipped. Training that diverges ends the probe.
    """
    begin = time.perf_counter()
    subject.start(probe.optimizer, probe.learning_rate, probe.seed)
    training = subject.batches(probe.batch_size, probe.seed)
    large_size = probe.micro_batch_size * probe.micro_batches
    sampling = subject.batches(large_size, probe.seed + 1)
    points: list[NoisePoint] = []
    step, examples, first = 0, 0, math.inf
    window: list[SupportsFloat] = []
    means: list[float] = []
    for checkpoint in probe.checkpoints:
        while step < checkpoint and time.perf_counter() - begin < probe.seconds:
            batch = next(training)
            window.append(subject.step(batch, probe.batch_size))
            step += 1
            examples += subject.size(batch)
        if window:
            first = float(window[0]) if not means else first
            means.append(sum(map(float, window)) / len(window))
            window.clear()
            # The first loss is that of a single batch, which scatters.
            if exploded(means[-1], means[0]) or exploded(means[-1], first, _AT_ONCE):
                return _diverged(probe, step), NoiseResult(tuple(points))
        if points and (step < checkpoint or time.perf_counter() - begin > probe.seconds):
            break
        pairs: list[tuple[float, float]] = []
        while len(pairs) < probe.groups:
            if len(pairs) >= _MIN_GROUPS and time.perf_counter() - begin > probe.seconds:
                break
            batch = next(sampling)
            if subject.size(batch) == large_size:
                pairs.append(subject.sqr_norms(batch, probe.micro_batch_size))
        points.append(
            NoisePoint(
                step=step,
                examples=examples,
                micro_batch_size=probe.micro_batch_size,
                large_batch_size=large_size,
                small_sqr_norms=tuple(small for small, _ in pairs),
                large_sqr_norms=tuple(large for _, large in pairs),
            )
        )
        progress(len(points) / len(probe.checkpoints))
    return Outcome(Status.OK), NoiseResult(tuple(points))


def _diverged(probe: NoiseProbe, step: int) -> Outcome:
    reason = Remark.of(
        "diverged_at_present_settings",
        batch_size=probe.batch_size,
        learning_rate=probe.learning_rate,
        step=step,
    )
    return Outcome(Status.DIVERGED, reason)
