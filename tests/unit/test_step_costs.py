"""What a step costs where it was timed and fitted."""

from dataclasses import replace

import pytest
from report_fixture import ALPHA, BETA, speed_fit

from rightbatch.decide.advice.costs import seconds_per_step
from rightbatch.records import Estimate


def test_timings_so_few_and_scattered_that_their_interval_passes_zero_leave_it_to_the_line():
    fit = speed_fit()
    first, *others = fit.points
    wide = Estimate(first.step_seconds.value, -0.1, 0.2, 0.95, "s")
    fit = replace(fit, points=(replace(first, step_seconds=wide), *others))
    per_step = seconds_per_step(fit, [])
    assert per_step is not None
    assert per_step(first.batch_size) == pytest.approx(ALPHA + BETA * first.batch_size)
