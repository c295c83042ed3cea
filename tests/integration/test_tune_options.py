"""What else may be asked of `tune`: a one-off, regimes, optimizers and goals within a limit."""

import pytest
from command_line import in_process, measured, rightbatch

from rightbatch.records import MemoryProbe, NoiseProbe
from rightbatch.store import open_store

pytestmark = pytest.mark.slow


def test_a_one_off_ends_with_the_first_model(tmp_path):
    done = rightbatch(
        "tune", "digits", "--one-off", "--budget", "60s", "--threads", "1", "--json",
        folder=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    spent = done.json["time_spent"]
    parts = ("training_seconds", "measuring_seconds", "around_seconds")
    assert spent["time_to_model_seconds"] == pytest.approx(sum(spent[part] for part in parts))
    assert spent["time_to_model_seconds"] < 60
    assert sum(row["runs_reached"] for row in done.json["results"]) == 1
    (reached,) = (row for row in done.json["results"] if row["runs_reached"])
    assert done.json["batch_size"] == reached["batch_size"]
    words = in_process("report", done.json["study"], folder=tmp_path).out
    assert "Stopped at the first run that reached the goal" in " ".join(words.split())


def test_a_one_off_without_a_level_is_refused_in_one_sentence(tmp_path):
    done = in_process(
        "tune", "digits", "--one-off", "--goal", "best accuracy within 5 epochs", folder=tmp_path
    )
    assert done.code == 2
    assert "no level" in " ".join(done.err.split())


def test_regimes_compare_stochastic_mini_batch_and_full_batch(tmp_path):
    done, _ = measured(
        "tune", "digits", "--batch-sizes", "1,32,full", budgets=(18, 40), folder=tmp_path
    )
    regimes = {row["regime"]: row for row in done.json["regimes"]}
    assert set(regimes) == {"stochastic", "mini-batch", "full batch"}
    assert regimes["full batch"]["steps_per_epoch"] == 1
    assert regimes["stochastic"]["steps_per_epoch"] == 1437
    assert done.json["batch_size"] in (1, 32, 1437)


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """A study of three optimizers: what was told, and its probes."""
    folder = tmp_path_factory.mktemp("optimizers")
    options = ("--optimizers", "sgd,adam,rmsprop", "--store", "studies.db")
    done, _ = measured("tune", "digits", *options, budgets=(24, 60), folder=folder)
    with open_store(folder / "studies.db") as store:
        return done.json, [trial.probe for trial in store.trials(done.json["study"])]


def test_optimizers_are_compared(compared):
    told, _ = compared
    names = [row["optimizer"] for row in told["optimizers"]]
    assert sorted(names) == ["adam", "rmsprop", "sgd"]
    assert told["optimizer"] == names[0]


def test_each_optimizer_has_its_own_memory_trials_and_noise_run(compared):
    told, probes = compared
    own_rates = {"sgd": 0.05, "adam": 0.001, "rmsprop": 0.001}
    for kind, rates in ((MemoryProbe, None), (NoiseProbe, own_rates)):
        asked = [probe for probe in probes if isinstance(probe, kind)]
        assert {probe.optimizer for probe in asked} == set(own_rates)
        if rates:
            assert {probe.optimizer: probe.learning_rate for probe in asked} == rates
    rows = {row["optimizer"]: row for row in told["optimizers"]}
    assert rows
    for row in rows.values():
        assert row["micro_batch_size"] <= row["largest_batch_size"] == 1437
        assert row["noise_scale"] is not None or row["noise_scale_reason"]
    best = rows[told["optimizer"]]
    for name in ("largest_batch_size", "safe_batch_size", "noise_scale"):
        assert told[name] == best[name]


def test_goals_of_the_best_metric_within_a_limit(tmp_path):
    done, _ = measured(
        "tune",
        "digits",
        "--goal",
        "best accuracy within 5 epochs",
        budgets=(12, 30),
        folder=tmp_path,
    )
    assert done.json["goal"] == "best accuracy within 5 epochs"
    assert done.json["batch_size"] is not None
