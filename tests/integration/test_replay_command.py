"""`rightbatch replay` as a user types it."""

import csv
import json
import math
from dataclasses import replace
from pathlib import Path

from command_line import in_process, rightbatch
from recorded_fixture import study, write_files

from rightbatch.api.replay import POLICIES

EXPORT = Path(__file__).parents[1] / "assets" / "export-v1"
ASKED = {"study", "dataset", "target", "policy", "repeat"}
TOLD = {"batch_size", "regret", "search_cost", "time_to_model"}
SMALL = study({10: 1.0, 20: 1.5}, {10: [100, 120], 20: [50, None]}, targets=(0.5, 1.0))


def test_json_has_a_row_per_study_target_policy_and_repeat(tmp_path):
    folder = write_files(tmp_path / "small", SMALL)
    policies = ("--policy", "exhaustive", "--policy", "nearest-to-32")
    done = in_process("replay", folder, *policies, "--repeats", 3, "--json", folder=tmp_path)
    assert done.code == 0, done.err
    assert done.json["schema"] == "rightbatch/replay/1"
    rows = done.json["results"]
    assert all(set(row) == ASKED | TOLD for row in rows)
    told = {(row["study"], row["target"], row["policy"], row["repeat"]) for row in rows}
    assert len(told) == len(rows) == 2 * 2 * 3
    for row in rows:
        assert row["batch_size"] in (10, 20)
        assert row["regret"] >= 1
    nearest = [row for row in rows if row["policy"] == "nearest-to-32" and row["target"] == 0.5]
    # 20 reaches 0.5 after 25 steps and after half of the 5000 it was given up at.
    longest = math.ceil(100 * 1000 / 20)
    expected = (25 + longest / 2) / 2 * 1.5 / 55
    assert math.isclose(nearest[0]["regret"], expected, rel_tol=1e-9)


def test_tables_tell_targets_data_sets_and_all(tmp_path):
    write_files(tmp_path / "studies" / "small", SMALL)
    done = in_process("replay", tmp_path / "studies", folder=tmp_path)
    assert done.code == 0, done.err
    for title in ("Per target", "Per data set", "Overall"):
        assert title in done.out
    assert "exhaustive" in done.out
    assert "pollux" not in done.out  # there are no gradient statistics


def test_at_80_columns_every_policy_is_named_in_one_piece_and_told_with_its_wall_time(tmp_path):
    write_files(tmp_path / "studies" / "small", SMALL)
    done = in_process("replay", tmp_path / "studies", "--repeats", 1, folder=tmp_path)
    lines = done.out.splitlines()
    assert max(map(len, lines)) <= 80
    sentence = " ".join(done.out.split()).rpartition("The replay took ")[2]
    for policy in POLICIES:
        if policy.needs_noise_scales:
            assert policy.name not in sentence
        else:  # two targets, one data set, and all
            assert sum(policy.name in line.split() for line in lines) >= 4
            assert f"{policy.name} " in sentence


def test_an_export_of_a_live_study_replays(tmp_path):
    done = rightbatch("replay", EXPORT, "--json", folder=tmp_path)
    assert done.code == 0, done.err
    with (EXPORT / "training.csv").open() as file:
        sizes = {int(row["batch_size"]) for row in csv.DictReader(file)}
    rows = done.json["results"]
    assert rows
    assert {row["study"] for row in rows} == {
        json.loads((EXPORT / "study.json").read_text())["name"]
    }
    assert all(row["batch_size"] in sizes for row in rows)


def test_the_planner_explains_its_decisions(tmp_path):
    folder = write_files(tmp_path / "small", SMALL)
    done = in_process("replay", folder, "--explain", "--json", folder=tmp_path)
    assert done.code == 0, done.err
    rows = done.json["results"]
    asked = {(row["target"], row["policy"]) for row in rows}
    assert asked == {(t, p) for t in (0.5, 1.0) for p in ("rightbatch", "rightbatch-one-off")}
    words = in_process("replay", folder, "--explain", folder=tmp_path)
    for row in rows:
        assert row["sentences"][-1].startswith("Chose ")
        assert all(told in words.out for told in row["sentences"])


def test_a_target_that_no_run_reached_is_left_out_and_told(tmp_path):
    folder = write_files(tmp_path / "small", replace(SMALL, targets=(0.5, 2.0)))
    arguments = ("replay", folder, "--policy", "rightbatch", "--json")
    for more in ((), ("--explain",)):
        done = in_process(*arguments, *more, folder=tmp_path)
        assert done.code == 0, done.err
        assert {row["target"] for row in done.json["results"]} == {0.5}
        assert done.err == (f"{folder}: no run reached accuracy >= 2; this target is left out.\n")


def test_a_policy_that_can_play_none_of_the_studies_is_told_with_what_it_needs(tmp_path):
    folder = write_files(tmp_path / "small", SMALL)
    for json_too in ((), ("--json",)):
        done = in_process("replay", folder, "--policy", "pollux", *json_too, folder=tmp_path)
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
        assert "pollux cannot be replayed: none of the studies has gradient statistics" in done.err
    both = ("--policy", "pollux", "--policy", "nearest-to-32")
    done = in_process("replay", folder, *both, "--json", folder=tmp_path)
    assert done.code == 0
    assert {row["policy"] for row in done.json["results"]} == {"nearest-to-32"}
    assert done.err.startswith("pollux cannot be replayed")


def test_a_folder_that_is_named_twice_counts_once(tmp_path):
    folder = write_files(tmp_path / "studies" / "small", SMALL)
    (tmp_path / "link").symlink_to(folder)
    named = (folder, tmp_path / "studies", tmp_path / "link")
    done = in_process("replay", *named, "--policy", "zeus", "--json", folder=tmp_path)
    assert done.code == 0, done.err
    assert len(done.json["results"]) == 2 * 5


def test_a_longest_run_that_ends_well_before_a_recorded_arrival_is_refused(tmp_path):
    folder = write_files(tmp_path / "small", replace(SMALL, longest_run_epochs=0.2))
    done = in_process("replay", folder, "--json", folder=tmp_path)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert (
        "longest_run_epochs is 0.2, but a run at batch size 10 reached accuracy >= 0.5" in done.err
    )


def test_what_cannot_be_replayed_is_said_in_a_sentence(tmp_path):
    folder = write_files(tmp_path / "small", SMALL)
    for arguments, said in (
        ((tmp_path / "nowhere",), "is not a folder"),
        ((tmp_path / "small", "--policy", "luck"), "There is no policy 'luck'"),
        ((folder, "--repeats", 0), "--repeats is 0; it must be at least 1"),
        (
            (folder, "--explain", "--policy", "zeus"),
            "Only the planner's decisions can be explained",
        ),
    ):
        done = in_process("replay", *arguments, folder=tmp_path)
        assert done.code == 2
        assert said in done.err
        assert "Traceback" not in done.err
    described = folder / "study.json"
    text = described.read_text()
    for before, after, field in (
        ('"max"', '["max"]', "the direction"),
        ("1000,", "Infinity,", "'examples_per_epoch'"),
        ("100.0,", "1e308,", "'longest_run_epochs'"),
        ("[0.5, 1.0]", "[NaN]", "'targets'"),
    ):
        assert before in text
        described.write_text(text.replace(before, after))
        done = in_process("replay", folder, "--json", folder=tmp_path)
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
        assert f"study.json: the field {field}" in done.err or f"study.json: {field}" in done.err
    described.write_text(text.replace("[0.5, 1.0]", "[1.5]"))
    done = in_process("replay", folder, "--json", folder=tmp_path)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "there is nothing to replay, as no run reached accuracy >= 1.5" in done.err
    (tmp_path / "empty").mkdir()
    done = in_process("replay", tmp_path / "empty", folder=tmp_path)
    assert (done.code, "contains no study.json" in done.err) == (2, True)
