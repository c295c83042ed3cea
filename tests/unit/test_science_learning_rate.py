import numpy as np
import published_formulas as formulas
import pytest
from scipy import optimize

from rightbatch.science import learning_rate as rates


def test_linear_rule_of_goyal():
    assert rates.scale(0.1, 256, 8192, "linear") == pytest.approx(3.2)
    assert rates.scale(0.1, 256, 64, "linear") == pytest.approx(0.025)


def test_square_root_rule_of_malladi():
    assert rates.scale(1e-3, 32, 512, "square_root") == pytest.approx(4e-3)
    betas, epsilon = formulas.scale_adam((0.99, 0.999), 1e-8, 32, 512)
    assert betas == pytest.approx((0.84, 0.984))
    assert epsilon == pytest.approx(2.5e-9)


def test_square_root_rule_says_where_it_ends():
    with pytest.raises(ValueError, match="keep the betas"):
        formulas.scale_adam((0.9, 0.999), 1e-8, 32, 320)


def test_unknown_rules_and_batches_are_refused():
    with pytest.raises(ValueError, match="no learning-rate rule"):
        rates.scale(0.1, 32, 64, "cubic")
    with pytest.raises(ValueError, match="above 0"):
        rates.scale(0.1, 0, 64, "linear")


@pytest.mark.parametrize("batch_size", [1, 10, 100, 1000])
def test_saturating_rule_is_the_best_step_of_a_noisy_quadratic(batch_size):
    # After θ - ε·(h·θ + noise/√B), E[L] = ½·h·Σ((1 - ε·h)²·θ² + ε²·c/B): best at the saturating ε
    h, theta, c = 2.0, np.array([0.5, -1.0, 0.25]), np.array([30.0, 10.0, 80.0])
    noise = c.sum() / ((h * theta) ** 2).sum()

    def loss(step):
        after = (1 - step * h) ** 2 * theta**2 + step**2 * c / batch_size
        return 0.5 * h * after.sum()

    best = optimize.minimize_scalar(loss, bounds=(0, 2 / h), method="bounded").x
    assert formulas.saturating(1 / h, batch_size, noise) == pytest.approx(best, rel=1e-3)


def test_saturating_rule_is_linear_below_and_constant_above_the_noise_scale():
    assert rates.scale_saturating(0.1, 1, 8, 1e6) == pytest.approx(0.8, rel=1e-4)
    assert rates.scale_saturating(0.1, 1e6, 1e7, 10) == pytest.approx(0.1, rel=1e-4)
    ratio = formulas.saturating(1.0, 512, 100) / formulas.saturating(1.0, 32, 100)
    assert rates.scale_saturating(0.1, 32, 512, 100) == pytest.approx(0.1 * ratio)


def test_adascale_gain_lies_between_one_and_the_replication():
    assert formulas.adascale_gain(1.0, 0.0, 16) == pytest.approx(16)
    assert formulas.adascale_gain(0.0, 1.0, 16) == pytest.approx(1)
    assert formulas.adascale_gain(3.0, 1.0, 4) == pytest.approx(4 / 1.75)
    assert formulas.adascale_gain(1.0, 0.0, 16, adam=True) == pytest.approx(4)
    with pytest.raises(ValueError, match="replication"):
        formulas.adascale_gain(1.0, 1.0, 0.5)


def test_half_life_in_examples_is_held():
    beta = formulas.hold_half_life(0.999, 32, 512)
    half_life = 512 * np.log(0.5) / np.log(beta)
    assert half_life == pytest.approx(32 * np.log(0.5) / np.log(0.999))
    with pytest.raises(ValueError, match="between 0 and 1"):
        formulas.hold_half_life(1.0, 32, 64)
