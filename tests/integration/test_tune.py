"""The main job end to end: real training on real data in real child processes."""

import math
import shutil
from pathlib import Path

import pytest
from browser import check_report, open_report
from command_line import in_process, measured, rightbatch

from differences import differences

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("studies")


@pytest.fixture(scope="module", params=[(25, 75), pytest.param((75,), marks=pytest.mark.long)])
def study(folder, request):
    """The demo, which `make demo` gives 75 seconds, and the budget that was enough."""
    done, seconds = measured("tune", "digits", budgets=request.param, folder=folder)
    assert done.err == ""
    return done.json, seconds


@pytest.fixture(scope="module")
def tuned(study):
    return study[0]


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


def test_the_advice_makes_sense_for_digits(study):
    tuned, seconds = study
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
    assert (
        spent["training_seconds"] + spent["measuring_seconds"] + spent["around_seconds"]
        < 1.1 * seconds
    )


def test_the_report_is_drawn_in_a_real_browser_without_a_console_error(tuned):
    with open_report(Path(tuned["report"])) as report:
        check_report(report)
        figures = report.figures()
        assert figures["time"].points > 5
        assert str(tuned["batch_size"]) in report.text()


def test_resuming_a_finished_study_measures_nothing_more(study, folder):
    tuned, seconds = study
    again = rightbatch(
        "tune",
        "digits",
        "--budget",
        f"{seconds}s",
        "--threads",
        "1",
        "--json",
        "--resume",
        folder=folder,
    )
    assert again.code == 0, again.err
    assert again.json == tuned
    assert again.err == ""


def test_report_recommends_again_from_what_is_stored(tuned, folder):
    same = in_process("report", tuned["study"], "--json", folder=folder).json
    assert same["batch_size"] == tuned["batch_size"]
    other = in_process(
        "report", tuned["study"], "--objective", "examples", "--json", folder=folder
    ).json
    assert other["objective"] == "examples"
    assert other["batch_size"] <= tuned["batch_size"]
    words = in_process("report", tuned["study"], folder=folder)
    assert f"{tuned['batch_size']:,}" in words.out
    assert "steps each" in words.out


def test_a_live_study_gives_the_same_advice_on_another_machine_and_its_export_replays(
    tuned, folder, tmp_path
):
    files = in_process("export", tuned["study"], tmp_path / "study", "--json", folder=folder)
    assert files.code == 0, files.err
    names = {path.name for path in (tmp_path / "study").iterdir()}
    assert names == {"study.json", "training.csv", "speed.csv", "trials.jsonl"}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    imported = in_process("import", tmp_path / "study", "--json", folder=elsewhere)
    assert imported.code == 0, imported.err
    advice = in_process("report", imported.json["study"], "--json", folder=elsewhere).json
    assert advice.keys() == tuned.keys()
    assert not differences({**tuned, "report": ""}, {**advice, "report": ""}, within=1e-8)
    replayed = in_process("replay", tmp_path / "study", "--json", folder=elsewhere)
    assert replayed.code == 0, replayed.err
    rows = replayed.json["results"]
    assert {"rightbatch", "rightbatch-one-off", "zeus"} <= {row["policy"] for row in rows}
    assert all(row["study"] == tuned["study"] and row["regret"] >= 1 for row in rows)


def test_list_names_the_study_and_the_workloads(tuned, folder):
    studies = in_process("list", "studies", "--json", folder=folder).json["results"]
    assert tuned["study"] in [row["name"] for row in studies]
    workloads = in_process("list", "workloads", "--json", folder=folder).json["results"]
    assert "digits" in [row["name"] for row in workloads]


def test_a_damaged_store_is_refused_and_left_as_it_is(folder, tmp_path):
    path = tmp_path / "rightbatch.db"
    shutil.copy(folder / "rightbatch.db", path)
    path.write_bytes(b"no database at all" + path.read_bytes()[18:])
    before = path.read_bytes()
    done = in_process("list", folder=tmp_path)
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert path.read_bytes() == before
