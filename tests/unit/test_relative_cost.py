"""What runs tell of the cost at all candidates: intervals that cover as often as they say."""

import math

import numpy as np
import pytest

from rightbatch.science.relative_cost import CostPosterior, CostPrior, CostSeen
from rightbatch.science.stats import Z95

PRIOR = CostPrior()
EXAMPLES = 20_000
SIZES = [2**k for k in range(3, 14)]
PRESENT = 32


def drawn(rng, shifts):
    """Log examples to the target at each candidate, of a workload as it is believed to be."""
    octaves = np.log2(SIZES)
    critical = math.inf
    if rng.uniform() >= PRIOR.flat:
        critical = PRIOR.critical_share * EXAMPLES * math.exp(PRIOR.critical_sd * rng.normal())
    curve = np.log1p(np.array(SIZES) / critical)
    curve += np.log1p(PRIOR.small * 2 ** (octaves[0] - octaves))
    slope, bend, tilt = np.array([*PRIOR.rate_means, 0]) + rng.normal(size=3) * PRIOR.rate_sds
    curve += slope * shifts + bend * shifts**2 + tilt * (octaves - math.log2(PRESENT)) * shifts
    apart = ((octaves[:, None] - octaves) / PRIOR.wiggle_octaves) ** 2
    apart += ((shifts[:, None] - shifts) / PRIOR.rate_wiggle_octaves) ** 2
    root = np.linalg.cholesky(np.exp(-0.5 * apart) + 1e-9 * np.eye(len(SIZES)))
    return 8.0 + curve + rng.choice(PRIOR.wiggle_sds) * root @ rng.normal(size=len(SIZES))


def test_the_covariance_of_a_candidate_with_itself_is_its_variance():
    seen = [CostSeen(2, 8.0), CostSeen(5, 7.5), CostSeen(5, 7.7, 0.3)]
    told = CostPosterior(SIZES, seen, EXAMPLES, 100.0, PRIOR, [0.5] * len(SIZES), PRESENT)
    rows = np.array([told.covariances(index) for index in range(len(SIZES))])
    assert np.diag(rows) == pytest.approx(told.variances(), rel=1e-9)
    assert rows == pytest.approx(rows.T, rel=1e-9)
    assert np.linalg.eigvalsh(rows).min() > 0


@pytest.mark.parametrize("searched", [False, True])
def test_intervals_cover_the_log_ratio_of_examples_to_those_at_a_size_that_was_run(searched):
    """After four runs, at learning rates by the rule or off it: mean ± 1.96 deviations."""
    rng = np.random.default_rng(4)
    covered = []
    for _ in range(400):
        shifts = rng.choice([-1, -0.5, 0, 0.5, 1], len(SIZES)) if searched else np.zeros(len(SIZES))
        truth = drawn(rng, shifts)
        runs = rng.choice(len(SIZES), 4, replace=False)
        seen = [CostSeen(int(i), truth[i] + PRIOR.seed_sd * rng.normal()) for i in runs]
        told = CostPosterior(SIZES, seen, EXAMPLES, None, PRIOR, list(shifts), PRESENT)
        one = int(runs[0])
        each = told.variances()
        variance = each + each[one] - 2 * told.covariances(one)
        miss = told.mean - told.mean[one] - (truth - truth[one])
        covered += [*np.delete(np.abs(miss) <= Z95 * np.sqrt(np.maximum(variance, 0)), one)]
    assert 0.90 <= np.mean(covered) <= 0.98
