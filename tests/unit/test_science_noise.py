import math

import numpy as np
import pytest

from rightbatch.records import NoisePoint
from rightbatch.science.noise import noise_scale, pooled_noise_scale, unbiased_parts

DIMENSIONS, SMALL, LARGE = 200, 8, 64


def sqr_norms(rng, noise, groups, sqr_norm=1.0):
    """Squared norms of real gradients: G plus Gaussian noise with tr(Σ) = noise·|G|²."""
    gradient = np.full(DIMENSIONS, (sqr_norm / DIMENSIONS) ** 0.5)
    spread = (noise * sqr_norm / DIMENSIONS / SMALL) ** 0.5
    micro = gradient + spread * rng.standard_normal((groups, LARGE // SMALL, DIMENSIONS))
    return (micro**2).sum(-1).mean(-1), (micro.mean(1) ** 2).sum(-1)


@pytest.mark.parametrize(("noise", "groups"), [(8, 12), (64, 16), (640, 40)])
def test_interval_covers_the_noise_scale_and_its_parts_are_unbiased(noise, groups):
    rng = np.random.default_rng(5)
    hits, parts = 0, []
    for _ in range(400):
        small, large = sqr_norms(rng, noise, groups)
        estimate = noise_scale(small, large, SMALL, LARGE)
        hits += estimate is not None and (estimate.low or 0) <= noise <= estimate.high
        sqr_norm, trace = unbiased_parts(small, large, SMALL, LARGE)
        parts.append((sqr_norm.mean(), trace.mean()))
    assert 0.90 <= hits / 400 <= 0.98
    means = np.mean(parts, axis=0)
    errors = np.std(parts, axis=0) / 400**0.5
    assert (np.abs(means - [1.0, noise]) < 4 * errors).all()
    assert (errors / means < 0.05).all()


def test_without_signal_there_is_not_enough_data():
    rng = np.random.default_rng(6)
    given = [noise_scale(*sqr_norms(rng, 1e7, 20), SMALL, LARGE) for _ in range(200)]
    assert sum(estimate is not None for estimate in given) <= 12  # 2.5% of 200 expected


def test_a_mean_of_ratios_would_be_wrong_where_the_ratio_of_means_is_right():
    small, large = sqr_norms(np.random.default_rng(8), 640, 2000)
    sqr_norm, trace = unbiased_parts(small, large, SMALL, LARGE)
    assert noise_scale(small, large, SMALL, LARGE).value == pytest.approx(640, rel=0.15)
    assert abs(np.mean(trace / sqr_norm) / 640 - 1) > 0.5


def test_noisy_quadratic_has_its_closed_form():
    # L = ½·Σ h·θ², gradient h·θ + ε, Var ε = c: |G|² = Σ (h·θ)², tr(Σ) = Σ c
    h, theta, c = np.array([4.0, 1.0, 0.5]), np.array([0.5, 1.0, 2.0]), np.array([2.0, 8.0, 20.0])
    sqr_norm, trace = float(((h * theta) ** 2).sum()), float(c.sum())
    assert trace / sqr_norm == 5.0
    expected = [sqr_norm + trace / size for size in (SMALL, LARGE)]
    g, s = unbiased_parts(expected[:1], expected[1:], SMALL, LARGE)
    assert (g[0], s[0]) == pytest.approx((sqr_norm, trace))
    rng = np.random.default_rng(9)
    micro = h * theta + np.sqrt(c / SMALL) * rng.standard_normal((4000, LARGE // SMALL, 3))
    small, large = (micro**2).sum(-1).mean(-1), (micro.mean(1) ** 2).sum(-1)
    estimate = noise_scale(small, large, SMALL, LARGE)
    assert estimate.low <= 5.0 <= estimate.high
    assert estimate.high - estimate.low < 0.5


def points(rng, noises, groups, sqr_norm_of):
    return [
        NoisePoint(i, 0, SMALL, LARGE, *map(tuple, sqr_norms(rng, noise, groups, sqr_norm_of[i])))
        for i, noise in enumerate(noises)
    ]


@pytest.mark.parametrize(
    ("noises", "groups", "squares"),
    [
        ([40, 400], 8, [3.0, 1.0]),
        ([90, 50, 110], 12, [1.0, 1.0, 1.0]),
        ([64, 640], 4, [10.0, 1.0]),
    ],
)
def test_checkpoints_pool_into_the_mean_weighted_by_the_squared_norm(noises, groups, squares):
    """The interval covers Σ tr(Σ) / Σ |G|²; in the first case (3·40 + 1·400)/(3 + 1) = 130."""
    rng = np.random.default_rng(10)
    truth = float(np.dot(noises, squares) / np.sum(squares))
    hits = 0
    for _ in range(600):
        estimate = pooled_noise_scale(points(rng, noises, groups, squares))
        hits += estimate is not None and (estimate.low or 0) <= truth <= estimate.high
    assert 0.90 <= hits / 600 <= 0.98


def test_checkpoints_with_one_group_are_pooled_as_one_sample():
    rng = np.random.default_rng(12)
    assert noise_scale([2.0], [1.5], SMALL, LARGE) is None
    estimate = pooled_noise_scale(points(rng, [64] * 30, 1, [1.0] * 30))
    assert estimate.low <= 64 <= estimate.high
    assert pooled_noise_scale([]) is None


def test_impossible_batches_are_refused():
    with pytest.raises(ValueError, match="two batch sizes"):
        noise_scale([1.0, 2.0], [1.0, 2.0], 64, 64)
    with pytest.raises(ValueError, match="as many"):
        noise_scale([1.0, 2.0], [1.0], 8, 64)


def test_norms_that_are_not_finite_give_no_noise_scale():
    for wrong in (math.inf, math.nan):
        assert noise_scale([2.0, 2.1, wrong], [1.0, 1.1, wrong], 4, 64) is None
