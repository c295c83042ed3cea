import numpy as np
import pytest
from published_formulas import zhang_critical_batch_size

from rightbatch.records import Remark
from rightbatch.science.convergence import fit_hyperbola

SIZES = [16, 32, 64, 128, 256, 512, 1024]
S_MIN, B_CRIT = 1000.0, 130.0


def holds(estimate, truth):
    return (estimate.low is None or estimate.low <= truth) and (
        estimate.high is None or truth <= estimate.high
    )


def runs(rng, sizes, seeds, spread, critical=B_CRIT):
    batch = np.repeat(np.asarray(sizes, dtype=float), seeds)
    return batch, S_MIN * (1 + critical / batch) * np.exp(spread * rng.standard_normal(batch.size))


def test_critical_batch_size_of_zhang():
    # S(CBS) is 20% above perfect scaling from 256
    a, b = 2000.0, 4e6
    size = zhang_critical_batch_size(a, b)
    assert a + b / size == pytest.approx(1.2 * (a + b / 256) * 256 / size)
    with pytest.raises(ValueError, match="unbounded"):
        zhang_critical_batch_size(0, 1)


def test_a_hyperbola_without_noise_is_found_exactly():
    fit = fit_hyperbola(SIZES, [S_MIN * (1 + B_CRIT / size) for size in SIZES])
    assert fit.s_min.value == pytest.approx(S_MIN, rel=1e-4)
    assert fit.critical_batch_size.value == pytest.approx(B_CRIT, rel=1e-4)
    assert fit.lack_of_fit < 1e-4
    assert fit.curve.at(64) == pytest.approx(S_MIN * (1 + B_CRIT / 64), rel=1e-4)
    assert fit.reason is None


@pytest.mark.parametrize(
    ("sizes", "seeds", "spread", "critical"),
    [(SIZES, 3, 0.08, 130), (SIZES[::2], 2, 0.10, 130), (SIZES, 1, 0.05, 700)],
)
def test_intervals_cover_the_truth(sizes, seeds, spread, critical):
    rng = np.random.default_rng(1)
    hits = np.zeros(3)
    for _ in range(400):
        fit = fit_hyperbola(*runs(rng, sizes, seeds, spread, critical))
        hits += (
            holds(fit.s_min, S_MIN),
            holds(fit.critical_batch_size, critical),
            holds(fit.curve.estimate(2048), S_MIN * (1 + critical / 2048)),
        )
    assert (hits / 400 >= 0.90).all()
    assert (hits / 400 <= 0.98).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seeds", "stop", "repeats"),
    [(3, 5000, 100), (1, 9000, 400), pytest.param(3, 5000, 400, marks=pytest.mark.long)],
)
def test_intervals_cover_the_truth_where_runs_are_stopped_early(seeds, stop, repeats):
    """S_min, B_crit and the steps at a size beyond those tried, none of the fits left out.

    A stop after 5000 steps ends all runs at B = 16 and about half of those at 32; one after 9000
    about half of those at 16.
    """
    rng = np.random.default_rng(2)
    hits, values = np.zeros(3), []
    for _ in range(repeats):
        batch, steps = runs(rng, SIZES, seeds, 0.08)
        stopped = steps > stop
        fit = fit_hyperbola(
            batch, np.where(stopped, np.nan, steps), np.where(stopped, stop, np.nan)
        )
        hits += (
            holds(fit.s_min, S_MIN),
            holds(fit.critical_batch_size, B_CRIT),
            holds(fit.curve.estimate(2048), S_MIN * (1 + B_CRIT / 2048)),
        )
        values.append(fit.critical_batch_size.value)
    assert (hits / repeats >= 0.90).all()
    assert (hits / repeats <= 0.98).all() or repeats < 400  # too few to tell 95% from all
    assert np.median(values) == pytest.approx(B_CRIT, rel=0.03)


def test_runs_that_never_reached_the_target_are_not_missing():
    sizes = np.repeat([32.0, 64.0, 128.0, 256.0], 4)
    rng = np.random.default_rng(4)
    steps = 1000 * (1 + 400 / sizes) * np.exp(0.25 * rng.standard_normal(sizes.size))
    stop = np.median(steps[sizes == 32])
    reached = np.where(steps > stop, np.nan, steps)
    told = fit_hyperbola(sizes, reached, np.full(sizes.size, stop))
    untold = fit_hyperbola(sizes, reached)
    assert np.isnan(reached).sum() >= 2
    assert told.curve.at(32) > 1.02 * untold.curve.at(32)


def test_none_and_nan_both_mean_never():
    steps = [S_MIN * (1 + B_CRIT / size) for size in SIZES]
    one = fit_hyperbola([8, *SIZES], [None, *steps], [5000, *[None] * 7])
    two = fit_hyperbola([8, *SIZES], [float("nan"), *steps], [5000, *[float("nan")] * 7])
    assert one.curve.a == two.curve.a
    assert one.curve.b == two.curve.b


def test_two_batch_sizes_do_not_tell_a_critical_one():
    fit = fit_hyperbola([16, 64, 64], [900, 300, 310])
    assert fit.curve is None
    assert fit.critical_batch_size is None
    assert fit.reason == Remark.of("too_few_batch_sizes", batch_sizes=2)


def test_too_few_runs_at_the_target_do_not_tell_it_either():
    fit = fit_hyperbola([16, 64, 256], [None, 300, 200], [5000, None, None])
    assert fit.curve is None
    assert fit.reason == Remark.of("too_few_arrivals", runs=2)


def test_perfect_scaling_puts_the_critical_batch_beyond_the_sizes_tried():
    fit = fit_hyperbola([16, 32, 64, 128], [6400, 3150, 1620, 790])
    assert fit.critical_batch_size is None
    assert fit.s_min is None
    assert fit.reason == Remark.of("critical_beyond_sizes", batch_size=128)
    assert fit.curve.at(256) == pytest.approx(400, rel=0.05)


def test_steps_that_do_not_fall_put_it_below_the_sizes_tried():
    fit = fit_hyperbola([16, 32, 64, 128], [100, 101, 99, 102])
    assert fit.critical_batch_size is None
    assert fit.s_min.low <= 100 <= fit.s_min.high
    assert fit.reason == Remark.of("critical_below_sizes", batch_size=16)


def test_an_interval_may_be_open_above():
    rng = np.random.default_rng(0)
    ends = [
        fit_hyperbola(*runs(rng, [16, 32, 64], 3, 0.08, 400)).critical_batch_size for _ in range(60)
    ]
    known = [estimate for estimate in ends if estimate is not None]
    assert any(estimate.high is None for estimate in known)
    assert all(estimate.low is None or estimate.low < 400 for estimate in known)


def test_more_seeds_do_not_hide_that_the_curve_is_wrong():
    rng = np.random.default_rng(3)
    batch = np.repeat(SIZES, 20).astype(float)
    steps = 5e4 * batch**-0.5 * np.exp(0.02 * rng.standard_normal(batch.size))  # no hyperbola
    fit = fit_hyperbola(batch, steps)
    few = fit_hyperbola(SIZES, [5e4 * size**-0.5 for size in SIZES])
    width = fit.critical_batch_size.high / fit.critical_batch_size.low
    assert width == pytest.approx(
        few.critical_batch_size.high / few.critical_batch_size.low, rel=0.2
    )


def test_impossible_runs_are_refused():
    with pytest.raises(ValueError, match="above 0"):
        fit_hyperbola([0, 1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="one batch size"):
        fit_hyperbola([1, 2], [1, 2, 3])
