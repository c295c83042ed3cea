"""kill -9 of the parent loses at most the trial in flight, and the study ends as it would have."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from rightbatch.store import open_store

DRIVER = Path(__file__).parent / "study_driver.py"
KILLS = 20


def start(store, notes):
    marker = {**os.environ, "STUDY_STORE": str(store)}
    return subprocess.Popen(
        [sys.executable, str(DRIVER), str(store), str(notes)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=marker,
    )


def processes_of(store):
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("STUDY_STORE") == str(store):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return [p for p in found if p.status() != psutil.STATUS_ZOMBIE]


def lines(notes):
    return notes.read_text().splitlines() if notes.exists() else []


def wait_for_a_new_probe(process, notes, before):
    deadline = time.monotonic() + 60
    while process.poll() is None and len(lines(notes)) == before:
        assert time.monotonic() < deadline, "no probe was asked for within a minute"
        time.sleep(0.01)


def stored_trials(path):
    with open_store(path) as store:
        return [trial.number for trial in store.trials(store.studies()[-1].name)]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_twenty_kills_lose_at_most_one_trial_each_and_end_in_the_same_near_optimal_set(tmp_path):
    whole = start(tmp_path / "whole.db", tmp_path / "whole.notes")
    told, errors = whole.communicate(timeout=180)
    assert whole.returncode == 0, errors
    near_optimal = told.split()[1:]

    store, notes = tmp_path / "killed.db", tmp_path / "killed.notes"
    moments = random.Random(0)
    stored_before = 0
    for _ in range(KILLS):
        before = len(lines(notes))
        process = start(store, notes)
        wait_for_a_new_probe(process, notes, before)
        time.sleep(moments.uniform(0.0, 1.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
        asked = [line for line in lines(notes)[before:] if line.startswith("asked")]
        kept = stored_trials(store)
        assert kept == list(range(1, len(kept) + 1))
        assert len(kept) >= stored_before + len(asked) - 1
        stored_before = len(kept)
        gone = time.monotonic() + 20
        while processes_of(store):
            assert time.monotonic() < gone, "a process of the killed study is left behind"
            time.sleep(0.05)

    last = start(store, notes)
    told, errors = last.communicate(timeout=180)
    assert last.returncode == 0, errors
    assert told.split()[0] in near_optimal
    with open_store(store) as opened:
        assert len(opened.studies()) == 1
        assert opened.studies()[0].finished
