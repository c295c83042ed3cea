"""Trials start clean, and nothing of them is left, whoever dies."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

import needs
from rightbatch.errors import RunnerError
from rightbatch.measure.runners.process import TrialServer


@pytest.fixture
def server():
    with TrialServer() as running:
        yield running


@pytest.fixture
def marker():
    return f"{random.SystemRandom().randrange(10**6, 10**7)}.5"


def call(server, name, payload=None, deadline=20.0, progress=lambda done: None):
    return server.call(
        f"runner_entries:{name}",
        payload,
        deadline_seconds=deadline,
        limit_bytes=None,
        progress=progress,
    )


def marked(marker):
    """Live processes with the marker among their arguments."""
    return [
        process
        for process in psutil.process_iter(["cmdline", "status"])
        if marker in (process.info["cmdline"] or ()) and process.info["status"] != "zombie"
    ]


def written(path, seconds=15.0):
    deadline = time.monotonic() + seconds
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < deadline, f"{path} was never written"
        time.sleep(0.02)
    return int(path.read_text())


def gone_within(pids, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not any(psutil.pid_exists(pid) and not is_zombie(pid) for pid in pids):
            return True
        time.sleep(0.02)
    return False


def is_zombie(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_every_call_has_a_process_and_a_session_of_its_own(server):
    first, second = call(server, "pids").value, call(server, "pids").value
    for pid, parent, session, group in (first, second):
        assert pid == session == group
        assert parent != os.getpid()
    assert first[0] != second[0]
    assert first[1] == second[1]


def test_the_server_has_not_imported_user_code(server):
    """A fork inherits what its parent imported: each child had to import the module itself."""
    for _ in range(2):
        pid, parent, value, imported_by = call(server, "count_imports").value
        assert imported_by == pid != parent
        assert value == 1


def test_a_preloaded_module_is_imported_by_the_server_alone():
    folder = str(Path(__file__).parent)
    with TrialServer(["runner_counter"], environment={"PYTHONPATH": folder}) as server:
        pid, parent, value, imported_by = call(server, "count_imports").value
        assert imported_by == parent != pid
        assert value == 1
        assert call(server, "count_imports").value[2] == 1


def test_what_is_preloaded_if_it_starts_no_thread_is_imported_once_or_by_each_child():
    environment = {"PYTHONPATH": str(Path(__file__).parent), "OPENBLAS_NUM_THREADS": "1"}
    for name, forked in (("runner_counter", True), ("runner_thread", False)):
        with TrialServer(preload_threadless=[name], environment=environment) as server:
            by, pid, parent = call(server, "who_imported", name).value
        assert by == (parent if forked else pid)


def test_a_preload_that_is_missing_is_passed_over():
    with TrialServer(["no_such_module_anywhere"]) as server:
        assert call(server, "add_one", 1).value == 2


def test_environment_directory_and_import_path_are_the_parents(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with TrialServer(environment={"OMP_NUM_THREADS": "3"}) as server:
        environment, directory, path = call(server, "surroundings", ["OMP_NUM_THREADS"]).value
        monkeypatch.syspath_prepend(tmp_path / "later")
        later = call(server, "surroundings", []).value[2]
    assert environment == {"OMP_NUM_THREADS": "3"}
    assert "OMP_NUM_THREADS" not in os.environ
    assert directory == path[0] == str(tmp_path)
    assert str(tmp_path / "later") in later


def test_signals_are_as_in_a_new_process_but_for_ctrl_c(server):
    assert call(server, "signals").value == {"SIGINT": True, "SIGCHLD": True, "SIGTERM": True}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("leave_grandchildren", "returned"),
        ("leave_grandchildren_and_hang", "hung"),
        ("leave_grandchildren_and_crash", "killed"),
    ],
)
def test_no_grandchild_is_left(server, marker, name, kind):
    most = 0
    over = threading.Event()

    def spy():
        nonlocal most
        while not over.wait(0.05):
            most = max(most, len(marked(marker)))

    spying = threading.Thread(target=spy)
    spying.start()
    ending = call(server, name, marker, deadline=3.0)
    left = marked(marker)
    over.set()
    spying.join()
    assert ending.kind == kind
    assert most == 3 or kind != "hung"  # where there was time to look
    assert left == []


def test_what_python_tidies_at_exit_is_tidied(server):
    ending = call(server, "leave_temporary_directory")
    assert not Path(ending.value).exists()
    assert "leaving in order" in ending.output_tail


def test_a_killed_child_is_told_and_the_next_call_works(server, tmp_path):
    path = tmp_path / "pid"
    killer = threading.Thread(target=lambda: os.kill(written(path), signal.SIGKILL))
    killer.start()
    ending = call(server, "write_pid_and_wait", str(path))
    killer.join()
    assert (ending.kind, ending.signal_number) == ("killed", signal.SIGKILL)
    assert call(server, "add_one", 1).value == 2


def test_a_server_killed_between_calls_is_replaced(server):
    _, old, _, _ = call(server, "pids").value
    os.kill(old, signal.SIGKILL)
    ending = call(server, "pids")
    assert ending.kind == "returned"
    assert ending.value[1] != old


def test_a_keeper_killed_during_a_call_takes_its_child_along(server, tmp_path):
    path = tmp_path / "pid"

    def kill_keeper():
        os.kill(psutil.Process(written(path)).ppid(), signal.SIGKILL)

    killer = threading.Thread(target=kill_keeper)
    killer.start()
    ending = call(server, "write_pid_and_wait", str(path))
    killer.join()
    assert ending.kind == "killed"
    assert gone_within([written(path)], 2.0)
    assert call(server, "add_one", 1).value == 2


def test_a_server_that_cannot_start_is_a_clear_error():
    with (
        TrialServer(environment={"PYTHONHOME": "/nowhere"}) as server,
        pytest.raises(RunnerError, match=r"process that starts trials ended at once \(.+\); check"),
    ):
        call(server, "add_one", 1)


def test_close_leaves_no_process_and_a_closed_server_starts_again(server):
    _, old, _, _ = call(server, "pids").value
    server.close()
    assert gone_within([old], 0.1)
    assert call(server, "add_one", 1).value == 2


# ---- calls that pause ----


def begin(server, name, payload=None, deadline=20.0, limit_bytes=None):
    started = server.start(limit_bytes)
    started.begin(f"runner_entries:{name}", payload, deadline, lambda done: None)
    return started, started.follow()


def go_on(started, payload=None, deadline=20.0):
    started.go_on(payload, deadline, lambda done: None)
    return started.follow()


def test_a_call_in_parts_goes_on_in_the_same_process_while_others_run(server):
    started, first = begin(server, "in_parts", 2)
    assert (first.kind, first.value[1], started.paused) == ("paused", 3, True)
    assert call(server, "add_one", 1).value == 2
    second = go_on(started, 10)
    assert (second.kind, second.value) == ("paused", (first.value[0], 11))
    last = go_on(started, 0)
    assert (last.kind, last.value, started.paused) == ("returned", "done", False)
    assert gone_within([first.value[0]], 0.1)


def test_a_paused_call_that_is_ended_or_closed_leaves_no_process(server):
    call(server, "add_one", 1)
    before = psutil.Process().num_fds()
    one, two = (begin(server, "in_parts", 3) for _ in range(2))
    one[0].end()
    assert gone_within([one[1].value[0]], 0.1)
    assert two[0].paused
    two[0].end()
    assert gone_within([two[1].value[0]], 0.1)
    assert psutil.Process().num_fds() == before
    three = begin(server, "in_parts", 3)
    server.close()
    assert gone_within([three[1].value[0]], 2.0)
    assert not three[0].paused


def test_a_paused_child_that_is_killed_is_seen_to_be_gone(server):
    started, first = begin(server, "in_parts", 3)
    os.kill(first.value[0], signal.SIGKILL)
    assert gone_within([first.value[0]], 2.0)
    deadline = time.monotonic() + 5
    while started.paused and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not started.paused
    started.end()


@pytest.mark.parametrize(
    ("name", "kind"), [("pause_and_fail", "raised"), ("pause_and_grow", "out_of_memory")]
)
def test_what_happens_after_a_pause_is_told_like_anything_else(server, name, kind):
    started, first = begin(server, name, limit_bytes=300 * 2**20)
    assert first.kind == "paused"
    assert go_on(started).kind == kind
    assert gone_within([first.value], 0.1)


def test_the_deadline_is_that_of_each_part(server):
    started, _ = begin(server, "in_parts", 3, deadline=1.0)
    time.sleep(1.2)
    assert go_on(started, 1, deadline=5.0).kind == "paused"
    started.end()
    hangs, _ = begin(server, "pause_and_hang")
    assert go_on(hangs, deadline=0.5).kind == "hung"


PAUSED_PARENT = """
import sys, time
sys.path[:0] = {path!r}
from rightbatch.measure.runners.process import TrialServer
server = TrialServer()
calls = [server.start(None) for _ in range(2)]
for call in calls:
    call.begin("runner_entries:in_parts", 3, 60, lambda done: None)
told = [call.follow() for call in calls]
print(*(ending.value[0] for ending in told), flush=True)
time.sleep(60)
"""


def test_paused_calls_end_with_a_parent_killed_with_kill_9():
    code = PAUSED_PARENT.format(path=[str(Path(__file__).parent)])
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        children = [int(pid) for pid in parent.stdout.readline().split()]
        keepers = [psutil.Process(pid).ppid() for pid in children]
        server = psutil.Process(keepers[0]).ppid()
        parent.kill()
    assert gone_within([*children, *keepers, server], 2.0)


PARENT = """
import signal
import sys
sys.path[:0] = {path!r}
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a job run with `&`
from rightbatch.measure.runners.process import TrialServer
server = TrialServer(fork={fork})
server.call("runner_entries:{entry}", {payload!r}, deadline_seconds=60, limit_bytes=None,
            progress=lambda done: None)
"""


def start_parent(entry, payload, fork=True):
    code = PARENT.format(path=[str(Path(__file__).parent)], fork=fork, entry=entry, payload=payload)
    return subprocess.Popen(
        [sys.executable, "-c", code], stderr=subprocess.PIPE, start_new_session=True
    )


@pytest.mark.parametrize("fork", [True, False])
@pytest.mark.parametrize("entry", ["write_pid_and_wait", "hold_interpreter_lock"])
def test_nothing_outlives_a_parent_killed_with_kill_9(tmp_path, entry, fork):
    path = tmp_path / "pid"
    with start_parent(entry, str(path), fork) as parent:
        child = written(path)
        server = psutil.Process(child).ppid()
        assert server != parent.pid
        parent.kill()
    assert gone_within([child, server], 2.0)


def test_a_child_ends_when_parent_and_server_are_killed_together(tmp_path):
    path = tmp_path / "pid"
    with start_parent("write_pid_and_wait", str(path)) as parent:
        child = written(path)
        os.kill(parent.pid, signal.SIGSTOP)
        os.kill(psutil.Process(child).ppid(), signal.SIGKILL)
        parent.kill()
    assert gone_within([child], 2.0)


def test_grandchildren_end_with_a_killed_parent(marker):
    with start_parent("leave_grandchildren_and_hang", marker) as parent:
        deadline = time.monotonic() + 15
        while len(marked(marker)) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        left = [process.pid for process in marked(marker)]
        assert len(left) == 3
        parent.kill()
    assert gone_within(left, 2.0)


def test_ctrl_c_ends_everything_and_goes_on_as_keyboard_interrupt(tmp_path):
    path = tmp_path / "pid"
    with start_parent("write_pid_and_wait", str(path)) as parent:
        child = written(path)
        server = psutil.Process(child).ppid()
        os.killpg(parent.pid, signal.SIGINT)
        _, errors = parent.communicate(timeout=15)
    assert b"KeyboardInterrupt" in errors
    assert parent.returncode == -signal.SIGINT
    assert gone_within([child, server], 0.1)


def test_an_exception_in_the_progress_callback_ends_the_child(server):
    def refuse(done):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        call(server, "add_one", 1, progress=refuse)
    assert call(server, "add_one", 1).value == 2


def test_no_descriptor_is_left_open_by_calls(server):
    call(server, "add_one", 1)
    before = psutil.Process().num_fds()
    server_pid = call(server, "pids").value[1]
    in_server = psutil.Process(server_pid).num_fds()
    for _ in range(5):
        call(server, "add_one", 1)
    assert psutil.Process().num_fds() == before
    assert psutil.Process(server_pid).num_fds() == in_server


def test_importing_the_runner_loads_no_framework():
    code = (
        "import sys, rightbatch.measure.runners as r; r.LocalRunner; "
        "print([m for m in ('torch', 'numpy', 'scipy', 'cloudpickle') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_torch_runs_in_forked_children_of_a_server_that_only_imported_it():
    environment = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    with TrialServer(["torch", "numpy"], environment=environment) as server:
        starts = []
        for _ in range(5):
            begin = time.monotonic()
            starts.append(call(server, "now").value - begin)
        parent = call(server, "pids").value[1]
        assert psutil.Process(parent).num_threads() == 1
        assert call(server, "use_torch").value is True
        assert call(server, "use_torch").value is True
    print(f"start of a forked trial with torch preloaded: {min(starts[1:]) * 1000:.0f} ms")


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_keras_runs_in_forked_children_of_a_server_that_only_imported_it(backend):
    needs.libraries("keras", backend)
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {"KERAS_BACKEND": backend, **dict.fromkeys(names, "1")}
    modules = ["rightbatch.measure.frameworks.keras.subject"]
    with TrialServer(preload_threadless=modules, environment=environment) as server:
        parent = call(server, "pids").value[1]
        assert psutil.Process(parent).num_threads() == 1
        for _ in range(2):
            assert call(server, "use_keras").value == (backend, True)
