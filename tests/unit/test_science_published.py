"""Published figures that the fits must reproduce (data files are given by RIGHTBATCH_PUBLISHED)."""

import csv

import numpy as np
import pytest
from published_formulas import zhang_critical_batch_size

import needs
from rightbatch.science.convergence import fit_hyperbola

CBS = {"85M": 745.3, "151M": 955.2, "302M": 1393.7, "604M": 1888.5, "1.2B": 2533.4}
MILLIONS = [85, 151, 302, 604, 1200]


def rows(name):
    with (needs.published_figures() / name).open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def zhang():
    models = {}
    for row in rows("zhang_lm_steps.csv"):
        models.setdefault(row["model"], []).append(
            (float(row["batch_size_sequences"]), float(row["steps_to_target_loss"]))
        )
    return {model: np.array(runs).T for model, runs in models.items()}


@pytest.fixture(scope="module")
def mlperf():
    """Amount (examples or epochs, by benchmark) of every run, by benchmark and batch size.

    Units differ between benchmarks; S = amount/B is then steps up to a constant factor, which
    moves neither log residuals nor B_crit. Medians over seeds let GPT-3's outlier pass.
    """
    benchmarks = {}
    for row in rows("mlperf_rcp.csv"):
        sizes = benchmarks.setdefault(row["benchmark"], {})
        sizes.setdefault(float(row["batch_size"]), []).append(float(row["amount"]))
    return benchmarks


def median_steps(sizes):
    batch = np.array(sorted(sizes))
    return batch, np.array([np.median(sizes[size]) / size for size in batch])


def test_language_models_follow_the_hyperbola_and_no_power_law(zhang):
    assert list(zhang) == list(CBS)
    for batch, steps in zhang.values():
        assert 0.038 <= fit_hyperbola(batch, steps).lack_of_fit <= 0.055
        line = np.polyfit(np.log(batch), np.log(steps), 1)
        power_law = np.sqrt(np.mean((np.polyval(line, np.log(batch)) - np.log(steps)) ** 2))
        assert 0.12 <= power_law <= 0.29


def test_critical_batch_sizes_of_zhang(zhang):
    found = []
    for model, (batch, steps) in zhang.items():
        curve = fit_hyperbola(batch, steps).curve
        found.append(zhang_critical_batch_size(curve.a, curve.b))
        assert found[-1] == pytest.approx(CBS[model], rel=0.01)
    exponent, log_factor = np.polyfit(np.log(MILLIONS), np.log(found), 1)
    assert np.exp(log_factor) == pytest.approx(93.20, rel=0.01)
    assert exponent == pytest.approx(0.468, rel=0.01)


def test_mlperf_follows_the_hyperbola(mlperf):
    assert len(mlperf) == 8
    for sizes in mlperf.values():
        fit = fit_hyperbola(*median_steps(sizes))
        assert fit.lack_of_fit <= 0.075
        assert fit.critical_batch_size is not None


def test_the_largest_batch_of_mlperf_is_predicted_from_the_others(mlperf):
    errors, inside = {}, {}
    for name, sizes in mlperf.items():
        batch, steps = median_steps(sizes)
        predicted = fit_hyperbola(batch[:-1], steps[:-1]).curve.estimate(batch[-1])
        errors[name] = abs(predicted.value / steps[-1] - 1)
        inside[name] = predicted.low <= steps[-1] <= predicted.high
    assert sum(error <= 0.10 for error in errors.values()) >= 7
    assert sum(inside.values()) >= 7
    assert inside["stable_diffusion"]  # 24% off, and known to be unsure


def test_extrapolation_far_beyond_the_sizes_tried_says_how_unsure_it_is(mlperf):
    sizes = mlperf["resnet"]
    largest = max(sizes)
    truth = float(np.median(sizes[largest])) / largest
    smallest = sorted(sizes)[:3]
    by_median = fit_hyperbola(*median_steps({size: sizes[size] for size in smallest}))
    predicted = by_median.curve.estimate(largest)
    assert largest / smallest[0] > 40
    assert predicted.value / truth - 1 == pytest.approx(0.67, abs=0.01)
    assert predicted.low <= truth <= predicted.high
    every_seed = [(size, amount / size) for size in smallest for amount in sizes[size]]
    of_runs = fit_hyperbola(*zip(*every_seed, strict=True)).curve.estimate(largest)
    assert of_runs.low <= truth <= of_runs.high


def test_seed_noise_of_mlperf(mlperf):
    """The file gives 3.6, 7.5 and 14%; without ResNet 4.2, 8.8 and 17% (known: 4.4, 8.8, 18)."""

    def percentiles(names):
        cells = [np.array(runs) for name in names for runs in mlperf[name].values()]
        return np.percentile([cell.std(ddof=1) / cell.mean() for cell in cells], [50, 75, 90])

    assert percentiles(mlperf) == pytest.approx([0.0364, 0.0751, 0.1404], rel=0.01)
    without = percentiles([name for name in mlperf if name != "resnet"])
    assert without == pytest.approx([0.044, 0.088, 0.18], rel=0.06)
