"""Batch sizes that race at the learning rates of the rule, and runs side by side."""

from itertools import pairwise

import pytest
from command_line import in_process, measured

from rightbatch.records import TrainingProbe
from rightbatch.store import open_store

pytestmark = pytest.mark.slow


def test_two_workers_train_side_by_side_and_the_advice_is_by_steps_timed_alone(tmp_path):
    done, seconds = measured("tune", "digits", "--workers", "2", budgets=(18, 40), folder=tmp_path)
    assert 32 <= done.json["batch_size"] <= 1437
    assert any("Up to 2 runs trained at the same time" in reason for reason in done.json["reasons"])
    spent = done.json["time_spent"]
    wall = spent["training_seconds"] + spent["measuring_seconds"] + spent["around_seconds"]
    assert spent["overlapped_seconds"] > 1
    assert wall - spent["overlapped_seconds"] < 1.1 * seconds
    with open_store(tmp_path / "rightbatch.db") as store:
        trials = store.recording(done.json["study"]).trials
    spans = sorted((trial.started, trial.started + trial.wall_seconds) for trial in trials)
    together = sum(later[0] < earlier[1] - 0.05 for earlier, later in pairwise(spans))
    assert together >= 4
    alone = [t for t in trials if not isinstance(t.probe, TrainingProbe)]
    assert max(t.started + t.wall_seconds for t in alone) <= min(
        t.started for t in trials if isinstance(t.probe, TrainingProbe)
    )
    again = in_process("report", done.json["study"], folder=tmp_path)
    assert "of it in parallel" in " ".join(again.out.split())


@pytest.mark.long
def test_two_workers_race_batch_sizes_at_the_rules_learning_rates(tmp_path):
    done, _ = measured(
        "tune",
        "digits",
        "--workers",
        "2",
        "--learning-rate",
        "rule",
        budgets=(18, 40),
        folder=tmp_path,
    )
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


def test_batch_sizes_race_where_learning_rates_follow_the_rule(tmp_path):
    done, seconds = measured(
        "tune", "digits", "--learning-rate", "rule", budgets=(25, 90), folder=tmp_path
    )
    told = done.json
    assert 32 <= told["batch_size"] <= 1437
    assert told["predicted_seconds_to_goal"]["value"] > 0
    spent = told["time_spent"]
    parts = ("training_seconds", "measuring_seconds", "around_seconds")
    assert sum(spent[part] for part in parts) < 1.1 * seconds
    rates = {row["batch_size"]: row["learning_rate"] for row in told["results"]}
    assert rates[told["batch_size"]] == pytest.approx(told["learning_rate"], rel=0.01)
    words = in_process("report", told["study"], folder=tmp_path).out
    assert "Runs Median time vs recommended" in " ".join(words.split())


def test_a_race_without_a_level_is_refused_in_one_sentence(tmp_path):
    done = in_process(
        "learn", "digits", "--learning-rate", "rule", "--goal", "best accuracy within 5 epochs",
        folder=tmp_path,
    )  # fmt: skip
    assert done.code == 2
    assert "no level to race for" in " ".join(done.err.split())
