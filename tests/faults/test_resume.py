"""What kills the parent loses at most the trial in flight, and the study ends as it would have."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from rightbatch.records import TrainingProbe
from rightbatch.store import open_store

DRIVER = Path(__file__).parent / "study_driver.py"

LONG = {"budget": "60s", "goal": "accuracy >= 0.9999", "one_off": True}
"""A study in which no run reaches the goal, so that they pause and are taken up again."""


def start(store, notes, settings):
    return popen(store, [str(DRIVER), str(store), str(notes), json.dumps(settings)])


def popen(store, arguments):
    """Python with arguments, it and all that it starts marked as belonging to a store."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "STUDY_STORE": str(store)},
    )


def processes_of(store):
    found = []
    for process in psutil.process_iter():
        try:
            alive = process.status() != psutil.STATUS_ZOMBIE
            if alive and process.environ().get("STUDY_STORE") == str(store):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def lines(notes):
    return notes.read_text().splitlines() if notes.exists() else []


def wait_for_a_new_probe(process, notes, before):
    deadline = time.monotonic() + 60
    while process.poll() is None and len(lines(notes)) == before:
        assert time.monotonic() < deadline, "no probe was asked for within a minute"
        time.sleep(0.01)


def stored_trials(path):
    with open_store(path) as store:
        return store.trials(store.studies()[-1].name)


def wait_until(happened, process, seconds=90):
    deadline = time.monotonic() + seconds
    while not happened():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


def runs_wait(store):
    """Whether two runs wait and one trains: each has a keeper, beside the server and its parent."""
    return len(processes_of(store)) >= 2 + 3 * 2


def a_run_goes_on(path):
    """Whether the last two trials are of one run, which the next is likely to go on with."""
    runs = [t.probe.run for t in stored_trials(path) if isinstance(t.probe, TrainingProbe)]
    return len(runs) > 1 and runs[-1] == runs[-2]


def end(process, store):
    """Kill a study that has shown what was to be seen."""
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert no_process_left(store), "a process of the killed study is left behind"


def no_process_left(store, seconds=60):
    """Whether all have ended by then; a server that was importing its framework does so first."""
    deadline = time.monotonic() + seconds
    while processes_of(store) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not processes_of(store)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A study where nothing is killed: its settings, and its near-optimal set.

    256 is several times as fast as the others; the second budget is for a busy machine.
    """
    for budget in ("10s", "60s"):
        folder = tmp_path_factory.mktemp("whole")
        settings = {"budget": budget, "batch_sizes": [2, 8, 256]}
        whole = start(folder / "whole.db", folder / "whole.notes", settings)
        told, errors = whole.communicate(timeout=180)
        assert whole.returncode == 0, errors
        if near_optimal := told.split()[1:]:
            break
    return settings, near_optimal


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kills", [8, pytest.param(20, marks=pytest.mark.long)])
def test_kills_lose_at_most_one_trial_each_and_end_in_the_same_near_optimal_set(
    kills, undisturbed, tmp_path
):
    settings, near_optimal = undisturbed
    store, notes = tmp_path / "killed.db", tmp_path / "killed.notes"
    moments = random.Random(0)
    stored_before = 0
    for _ in range(kills):
        before = len(lines(notes))
        process = start(store, notes, settings)
        wait_for_a_new_probe(process, notes, before)
        time.sleep(moments.uniform(0.0, 1.0))
        process.send_signal(signal.SIGKILL)
        process.wait()
        asked = [line for line in lines(notes)[before:] if line.startswith("asked")]
        kept = [trial.number for trial in stored_trials(store)]
        assert kept == list(range(1, len(kept) + 1))
        assert len(kept) >= stored_before + len(asked) - 1
        stored_before = len(kept)
        assert no_process_left(store), "a process of the killed study is left behind"

    last = start(store, notes, settings)
    told, errors = last.communicate(timeout=180)
    assert last.returncode == 0, errors
    assert told.split()[0] in near_optimal
    with open_store(store) as opened:
        assert len(opened.studies()) == 1
        assert opened.studies()[0].finished


@pytest.mark.slow
def test_runs_that_wait_end_with_a_killed_parent_and_start_anew_when_it_resumes(tmp_path):
    store, notes = tmp_path / "killed.db", tmp_path / "killed.notes"
    process = start(store, notes, LONG)
    wait_until(lambda: runs_wait(store) and a_run_goes_on(store), process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert no_process_left(store), "a process of the killed study is left behind"
    asked = [line for line in lines(notes) if line.startswith("asked")]
    before = stored_trials(store)
    assert len(before) >= len(asked) - 1

    paused = {trial.probe.run for trial in before if isinstance(trial.probe, TrainingProbe)}

    def taken_up():
        later = stored_trials(store)[len(before) :]
        return [trial for trial in later if trial.probe.run in paused]

    last = start(store, notes, LONG)
    wait_until(taken_up, last)
    assert taken_up()[0].result.earlier_seconds == 0  # its process was lost
    end(last, store)
    told = stored_trials(store)
    assert [trial.number for trial in told] == list(range(1, len(told) + 1))
    assert told[: len(before)] == before


def two_are_under_way(notes):
    told = [line.split()[0] for line in lines(notes)]
    return "asked TrainingProbe" in lines(notes) and told.count("asked") - told.count("stored") == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "by",
    [
        pytest.param(signal.SIGINT, id="ctrl-c"),
        pytest.param(signal.SIGKILL, id="kill -9", marks=pytest.mark.long),
    ],
)
def test_a_study_stopped_with_two_runs_under_way_keeps_the_others_and_leaves_no_process(
    by, tmp_path
):
    store, notes = tmp_path / "stopped.db", tmp_path / "stopped.notes"
    settings = {"budget": "20s", "goal": LONG["goal"], "workers": 2}
    process = start(store, notes, settings)
    wait_until(lambda: len(lines(notes)) > 14 and two_are_under_way(notes), process)
    process.send_signal(by)
    process.wait(20)
    assert no_process_left(store, 60 if by == signal.SIGKILL else 0.5)
    asked = [line for line in lines(notes) if line.startswith("asked")]
    before = stored_trials(store)
    assert [trial.number for trial in before] == list(range(1, len(before) + 1))
    assert len(before) >= len(asked) - 2

    last = start(store, notes, settings)
    if by == signal.SIGINT:
        _, errors = last.communicate(timeout=180)
        assert last.returncode == 0, errors
        assert no_process_left(store, 0.5)
    else:
        wait_until(lambda: len(stored_trials(store)) > len(before), last)
        end(last, store)
    told = stored_trials(store)
    assert told[: len(before)] == before
    assert len(told) > len(before)


@pytest.mark.slow
def test_ctrl_c_ends_runs_that_wait_and_shows_the_advice_so_far_and_how_to_go_on(tmp_path):
    store = tmp_path / "stopped.db"
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from rightbatch.cli import command; command()"
    )
    goal = ["--goal", LONG["goal"], "--budget", LONG["budget"], "--one-off"]
    command = ["-c", code, "tune", "digits", *goal, "--threads", "1", "--store", str(store)]
    process = popen(store, command)
    wait_until(lambda: runs_wait(store), process)
    process.send_signal(signal.SIGINT)
    verdict, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "no run reached accuracy" in " ".join(verdict.split())
    assert "--resume continues it" in " ".join(errors.split())
    assert no_process_left(store, 0.5)
