"""No signal, at any moment and however often, ends in a traceback or leaves a process."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-m", "rightbatch", "tune", "digits", "--budget", "60s"]
OPTIONS = ["--threads", "1", "--goal", "accuracy >= 0.9999"]


@pytest.fixture
def start(tmp_path):
    def begin(*before):
        return subprocess.Popen(
            [*before, *COMMAND, *OPTIONS, "--store", str(tmp_path / "s.db")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "SIGNAL_TEST": str(tmp_path)},
        )

    yield begin
    deadline = time.monotonic() + 30
    while left(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left(tmp_path), "a process is left behind"


def left(mark):
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and (
                process.environ().get("SIGNAL_TEST") == str(mark)
            ):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


@pytest.mark.parametrize(
    ("number", "moments"),
    [
        (signal.SIGINT, (0.5,)),  # while it imports
        (signal.SIGINT, (3.0, 0.01, 0.05, 0.2)),  # while its server does, and again and again
        (signal.SIGHUP, (7.0,)),
        pytest.param(signal.SIGTERM, (7.0, 0.1), marks=pytest.mark.long),
        pytest.param(signal.SIGINT, (8.0, 0.3, 0.3, 0.3), marks=pytest.mark.long),
        pytest.param(signal.SIGINT, (1.0, 0.0, 0.0, 0.0, 0.0), marks=pytest.mark.long),
        pytest.param(signal.SIGINT, (1.5, 0.5), marks=pytest.mark.long),
        pytest.param(signal.SIGINT, (2.0, 1.0), marks=pytest.mark.long),
        pytest.param(signal.SIGHUP, (1.0, 0.5, 0.5), marks=pytest.mark.long),
    ],
)
def test_a_signal_ends_a_study_without_a_traceback(number, moments, start):
    process = start()
    for wait in moments:
        time.sleep(wait)
        process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err + out, err
    assert "Exception ignored" not in err, err
    code = 130 if number == signal.SIGINT else 143
    at_once = {-number} if moments[0] <= 1.0 else set()  # before the command has begun
    assert process.returncode in {code} | at_once, (process.returncode, err)
    if moments == (7.0,):
        assert "Stopped. Study digits-1 keeps its" in err


def test_a_study_under_nohup_outlives_its_terminal(start):
    process = start("nohup")
    time.sleep(5.0)
    process.send_signal(signal.SIGHUP)
    time.sleep(1.0)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
