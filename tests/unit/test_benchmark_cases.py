"""The benchmarks' tables are of cases that exist, with the settings that their workloads name."""

import csv
import os
import re
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from rightbatch.zoo import ZOO, digits

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def live(monkeypatch):
    """Modules of the live benchmark, by name, as its scripts import one another."""
    monkeypatch.syspath_prepend(BENCHMARKS / "live")
    before = set(sys.modules)
    yield import_module
    for name in set(sys.modules) - before:
        if str(BENCHMARKS) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def test_every_task_is_in_the_table_and_two_in_keras(live):
    cases = live("cases").ZOO_CASES
    assert set(ZOO) <= set(cases)
    assert {case.backend for case in cases.values()} == {"", "tensorflow", "jax"}
    for name, case in cases.items():
        if case.backend:
            assert Path(case.workload.file).is_file(), name


def test_the_command_measures_every_task_that_has_no_figures_elsewhere(live):
    text = (BENCHMARKS.parent / "Makefile").read_text().replace("\\\n", " ")
    tasks = re.search(r"^TASKS := (.*)$", text, re.M)[1].split()
    cases = live("cases")
    elsewhere = {name for name, case in cases.ZOO_CASES.items() if case.results == cases.RESULTS}
    assert set(tasks) == set(cases.ZOO_CASES) - elsewhere
    for name in tasks:
        assert cases.named(name) is cases.ZOO_CASES[name]


def test_the_digits_of_the_live_benchmark_are_those_of_the_zoo(live):
    case, workload = live("cases").ZOO_CASES["digits"], digits.workload()
    assert case.workload.module == ZOO["digits"].module
    assert workload.optimizers[case.optimizer] is workload.optimizer
    assert case.reference_batch_size == workload.batch_size
    assert case.reference_learning_rate == workload.learning_rate


def test_what_was_measured_is_of_cases_that_exist(live):
    cases = live("cases").ZOO_CASES
    folder = BENCHMARKS / "results" / "zoo"
    kinds = {"tune", "speed", "truth", "retrain"}
    for file in folder.glob("*.csv"):
        kind, _, name = file.stem.partition("-")
        assert kind in kinds, file
        assert name in cases, file
    rows = [line for line in (folder / "table.md").read_text().splitlines() if line[:1] == "|"]
    told = {line.split("|")[1].split("(")[0].strip() for line in rows}
    assert told - {"task", "---"} <= set(cases)


def test_a_search_that_is_started_again_repeats_no_run(live, tmp_path):
    case = replace(
        live("cases").CASES["digits-adam"], search_seeds=1, best_seeds=2, refine=False,
        largest_tuned=32, reference_learning_rate=8e-3, results=tmp_path,
    )  # fmt: skip
    truth, path = live("truth"), tmp_path / "truth.csv"
    grid = truth.Grid(case, path)
    best = grid.tune(32, 0)
    rows = list(csv.DictReader(path.open()))
    at_best = [r for r in rows if int(r["rung"]) == best and r["status"] == "ok"]
    assert len(at_best) == case.best_seeds
    assert {best - 2, best, best + 2} <= {int(r["rung"]) for r in rows}
    assert truth.Grid(case, path).tune(32, 0) == best
    assert list(csv.DictReader(path.open())) == rows


def test_figures_of_the_frameworks_in_the_documentation_are_those_that_were_measured():
    told = (BENCHMARKS.parent / "docs" / "keras.md").read_text().splitlines()
    table = (BENCHMARKS / "results" / "frameworks" / "table.md").read_text().splitlines()
    rows = [line for line in table if line.startswith(("| PyTorch |", "| Keras on "))]
    assert len(rows) >= 3
    assert set(rows) <= set(told)


def test_replays_without_a_folder_of_studies_end_with_a_sentence():
    unset = {name: value for name, value in os.environ.items() if name != "RIGHTBATCH_TRACES"}
    script = BENCHMARKS / "replay" / "leave_one_out.py"
    done = subprocess.run(
        [sys.executable, script], env=unset, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith("RIGHTBATCH_TRACES is not set; let it name a folder")
