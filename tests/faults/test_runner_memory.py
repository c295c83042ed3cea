"""Memory that runs out in a trial is an ending, and everybody else keeps theirs."""

import os
import signal
import threading
import time

import psutil
import pytest

import needs
from rightbatch.measure.control_groups import Cgroup
from rightbatch.measure.runners.process import TrialServer

MIB = 2**20


@pytest.fixture(scope="module", params=["in a group", "without one"])
def server(request):
    """Where a group may be made, a trial is in one; elsewhere it bounds its own data."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "without one":
            patch.setattr(Cgroup, "make", lambda limit_bytes: None)
        elif (group := Cgroup.make(300 * MIB)) is None:
            pytest.skip(needs.NO_CONTROL_GROUP)
        else:
            group.remove()
        yield from running()


def running():
    with TrialServer(environment={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}) as running:
        yield running


def call(server, name, payload=None, limit=300 * MIB, deadline=20.0):
    return server.call(
        f"runner_entries:{name}",
        payload,
        deadline_seconds=deadline,
        limit_bytes=limit,
        progress=lambda done: None,
    )


def test_a_memory_error_is_out_of_memory(server):
    assert call(server, "raise_memory_error", limit=None).kind == "out_of_memory"


@pytest.mark.parametrize("name", ["grow_bytearrays", "grow_arrays", "grow_mapped", "map_too_much"])
def test_growing_past_the_limit_is_out_of_memory_and_harms_nobody(server, name):
    ending = call(server, name)
    assert ending.kind == "out_of_memory"
    assert ending.peak_bytes < 600 * MIB
    first, *others = psutil.Process().children(recursive=True)  # the server: the rest is free
    assert not psutil.wait_procs(others, timeout=1)[1]
    assert first.memory_info().rss < 200 * MIB


def test_memory_of_grandchildren_counts(server):
    ending = call(server, "grow_in_grandchild", limit=200 * MIB)
    assert ending.kind == "out_of_memory"
    assert ending.peak_bytes > 0.9 * 200 * MIB  # a group ends what would use more


def test_pages_shared_with_forked_workers_count_once(server):
    ending = call(server, "share_with_grandchildren", 150 * MIB, limit=400 * MIB)
    assert (ending.kind, ending.value) == ("returned", 150 * MIB)
    assert 150 * MIB < ending.peak_bytes < 400 * MIB


def test_peak_memory_is_told(server):
    small = call(server, "add_one", 1, limit=None)
    large = call(server, "share_with_grandchildren", 200 * MIB, limit=None)
    assert 150 * MIB < large.peak_bytes - small.peak_bytes < 300 * MIB


def kill_when_written(path):
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        if path.exists() and path.read_text():
            time.sleep(0.7)
            os.kill(int(path.read_text()), signal.SIGKILL)
            return
        time.sleep(0.02)


@pytest.mark.parametrize(("held", "kind"), [(280, "out_of_memory"), (50, "killed")])
def test_a_foreign_sigkill_is_lack_of_memory_only_near_the_limit(server, tmp_path, held, kind):
    path = tmp_path / "pid"
    killer = threading.Thread(target=kill_when_written, args=(path,))
    killer.start()
    ending = call(server, "hold_memory", (held * MIB, str(path)), limit=300 * MIB)
    killer.join()
    assert ending.kind == kind
    assert ending.signal_number == signal.SIGKILL


def test_the_limit_is_gone_with_its_trial(server):
    assert call(server, "grow_bytearrays", limit=100 * MIB).kind == "out_of_memory"
    assert call(server, "share_with_grandchildren", 200 * MIB, limit=None).kind == "returned"
