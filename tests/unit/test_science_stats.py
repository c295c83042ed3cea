import numpy as np
import published_formulas as formulas
import pytest

from rightbatch.science import stats


@pytest.mark.parametrize("size", [3, 5, 6, 7, 8, 9, 12, 20])
@pytest.mark.parametrize("skewed", [False, True])
def test_median_interval_covers_the_median_from_three_samples_up(size, skewed):
    rng = np.random.default_rng(size)
    hits = 0
    for _ in range(1000):
        noise = 0.1 * rng.standard_normal(size)
        samples = np.exp(3 * noise) if skewed else 1 + noise
        estimate = stats.median_interval(samples)
        hits += estimate.low <= 1 <= estimate.high
    assert 0.90 <= hits / 1000 <= 0.98


@pytest.mark.parametrize("size", [2, 3, 8])
@pytest.mark.parametrize("interval", [formulas.mean_interval, formulas.geometric_mean_interval])
def test_intervals_of_means_cover_the_mean_of_few_seeds(interval, size):
    """Normal samples about 1, and for the geometric mean the exponentials of such about 0."""
    rng = np.random.default_rng(20 + size)
    logs = interval is formulas.geometric_mean_interval
    hits = 0
    for _ in range(1000):
        noise = 0.1 * rng.standard_normal(size)
        estimate = interval(np.exp(noise) if logs else 1 + noise)
        hits += estimate.low <= 1 <= estimate.high
    assert 0.90 <= hits / 1000 <= 0.98


def test_median_is_not_moved_by_one_stall():
    estimate = stats.median_interval([1.0, 1.01, 0.99, 1.02, 0.98, 1.0, 50.0], unit="s")
    assert estimate.value == 1.0
    assert estimate.unit == "s"


def test_order_statistics_are_those_of_the_binomial():
    # n = 9: from the 2nd to the 8th P = 1 - 2·10/512, from the 3rd to the 7th 1 - 2·46/512
    samples = np.arange(1.0, 10.0)
    for k, coverage in ((2, 1 - 20 / 512), (3, 1 - 92 / 512)):
        estimate = stats.median_interval(samples, coverage - 1e-9)
        assert estimate.low == pytest.approx(k)
        assert estimate.high == pytest.approx(10 - k)


def test_between_order_statistics_the_interval_is_interpolated():
    # I = (0.9609 - 0.95)/(0.9609 - 0.8203) = 0.0778, λ = 7·I/(2 + 5·I) = 0.228
    estimate = stats.median_interval(np.arange(1.0, 10.0))
    assert (estimate.low, estimate.high) == pytest.approx((2.228, 7.772), abs=1e-3)
    assert estimate.value == 5.0


def test_too_few_samples_have_no_interval():
    for samples in ([2.0], [1.0, 3.0]):
        estimate = stats.median_interval(samples)
        assert (estimate.value, estimate.low, estimate.high) == (2.0, None, None)
    assert formulas.mean_interval([2.0]).low is None


def test_mean_interval_is_students():
    # s = 1, n = 3, t_2(0.975) = 4.3027
    estimate = formulas.mean_interval([1.0, 2.0, 3.0])
    assert estimate.high - estimate.value == pytest.approx(4.3027 / 3**0.5, rel=1e-4)


def test_geometric_mean_of_powers_of_two():
    estimate = formulas.geometric_mean_interval([1.0, 2.0, 4.0])
    assert estimate.value == pytest.approx(2.0)
    assert estimate.low * estimate.high == pytest.approx(4.0)
    with pytest.raises(ValueError, match="above 0"):
        formulas.geometric_mean_interval([1.0, 0.0])


def test_relative_spread_has_no_unit():
    samples = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    assert stats.relative_spread(samples) == pytest.approx(2 / 3)
    assert stats.relative_spread(1000 * samples) == pytest.approx(2 / 3)


def test_a_curve_that_misses_is_judged_by_its_misses():
    assert stats.residual_variance(100.0, 2, 1.0, 20) == (100.0, 2)
    assert stats.residual_variance(1.0, 2, 1.0, 20) == (1.0, 22)
    assert stats.residual_variance(3.0, 2, 0.0, 0) == (3.0, 2)
    assert stats.residual_variance(0.0, 0, 2.0, 5) == (2.0, 5)
    with pytest.raises(ValueError, match="more samples"):
        stats.residual_variance(0.0, 0, 0.0, 0)


def test_samples_that_are_no_numbers_are_refused():
    for samples in ([], [1.0, float("nan")], [[1.0], [2.0]]):
        with pytest.raises(ValueError, match="finite samples"):
            stats.median_interval(samples)
    with pytest.raises(ValueError, match="between 0 and 1"):
        formulas.mean_interval([1.0, 2.0], level=95)
