"""The main job end to end: real training on real data in real child processes."""

import math
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from browser import check_report, open_report
from command_line import rightbatch

from rightbatch.records import MemoryProbe, NoiseProbe, TrainingProbe
from rightbatch.store import open_store

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("studies")


@pytest.fixture(scope="module")
def tuned(folder):
    """The demo: what `make demo` runs."""
    done = rightbatch(
        "tune", "digits", "--budget", "75s", "--threads", "1", "--json", folder=folder
    )
    assert done.code == 0, done.err
    assert done.err == ""
    return done.json


def test_the_advice_holds_every_promised_key(tuned):
    for key in (
        "batch_size", "learning_rate", "micro_batch_size", "accumulation_steps", "near_optimal",
        "binding_constraint", "largest_batch_size", "knee_batch_size", "critical_batch_size",
        "noise_scale", "predicted_seconds_to_goal", "reference", "reasons", "study",
    ):  # fmt: skip
        assert key in tuned
        assert tuned[key] is not None or tuned[f"{key}_reason"]
    for key in ("knee_batch_size", "noise_scale", "predicted_seconds_to_goal"):
        assert set(tuned[key]) >= {"value", "low", "high", "level", "unit"}


def test_the_advice_makes_sense_for_digits(tuned):
    assert 32 <= tuned["batch_size"] <= 1437
    assert tuned["batch_size"] in tuned["near_optimal"]
    assert tuned["micro_batch_size"] * tuned["accumulation_steps"] >= tuned["batch_size"]
    assert tuned["steps_per_epoch"] == math.ceil(1437 / tuned["batch_size"])
    assert tuned["largest_batch_size"] == 1437
    assert tuned["reference"]["batch_size"] == 32
    assert 20 < tuned["noise_scale"]["value"] < 400
    predicted = tuned["predicted_seconds_to_goal"]
    assert predicted["low"] < predicted["value"] < predicted["high"]
    spent = tuned["time_spent"]
    assert spent["training_seconds"] > 0
    assert spent["training_seconds"] + spent["measuring_seconds"] + spent["around_seconds"] < 82.5


def test_the_report_is_drawn_in_a_real_browser_without_a_console_error(tuned):
    with open_report(Path(tuned["report"])) as report:
        check_report(report)
        figures = report.figures()
        assert figures["time"].points > 5
        assert str(tuned["batch_size"]) in report.text()


def test_resuming_a_finished_study_measures_nothing_more(tuned, folder):
    again = rightbatch(
        "tune", "digits", "--budget", "75s", "--threads", "1", "--json", "--resume", folder=folder
    )
    assert again.code == 0, again.err
    assert again.json == tuned
    assert again.err == ""


def test_report_recommends_again_from_what_is_stored(tuned, folder):
    same = rightbatch("report", tuned["study"], "--json", folder=folder).json
    assert same["batch_size"] == tuned["batch_size"]
    other = rightbatch(
        "report", tuned["study"], "--objective", "examples", "--json", folder=folder
    ).json
    assert other["objective"] == "examples"
    assert other["batch_size"] <= tuned["batch_size"]
    words = rightbatch("report", tuned["study"], folder=folder)
    assert f"{tuned['batch_size']:,}" in words.out
    assert "steps an epoch" in words.out


def test_a_live_study_gives_the_same_advice_on_another_machine_and_its_export_replays(
    tuned, folder, tmp_path
):
    files = rightbatch("export", tuned["study"], tmp_path / "study", "--json", folder=folder)
    assert files.code == 0, files.err
    names = {path.name for path in (tmp_path / "study").iterdir()}
    assert names == {"study.json", "training.csv", "speed.csv", "trials.jsonl"}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    imported = rightbatch("import", tmp_path / "study", "--json", folder=elsewhere)
    assert imported.code == 0, imported.err
    advice = rightbatch("report", imported.json["study"], "--json", folder=elsewhere).json
    assert {**advice, "report": ""} == {**tuned, "report": ""}
    replayed = rightbatch("replay", tmp_path / "study", "--json", folder=elsewhere)
    assert replayed.code == 0, replayed.err
    rows = replayed.json["results"]
    assert {"rightbatch", "rightbatch-one-off", "zeus"} <= {row["policy"] for row in rows}
    assert all(row["study"] == tuned["study"] and row["regret"] >= 1 for row in rows)


def test_list_names_the_study_and_the_workloads(tuned, folder):
    studies = rightbatch("list", "studies", "--json", folder=folder).json["results"]
    assert tuned["study"] in [row["name"] for row in studies]
    workloads = rightbatch("list", "workloads", "--json", folder=folder).json["results"]
    assert "digits" in [row["name"] for row in workloads]


def test_a_damaged_store_is_refused_and_left_as_it_is(folder, tmp_path):
    path = tmp_path / "rightbatch.db"
    shutil.copy(folder / "rightbatch.db", path)
    path.write_bytes(b"no database at all" + path.read_bytes()[18:])
    before = path.read_bytes()
    done = rightbatch("list", folder=tmp_path)
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert path.read_bytes() == before


def test_two_workers_train_side_by_side_and_the_advice_is_by_steps_timed_alone(tmp_path):
    done = rightbatch(
        "tune", "digits", "--workers", "2", "--budget", "40s", "--threads", "1", "--json",
        folder=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert 32 <= done.json["batch_size"] <= 1437
    assert any("Up to 2 runs trained at the same time" in reason for reason in done.json["reasons"])
    spent = done.json["time_spent"]
    wall = spent["training_seconds"] + spent["measuring_seconds"] + spent["around_seconds"]
    assert spent["overlapped_seconds"] > 1
    assert wall - spent["overlapped_seconds"] < 44
    with open_store(tmp_path / "rightbatch.db") as store:
        trials = store.recording(done.json["study"]).trials
    spans = sorted((trial.started, trial.started + trial.wall_seconds) for trial in trials)
    together = sum(later[0] < earlier[1] - 0.05 for earlier, later in pairwise(spans))
    assert together >= 4
    alone = [t for t in trials if not isinstance(t.probe, TrainingProbe)]
    assert max(t.started + t.wall_seconds for t in alone) <= min(
        t.started for t in trials if isinstance(t.probe, TrainingProbe)
    )
    again = rightbatch("report", done.json["study"], folder=tmp_path)
    assert "beside another run" in " ".join(again.out.split())


def test_two_workers_race_batch_sizes_at_the_rules_learning_rates(tmp_path):
    done = rightbatch(
        "tune", "digits", "--workers", "2", "--learning-rate", "rule", "--budget", "40s",
        "--threads", "1", "--json",
        folder=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert done.json["predicted_seconds_to_goal"]["value"] > 0
    assert any("Up to 2 runs trained at the same time" in reason for reason in done.json["reasons"])
    with open_store(tmp_path / "rightbatch.db") as store:
        trials = store.recording(done.json["study"]).trials
    runs = sorted(
        (t for t in trials if isinstance(t.probe, TrainingProbe)), key=lambda t: t.started
    )
    ends = [trial.started + trial.wall_seconds for trial in runs]
    assert any(later.started < end for later, end in zip(runs[1:], ends, strict=False))
    rates = {trial.probe.batch_size: trial.probe.learning_rate for trial in runs}
    assert all(trial.probe.learning_rate == rates[trial.probe.batch_size] for trial in runs)


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
    words = rightbatch("report", done.json["study"], folder=tmp_path).out
    assert "first run at the goal after" in " ".join(words.split())


def test_a_one_off_without_a_level_is_refused_in_one_sentence(tmp_path):
    done = rightbatch(
        "tune", "digits", "--one-off", "--goal", "best accuracy within 5 epochs", folder=tmp_path
    )
    assert done.code == 2
    assert "no level" in " ".join(done.err.split())


def test_batch_sizes_race_where_learning_rates_follow_the_rule(tmp_path):
    done = rightbatch(
        "tune", "digits", "--learning-rate", "rule", "--budget", "90s", "--threads", "1", "--json",
        folder=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    told = done.json
    assert 32 <= told["batch_size"] <= 1437
    assert told["predicted_seconds_to_goal"]["value"] > 0
    spent = told["time_spent"]
    parts = ("training_seconds", "measuring_seconds", "around_seconds")
    assert sum(spent[part] for part in parts) < 99
    rates = {row["batch_size"]: row["learning_rate"] for row in told["results"]}
    assert rates[told["batch_size"]] == pytest.approx(told["learning_rate"], rel=0.01)
    words = rightbatch("report", told["study"], folder=tmp_path).out
    assert "The race - began with " in " ".join(words.split())


def test_a_race_without_a_level_is_refused_in_one_sentence(tmp_path):
    done = rightbatch(
        "learn", "digits", "--learning-rate", "rule", "--goal", "best accuracy within 5 epochs",
        folder=tmp_path,
    )  # fmt: skip
    assert done.code == 2
    assert "no level to race for" in " ".join(done.err.split())


def test_regimes_compare_stochastic_mini_batch_and_full_batch(tmp_path):
    done = rightbatch(
        "tune", "digits", "--batch-sizes", "1,32,full", "--budget", "40s", "--threads", "1",
        "--json", folder=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    regimes = {row["regime"]: row for row in done.json["regimes"]}
    assert set(regimes) == {"stochastic", "mini-batch", "full batch"}
    assert regimes["full batch"]["steps_per_epoch"] == 1
    assert regimes["stochastic"]["steps_per_epoch"] == 1437
    assert done.json["batch_size"] in (1, 32, 1437)


def test_optimizers_are_compared(tmp_path):
    done = rightbatch(
        "tune", "digits", "--optimizers", "sgd,adam,rmsprop", "--budget", "45s", "--threads", "1",
        "--json", folder=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    compared = [row["optimizer"] for row in done.json["optimizers"]]
    assert sorted(compared) == ["adam", "rmsprop", "sgd"]
    assert done.json["optimizer"] == compared[0]


def test_each_optimizer_has_its_own_memory_trials_and_noise_run(tmp_path):
    done = rightbatch(
        "tune", "digits", "--optimizers", "sgd,adam", "--budget", "60s", "--threads", "1",
        "--store", "studies.db", "--json", folder=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    with open_store(tmp_path / "studies.db") as store:
        probes = [trial.probe for trial in store.trials(done.json["study"])]
    for kind, rates in ((MemoryProbe, None), (NoiseProbe, {"sgd": 0.05, "adam": 0.001})):
        asked = [probe for probe in probes if isinstance(probe, kind)]
        assert {probe.optimizer for probe in asked} == {"sgd", "adam"}
        if rates:
            assert {probe.optimizer: probe.learning_rate for probe in asked} == rates
    rows = {row["optimizer"]: row for row in done.json["optimizers"]}
    assert rows
    for row in rows.values():
        assert row["micro_batch_size"] <= row["largest_batch_size"] == 1437
        assert row["noise_scale"] is not None or row["noise_scale_reason"]
    best = rows[done.json["optimizer"]]
    for name in ("largest_batch_size", "safe_batch_size", "noise_scale"):
        assert done.json[name] == best[name]


def test_goals_of_the_best_metric_within_a_limit(tmp_path):
    done = rightbatch(
        "tune", "digits", "--goal", "best accuracy within 5 epochs", "--budget", "30s",
        "--threads", "1", "--json", folder=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert done.json["goal"] == "best accuracy within 5 epochs"
    assert done.json["batch_size"] is not None


def test_a_device_named_twice_is_searched_once(tmp_path):
    done = rightbatch(
        "memory", "digits", "--device", "cpu,cpu", "--budget", "15s", "--threads", "1", "--json",
        folder=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert len(done.json["devices"]) == 1
    studies = rightbatch("list", "studies", "--json", folder=tmp_path).json["results"]
    assert len(studies) == 1


@pytest.mark.parametrize(
    ("stage", "keys"),
    [
        ("memory", ["largest_batch_size", "safe_batch_size", "memory_limit_bytes", "bytes_fixed",
                    "bytes_per_example", "trials"]),
        ("speed", ["knee_batch_size", "results"]),
        ("noise", ["noise_scale", "results"]),
        ("learn", ["critical_batch_size", "results"]),
    ],
)  # fmt: skip
def test_one_stage_alone(stage, keys, tmp_path):
    done = rightbatch(
        stage, "digits", "--budget", "15s", "--threads", "1", "--json", folder=tmp_path
    )
    assert done.code == 0, done.err
    for key in keys:
        assert key in done.json
    words = rightbatch(
        stage, "digits", "--budget", "15s", "--threads", "1", "--resume", folder=tmp_path
    )
    assert words.code == 0, words.err
    assert done.json["study"] in words.out


def test_several_devices_are_told_what_all_of_them_can_use(tmp_path):
    done = rightbatch(
        "memory", "digits", "--device", "cpu,cpu:0", "--max-batch-size", "64", "--threads", "1",
        "--json", folder=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    rows = done.json["devices"]
    assert len({row["study"] for row in rows}) == 2
    for name in ("largest_batch_size", "safe_batch_size"):
        assert done.json[name] == min(row[name] for row in rows) == 64


def test_a_memory_limit_that_nothing_fits_is_told_with_the_remedy(tmp_path):
    huge = "+ 0 * torch.ones(len(batch[0]), 2**28).mean(),"
    source = WIDE.replace("batch[1]),", f"batch[1]) {huge}")
    assert huge in source
    (tmp_path / "huge.py").write_text(source)
    done = rightbatch(
        "tune", "huge.py:workload", "--memory-limit", "1GiB", "--threads", "1", "--budget", "60s",
        "--json", folder=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert done.json["predicted_seconds_to_goal"] is None
    assert "fits the memory limit" in done.json["largest_batch_size_reason"]
    words = " ".join(rightbatch("report", done.json["study"], folder=tmp_path).out.split())
    assert "fits the memory limit of 1.00 GiB: raise it" in words


def test_a_memory_limit_is_found_on_the_trial_process(tmp_path):
    (tmp_path / "wide.py").write_text(WIDE)
    done = rightbatch(
        "memory", "wide.py:workload", "--memory-limit", "1GiB", "--threads", "1", "--budget", "90s",
        "--json", folder=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    found = done.json
    assert found["capped_by"] == "memory"
    assert found["safe_batch_size"] <= found["largest_batch_size"] < 20000
    per_example = found["bytes_per_example"]["value"]
    assert 64 * 1024 < per_example < 4 * 64 * 1024
    room = found["memory_limit_bytes"] - found["bytes_fixed"]["value"]
    assert found["largest_batch_size"] > 0.85 * room / per_example


def test_the_state_of_an_optimizer_makes_its_largest_batch_smaller(tmp_path):
    layers = "nn.Sequential(nn.Linear(16, 16384), nn.ReLU(), nn.Linear(16384, 1))"
    source = WIDE.replace(layers, f"nn.Sequential({layers}, Table())") + TABLE
    assert "Table())" in source
    (tmp_path / "wide.py").write_text(source)
    done = rightbatch(
        "memory", "wide.py:workload", "--optimizers", "sgd,adam", "--memory-limit", "1GiB",
        "--threads", "1", "--budget", "5m", "--json", folder=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    found = {row["optimizer"]: row for row in done.json["optimizers"]}
    assert {row["capped_by"] for row in found.values()} == {"memory"}
    adam, sgd = found["adam"], found["sgd"]
    more = 2 * 4 * 15_000_000 / sgd["bytes_per_example"]["value"]  # two moments of each parameter
    assert 0.4 * more < sgd["largest_batch_size"] - adam["largest_batch_size"] < 1.8 * more
    trials = [row["optimizer"] for row in done.json["results"]]
    assert trials.count("sgd") <= trials.count("adam"), done.json["results"]
    tried = [row["batch_size"] for row in done.json["results"] if row["optimizer"] == "sgd"]
    small = [size for size in tried if size < adam["largest_batch_size"] / 2]
    assert len(small) <= 1, tried  # the rest is begun from what Adam's told


TABLE = """

class Table(nn.Module):
    def __init__(self):
        super().__init__()
        self.rows = nn.Parameter(torch.zeros(15_000_000))

    def forward(self, x):
        return x + self.rows.mean()
"""

WIDE = """
import torch
from torch import nn
from rightbatch.torch import Workload

def workload():
    x = torch.randn(20000, 16)
    y = x.sum(1, keepdim=True)
    return Workload(
        model=lambda: nn.Sequential(nn.Linear(16, 16384), nn.ReLU(), nn.Linear(16384, 1)),
        train_data=(x, y), valid_data=(x[:64], y[:64]),
        loss=lambda net, batch: nn.functional.mse_loss(net(batch[0]), batch[1]),
        metric=lambda net, batches: sum(float((net(a) - b).square().mean()) for a, b in batches),
        goal="loss <= 0.1",
        optimizer=lambda parameters, rate: torch.optim.SGD(parameters, lr=rate),
        batch_size=32, learning_rate=1e-4,
    )
"""
