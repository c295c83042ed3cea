import math

import numpy as np
import pytest

from rightbatch.science.speed import StepTime, fit_step_time, knee
from rightbatch.science.stats import median_interval

SIZES = [16, 32, 64, 128, 256, 512]
ALPHA, BETA = 0.010, 2e-4


def timings(rng, repeats, spread):
    return [(ALPHA + BETA * size) * np.exp(spread * rng.standard_normal(repeats)) for size in SIZES]


@pytest.mark.parametrize("spread", [0.05, 0.10])
@pytest.mark.parametrize("repeats", [3, 7])
def test_intervals_cover_alpha_and_beta(spread, repeats):
    rng = np.random.default_rng(7)
    hits = np.zeros(2)
    for _ in range(400):
        fit = fit_step_time(SIZES, timings(rng, repeats, spread))
        hits += (
            fit.alpha.low <= ALPHA <= fit.alpha.high,
            fit.beta.low <= BETA <= fit.beta.high,
        )
    assert (hits / 400 >= 0.90).all()
    assert (hits / 400 <= 0.98).all()


def test_a_line_without_noise_is_found_exactly():
    fit = fit_step_time(SIZES, [[ALPHA + BETA * size] for size in SIZES])
    assert fit.alpha.value == pytest.approx(ALPHA)
    assert fit.beta.value == pytest.approx(BETA)
    assert not fit.interpolated
    assert fit.at(1000) == pytest.approx(ALPHA + BETA * 1000)


def test_a_stalled_step_moves_nothing():
    samples = [[ALPHA + BETA * size] * 5 for size in SIZES]
    samples[0][2] = 3.0
    fit = fit_step_time(SIZES, samples)
    assert fit.alpha.value == pytest.approx(ALPHA)


def test_coefficients_are_never_negative():
    fit = fit_step_time([1, 2, 4, 8], [[1.0], [2.1], [4.6], [9.9]])
    assert fit.alpha.value == 0
    assert fit.alpha.low == 0
    assert fit.alpha.high >= 0
    flat = fit_step_time([1, 2, 4, 8], [[1.0], [0.99], [0.97], [0.95]])
    assert flat.beta.value == 0


def test_order_of_sizes_does_not_matter():
    samples = [[ALPHA + BETA * size] for size in SIZES]
    assert fit_step_time(SIZES[::-1], samples[::-1]) == fit_step_time(SIZES, samples)


def test_steps_that_are_no_line_are_interpolated_in_log_log_axes():
    sizes, seconds = [8, 32, 128, 512], [0.010, 0.030, 0.020, 0.400]
    fit = fit_step_time(sizes, [[t] for t in seconds])
    assert fit.lack_of_fit > 0.10
    assert fit.interpolated
    for size, t in zip(sizes, seconds, strict=True):
        assert fit.at(size) == pytest.approx(t)
    assert fit.at(16) == pytest.approx((0.010 * 0.030) ** 0.5)
    assert fit.at(1024) == pytest.approx(0.400 + 512 * fit.beta.value)
    assert 0.0 < fit.at(4) < 0.010


def test_a_misfit_widens_the_intervals_whatever_the_repeats():
    bent = [0.012, 0.012, 0.020, 0.030, 0.062, 0.105]
    rng = np.random.default_rng(3)
    samples = [t * np.exp(0.002 * rng.standard_normal(50)) for t in bent]
    fit = fit_step_time(SIZES, samples)
    assert (fit.beta.high - fit.beta.low) / fit.beta.value > 0.05


def test_fewer_than_three_sizes_give_no_line():
    two = fit_step_time([8, 32], [[0.1], [0.2]])
    assert two.alpha is None
    assert two.interpolated
    assert two.at(16) == pytest.approx(0.02**0.5)
    one = fit_step_time([8], [[0.1]])
    assert one.at(16) == pytest.approx(0.2)
    assert one.at(4) == pytest.approx(0.05)


def test_above_the_micro_batch_size_a_step_is_made_of_passes():
    fit = fit_step_time(SIZES, [[ALPHA + BETA * size] for size in SIZES], micro_batch_size=512)
    assert fit.at(512) == pytest.approx(ALPHA + BETA * 512)
    assert fit.at(1024) == pytest.approx(2 * (ALPHA + BETA * 512))
    assert fit.at(1124) == pytest.approx(2 * (ALPHA + BETA * 512) + ALPHA + BETA * 100)
    assert isinstance(fit, StepTime)


def test_samples_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="samples of its own"):
        fit_step_time([1, 2], [[1.0], []])
    with pytest.raises(ValueError, match="distinct"):
        fit_step_time([2, 2], [[1.0], [1.0]])
    with pytest.raises(ValueError, match="above 0"):
        fit_step_time([1, 2, 3], [[1.0], [0.0], [1.0]])
    with pytest.raises(ValueError, match="above 0"):
        fit_step_time([1], [[1.0]]).at(0)


def test_knee_is_where_throughput_comes_near_the_top():
    throughput = {16: 100, 32: 180, 64: 280, 128: 325, 256: 350, 512: 340}
    estimate = knee(list(throughput), [[t] * 5 for t in throughput.values()])
    assert estimate.low == estimate.value == estimate.high
    assert estimate.value == math.ceil(64 * 2 ** ((0.9 * 350 - 280) / (325 - 280)))


def test_the_knee_of_what_is_flat_or_falls_is_the_smallest_size():
    assert knee([16, 32, 64], [[95.0], [100.0], [98.0]]).value == 16
    assert knee([16, 32, 64], [[100.0], [60.0], [30.0]]).value == 16
    assert knee([16], [[100.0]]).value == 16


def test_no_size_below_90_percent_is_told_as_the_knee():
    assert knee([1, 2, 4], [[80.0], [100.0], [100.0]]).value == 2


@pytest.mark.parametrize("largest", [512, 4096])
@pytest.mark.parametrize(
    ("spread", "repeats"), [(0.02, 6), (0.05, 3), (0.05, 12), (0.10, 6), (0.10, 12)]
)
def test_knee_of_noisy_throughput_has_an_interval_that_holds_it(spread, repeats, largest):
    rng = np.random.default_rng(11)
    sizes = 2.0 ** np.arange(4, np.log2(largest) + 1)
    steps = ALPHA + BETA * sizes
    true = knee(sizes, [[t] for t in sizes / steps]).value
    hits = 0
    for _ in range(300):
        noise = np.exp(spread * rng.standard_normal((sizes.size, repeats)))
        estimate = knee(sizes, (sizes / steps)[:, None] * noise, resamples=200)
        hits += estimate.low <= true <= estimate.high
    assert 0.90 <= hits / 300 <= 0.98


@pytest.mark.parametrize(("spread", "repeats"), [(0.02, 6), (0.05, 3), (0.10, 12)])
def test_the_interval_of_the_highest_throughput_holds_the_highest_there_is(spread, repeats):
    """Although the highest of several medians is picked: sizes on a plateau are lucky in turn."""
    rng = np.random.default_rng(13)
    sizes = np.array([*SIZES, 1024, 2048, 4096])
    hits = 0
    for _ in range(400):
        timed = [
            median_interval((ALPHA + BETA * size) * np.exp(spread * rng.standard_normal(repeats)))
            for size in sizes
        ]
        _, size, step = min((t.value / b, b, t) for b, t in zip(sizes, timed, strict=True))
        hits += step.low <= size / (4096 / (ALPHA + BETA * 4096)) <= step.high
    assert 0.90 <= hits / 400 <= 0.98
