"""What is known of the published studies comes out of ours too (RIGHTBATCH_TRACES names them)."""

from statistics import fmean, median

import numpy as np
import pytest

import needs
from rightbatch.decide.replay.figures import replay
from rightbatch.decide.replay.question import questions
from rightbatch.decide.replay.rivals import RIVALS
from rightbatch.exchange import read_recorded
from rightbatch.science.speed import fit_step_time


@pytest.fixture(scope="module")
def studies():
    return {folder.name: read_recorded(folder) for folder in needs.published_studies()}


@pytest.mark.parametrize(
    ("policy", "middle", "mean", "worst"),
    [
        ("largest-that-fits", 1.07, 2.4, 13.9),
        ("highest-throughput", 1.07, 1.5, 3.8),
        ("throughput-90", 1.02, 1.3, 4.0),
        ("nearest-to-32", 1.9, 91, 852),
    ],
)
def test_regret_of_rules_of_thumb(studies, policy, middle, mean, worst):
    asked = [each for study in studies.values() for each in questions(study)]
    assert len(asked) == 46
    rule = next(rival for rival in RIVALS if rival.name == policy)
    regrets = [row.regret for row in replay(asked, [rule], 1)]
    assert median(regrets) == pytest.approx(middle, rel=0.03)
    assert fmean(regrets) == pytest.approx(mean, rel=0.05)
    assert max(regrets) == pytest.approx(worst, rel=0.03)


def test_step_times_on_one_gpu_are_no_exact_line_and_are_interpolated_where_it_is_poor(studies):
    """Published: 2 to 26% off, some not even ascending; RMS of the relative residuals here."""
    zeus = [study for name, study in studies.items() if name.startswith("zeus")]
    fits, ascending = [], []
    for study in zeus:
        speeds = sorted((speed.batch_size, speed.step_seconds) for speed in study.speeds)
        sizes, seconds = zip(*speeds, strict=True)
        fits.append(fit_step_time(sizes, [[second] for second in seconds]))
        ascending.append(list(seconds) == sorted(seconds))
    misfits = [fit.lack_of_fit for fit in fits]
    assert min(misfits) > 0.02
    assert 0.10 < max(misfits) < 0.26
    assert not all(ascending)
    assert {fit.interpolated for fit in fits} == {True, False}


def test_the_noise_scale_of_imagenet_grows_along_a_run_and_with_the_batch_size(studies):
    """Published: 11,000 examples at batch size 200, 42,000 at 12,800."""
    scales = {}
    for run in studies["pollux-imagenet-1gpu"].runs:
        told = [level.noise_scale for level in run.levels if level.noise_scale is not None]
        scales[run.batch_size] = median(told)
        assert told[-1] > 10 * told[0]
    sizes = sorted(scales)
    assert scales[200] == pytest.approx(11_000, rel=0.05)
    assert scales[12_800] == pytest.approx(42_000, rel=0.05)
    assert np.all(np.diff([scales[size] for size in sizes]) > 0)
