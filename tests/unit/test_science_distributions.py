"""Distributions by scipy.special next to scipy.stats, which costs seconds to import."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import stats as reference

from rightbatch.science import stats
from rightbatch.science.response import expected_improvement, truncated_normal

ALIKE = {"rel": 1e-12, "abs": 0.0}


def test_importing_science_leaves_scipy_stats_out():
    code = (
        "import sys, rightbatch.science.stats, rightbatch.science.response\n"
        "import rightbatch.measure.carry_out, rightbatch.api.verbs\n"
        "print('scipy.stats' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("level", [0.1, 0.5, 0.8, 0.9, 0.95, 0.99, 0.9999])
@pytest.mark.parametrize("freedom", [0.3, 1, 1.5, 2, 4, 7.25, 30, 400, 1e6, np.inf])
def test_quantiles_of_students_t(level, freedom):
    expected = reference.t.ppf((1 + level) / 2, freedom)
    assert stats.t_quantile(level, freedom) == pytest.approx(expected, **ALIKE)


def test_the_width_of_a_normal_interval():
    assert pytest.approx(reference.norm.ppf(0.975), **ALIKE) == stats.Z95


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95, 0.99])
def test_order_statistics_by_the_binomial_distribution(level):
    for n in (*range(3, 60), 100, 321, 1000):
        k = int(reference.binom.ppf((1 - level) / 2, n, 0.5))
        found, share = stats._order_statistics(n, level)
        assert found == k
        if k:
            outer, inner = (1 - 2 * reference.binom.cdf(j - 1, n, 0.5) for j in (k, k + 1))
            way = (outer - level) / (outer - inner)
            expected = (n - k) * way / (k + (n - 2 * k) * way)
            assert share == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(("lack_df", "pure_df"), [(1, 1), (1, 30), (3, 8), (12, 5), (40, 200)])
def test_lack_of_fit_by_the_f_distribution(lack_df, pure_df):
    """The larger variance is taken from where its ratio is significant, not before."""
    critical = reference.f.isf(stats.SIGNIFICANCE, lack_df, pure_df)
    above = stats.residual_variance(critical * (1 + 1e-9), lack_df, 1.0, pure_df)
    below = stats.residual_variance(critical * (1 - 1e-9), lack_df, 1.0, pure_df)
    assert above == (critical * (1 + 1e-9), lack_df)
    assert below[1] == lack_df + pure_df
    assert stats.residual_variance(1.0, lack_df, 0.0, pure_df) == (1.0, lack_df)


@pytest.mark.parametrize("sd", [1e-3, 0.2, 1.0, 30.0])
@pytest.mark.parametrize("z", [-30.0, -8.0, -2.5, -1.0, -0.1, 0.0, 0.3, 1.7, 6.0, 20.0])
def test_expected_improvement_by_the_normal_distribution(z, sd):
    gap = z * sd
    at = gap / sd
    terms = gap * reference.norm.cdf(at), sd * reference.norm.pdf(at)
    rounding = 1e-12 * (abs(terms[0]) + terms[1])  # far below 0 they nearly cancel
    assert expected_improvement(gap, sd) == pytest.approx(sum(terms), rel=1e-12, abs=rounding)


@pytest.mark.parametrize("z", [-30.0, -5.0, -1.0, 0.0, 0.4, 2.0, 7.0, 25.0])
def test_the_truncated_normal_by_the_normal_distribution(z):
    sd = 0.3
    mean, variance = truncated_normal(1.0, sd, 1.0 + z * sd)
    at = (1.0 + z * sd - 1.0) / sd
    hazard = np.exp(reference.norm.logpdf(at) - reference.norm.logsf(at))
    assert mean == pytest.approx(1.0 + sd * hazard, **ALIKE)
    assert variance == pytest.approx(max(0.0, sd**2 * (1 - hazard * (hazard - at))), abs=1e-12)


def test_a_gap_beyond_all_numbers_is_no_error():
    assert expected_improvement(-1.0, 1e-200) == 0.0
    assert expected_improvement(1.0, 1e-200) == 1.0
