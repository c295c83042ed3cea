"""Commands that measure nothing: what they print is what docs/json.md says."""

import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from command_line import in_process, rightbatch
from test_json_contract import documented, keys, nulls

from rightbatch.records import Settings, Study, WorkloadReference
from rightbatch.store import open_store


def test_the_doctor_tells_what_is_documented(tmp_path):
    told = rightbatch("doctor", "--json", folder=tmp_path).json
    of_a_gpu = set() if told["results"] else {"name"}
    assert keys(told) | of_a_gpu == documented()["rightbatch/doctor/1"]
    assert 0 < told["memory_limit_bytes"] <= told["memory_bytes"]
    words = in_process("doctor", folder=tmp_path).out
    assert f"{told['cores']} usable cores" in words


@pytest.mark.parametrize(("openmp", "threads"), [("3", 3), ("", None), ("0", None)])
def test_the_doctor_tells_the_threads_that_openmp_is_told(openmp, threads, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", openmp)
    told = in_process("doctor", "--json", folder=tmp_path).json
    assert told["threads"] == (threads or told["cores"])


def test_a_list_of_studies_tells_what_is_documented(tmp_path):
    empty = in_process("list", "--json", folder=tmp_path)
    assert empty.json == {"schema": "rightbatch/studies/1", "results": [], "damaged": []}
    assert "No studies yet" in in_process("list", folder=tmp_path).out
    assert not list(tmp_path.iterdir())
    with open_store(tmp_path / "rightbatch.db") as store:
        where = WorkloadReference("workload", module="rightbatch.zoo.digits", title="digits")
        store.create_study(Study("", where, Settings(), 1.7e9, "0.1.0"))
    told = in_process("list", "studies", "--json", folder=tmp_path).json
    assert keys(told) - {"goal_reason"} == documented()["rightbatch/studies/1"]
    assert all(f"{name}_reason" in row for row, name in nulls(told))
    words = in_process("list", folder=tmp_path).out
    assert "digits-1" in words
    assert "no" in words.split()
    assert "_reason" not in words


def test_what_only_reads_makes_no_store(tmp_path):
    for command in (["list"], ["report", "digits-1"], ["export", "digits-1", "there"]):
        done = in_process(*command, "--store", "typo.db", folder=tmp_path)
        assert done.code == 2
        assert "There is no store" in done.err
        assert done.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_damaged_study_is_named_by_list_and_removed_by_delete(tmp_path):
    path = tmp_path / "rightbatch.db"
    with open_store(path) as store:
        for _ in range(2):
            where = WorkloadReference("workload", module="rightbatch.zoo.digits", title="digits")
            store.create_study(Study("", where, Settings(), 1.7e9, "0"))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE rightbatch_studies SET settings = '{' WHERE name = 'digits-1'")
        connection.commit()
    told = in_process("list", "--json", folder=tmp_path)
    assert [row["name"] for row in told.json["results"]] == ["digits-2"]
    assert told.json["damaged"] == ["digits-1"]
    assert "Remove it with: rightbatch delete digits-1" in " ".join(told.err.split())
    done = in_process("delete", "digits-1", "--yes", "--json", folder=tmp_path)
    assert done.json == {"schema": "rightbatch/delete/1", "study": "digits-1", "trials": 0}
    assert in_process("list", folder=tmp_path).err == ""


def test_python_dash_m_is_the_command_and_dash_h_its_help(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "rightbatch", "tune", "-h"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == in_process("tune", "--help", folder=tmp_path).out


def test_a_batch_size_beyond_the_data_is_refused_and_full_is_named(tmp_path):
    options = ("--batch-sizes", "32,5000", "--budget", "20s", "--threads", "1")
    done = in_process("tune", "digits", *options, folder=tmp_path)
    assert done.code == 2
    assert "--batch-sizes has 5,000" in done.err
    assert "1,437 training examples; write full" in done.err
