"""What a step costs where it was timed and fitted."""

import math
from dataclasses import replace

import numpy as np
import pytest
from report_fixture import ALPHA, BETA, digits, facts, speed_fit

from rightbatch.decide.learning.fit import half_width
from rightbatch.decide.stages.speed.costs import seconds_per_step
from rightbatch.decide.stages.speed.fit import fit_speeds
from rightbatch.records import (
    Estimate,
    Outcome,
    SpeedProbe,
    SpeedResult,
    SpeedSample,
    Status,
    Trial,
)
from rightbatch.report.stages import stage_lines

FACTS = replace(facts(), train_examples=2**9 * 90 * 100)
"""An epoch of whole batches at every size here."""


def test_timings_so_few_and_scattered_that_their_interval_passes_zero_leave_it_to_the_line():
    fit = speed_fit()
    first, *others = fit.points
    wide = Estimate(first.step_seconds.value, -0.1, 0.2, 0.95, "s")
    fit = replace(fit, points=(replace(first, step_seconds=wide), *others))
    per_step = seconds_per_step(fit, [], FACTS)
    assert per_step is not None
    assert per_step(first.batch_size) == pytest.approx(ALPHA + BETA * first.batch_size)


def test_few_and_scattered_timings_bound_neither_time_from_below_nor_throughput_from_above():
    told = tuple(SpeedSample(64, 1, seconds, 0.0, n) for n, seconds in enumerate((1.0, 1.05, 1.7)))
    probe = SpeedProbe("sgd", (64,), 64, 1.0)
    trial = Trial(1, probe, Outcome(Status.OK), SpeedResult(told, ()), 0.0, 1.0)
    (point,) = fit_speeds([trial])[0].points
    assert point.step_seconds.low is point.examples_per_second.high is None
    assert 0 < point.examples_per_second.low < point.examples_per_second.value


def test_the_short_last_step_of_an_epoch_counts_for_what_it_takes():
    def alone(size):
        return seconds_per_step(speed_fit(), [], replace(facts(), train_examples=size))

    def whole(size):
        return alone(size)(size)

    per_step = seconds_per_step(speed_fit(), [], facts())
    assert facts().updates(512) == ((512, 2), (413, 1))
    assert per_step(512) == pytest.approx((2 * whole(512) + whole(413)) / 3)
    assert per_step(1000) == pytest.approx((whole(1000) + whole(437)) / 2)
    assert per_step(1437) == whole(1437)
    errors = [alone(size).log_error(size)[0] for size in (1000, 437)]
    assert min(errors) < per_step.log_error(1000)[0] < max(errors)
    recorded = replace(facts(), framework="recorded")
    assert seconds_per_step(speed_fit(), [], recorded)(512) == whole(512)


def test_sizes_that_were_too_slow_to_time_are_told():
    recording, advice = digits()
    left_out = replace(advice.fits.speed, left_out=(2048, 4096))
    fits = replace(advice.fits, speed=left_out, speeds=(left_out,))
    lines = stage_lines("speed", recording, replace(advice, fits=fits))
    assert "Not timed, as too slow for the budget: 2,048 and 4,096." in lines
    assert not any("Too slow" in line for line in stage_lines("speed", recording, advice))


TRUE_ALPHA, TRUE_BETA = 0.010, 2e-4
SIZES = (16, 32, 64, 128, 256, 512)


def timed_fit(random, samples, spread, bends, micro):
    """Timings of each size, scattered by `spread` about the line bent by `bends`."""
    seconds = {b: true_seconds(b, micro) * math.exp(bends.get(b, 0.0)) for b in SIZES}
    told = tuple(
        SpeedSample(b, 1, seconds[b] * math.exp(spread * random.normal()), 0.0, number)
        for b in SIZES
        for number in range(samples)
    )
    probe = SpeedProbe("sgd", SIZES, micro, 1.0)
    trial = Trial(1, probe, Outcome(Status.OK), SpeedResult(told, ()), 0.0, 1.0)
    return fit_speeds([trial])[0], seconds


def true_seconds(size, micro):
    full, rest = divmod(size, micro)
    passes = [micro] * full + [rest] * bool(rest)
    return sum(TRUE_ALPHA + TRUE_BETA * b for b in passes)


@pytest.mark.parametrize(
    ("samples", "spread", "bend", "micro"),
    [(1, 0.1, 0.0, 512), (2, 0.1, 0.0, 512), (12, 0.1, 0.0, 512), (6, 0.05, 0.1, 512),
     (12, 0.1, 0.0, 128)],
)  # fmt: skip
def test_the_error_of_step_times_and_of_their_ratio_covers_the_truth(samples, spread, bend, micro):
    """Of each size that was timed, and of two pairs of them; one sample each, to many.

    With `bend` the truth lies off the line, by so much in log; with a micro-batch of 128 steps
    accumulate above it.
    """
    random = np.random.default_rng(1)
    alone, ratios = [], []
    for _ in range(150):
        bends = {b: bend * random.normal() for b in SIZES}
        fit, truth = timed_fit(random, samples, spread, bends, micro)
        told = seconds_per_step(fit, [], FACTS)
        assert told is not None
        off = {b: math.log(told(b) / truth[b]) for b in SIZES}
        alone += [abs(off[b]) <= half_width([told.log_error(b)]) for b in SIZES]
        ratios += [
            abs(off[a] - off[b]) <= half_width([told.log_error(a, b)])
            for a, b in ((16, 512), (32, 64))
        ]
    assert 0.90 <= np.mean(alone) <= 0.98
    assert 0.90 <= np.mean(ratios) <= 0.98


def test_the_error_of_a_ratio_knows_what_two_sizes_share():
    """Both rest on the same line: next to each other they err alike, and to itself a size not."""
    random = np.random.default_rng(2)
    fit, _ = timed_fit(random, 3, 0.1, {}, 512)
    told = seconds_per_step(fit, [], FACTS)
    assert told is not None
    apart = told.log_error(90)[0] + told.log_error(100)[0]
    assert told.log_error(64, 64)[0] == 0
    assert told.log_error(16, 512)[0] > told.log_error(16)[0]
    assert told.log_error(90, 100)[0] < apart


def test_step_times_without_scatter_leave_no_error():
    random = np.random.default_rng(3)
    fit, _ = timed_fit(random, 5, 0.0, {}, 512)
    told = seconds_per_step(fit, [], FACTS)
    assert told is not None
    assert told.log_error(64)[0] == pytest.approx(0, abs=1e-12)
