"""Every way a call in a child process can end is told apart."""

import signal
import time

import pytest

from rightbatch.errors import RunnerError
from rightbatch.measure.runners.process import TrialServer


@pytest.fixture(scope="module", params=["fork", "spawn"])
def server(request):
    with TrialServer(fork=request.param == "fork") as running:
        yield running


def call(server, name, payload=None, deadline=20.0, progress=lambda done: None):
    return server.call(
        f"runner_entries:{name}",
        payload,
        deadline_seconds=deadline,
        limit_bytes=None,
        progress=progress,
    )


def test_a_value_and_the_share_done_come_back(server):
    shares = []
    ending = call(server, "add_one", 41, progress=shares.append)
    assert (ending.kind, ending.value, ending.signal_number) == ("returned", 42, None)
    assert shares == [0.25]
    assert 0 < ending.wall_seconds < 20


def test_large_values_travel_both_ways(server):
    payload = bytes(range(256)) * 40_000
    assert call(server, "echo", payload).value == payload


def test_shares_are_thinned_out(server):
    shares = []
    assert call(server, "many_shares", 200_000, progress=shares.append).value == 200_000
    assert shares[0] == 0.0
    assert len(shares) < 200
    assert shares == sorted(shares)


def test_a_user_error_comes_back_with_its_frames_alone(server):
    ending = call(server, "raise_chained")
    assert (ending.kind, ending.type_name) == ("raised", "RuntimeError")
    assert ending.message == "while reading settings"
    assert "KeyError: 'missing'" in ending.traceback
    assert "direct cause" in ending.traceback
    assert '{}["missing"]' in ending.traceback
    assert "rightbatch/measure" not in ending.traceback


def test_a_message_about_memory_does_not_make_a_bug_an_ending_for_lack_of_it(server):
    ending = call(server, "raise_value_error_about_memory")
    assert (ending.kind, ending.type_name) == ("raised", "ValueError")
    assert "out of memory" in ending.message


def test_an_exception_without_text_is_still_told(server):
    ending = call(server, "raise_shy")
    assert (ending.kind, ending.type_name) == ("raised", "runner_entries.Shy")


@pytest.mark.parametrize("code", [0, 3])
def test_sys_exit_is_raised(server, code):
    ending = call(server, "call_sys_exit", code)
    assert (ending.kind, ending.type_name, ending.message) == ("raised", "SystemExit", str(code))
    assert "sys.exit(code)" in ending.traceback


@pytest.mark.parametrize("code", [0, 3])
def test_leaving_without_a_result_is_raised(server, code):
    ending = call(server, "call_os_exit", code)
    assert (ending.kind, ending.type_name) == ("raised", "SystemExit")
    assert ending.message == f"exit status {code}"


def test_a_crash_in_c_is_killed_and_tells_where(server):
    ending = call(server, "read_null")
    assert (ending.kind, ending.signal_number) == ("killed", signal.SIGSEGV)
    assert ending.traceback.startswith("Fatal Python error: Segmentation fault")
    assert "in read_null" in ending.traceback


def test_an_abort_with_memory_to_spare_is_killed(server):
    ending = call(server, "abort")
    assert (ending.kind, ending.signal_number) == ("killed", signal.SIGABRT)


@pytest.mark.parametrize("name", ["loop_for_ever", "sleep_with_signals_blocked"])
def test_a_hang_ends_at_the_deadline_and_tells_where(server, name):
    begin = time.monotonic()
    ending = call(server, name, deadline=1.5)
    assert ending.kind == "hung"
    assert 1.4 < time.monotonic() - begin < 4.0
    assert f"in {name}" in ending.traceback


def test_a_hang_that_keeps_the_interpreter_lock_ends_at_the_deadline(server, tmp_path):
    ending = call(server, "hold_interpreter_lock", str(tmp_path / "pid"), deadline=1.5)
    assert ending.kind == "hung"
    assert "in hold_interpreter_lock" in ending.traceback


def test_a_stopped_process_ends_at_the_deadline(server):
    assert call(server, "stop_oneself", deadline=1.0).kind == "hung"


def test_output_stays_out_of_the_way_and_its_end_is_kept(server, capfd):
    ending = call(server, "print_megabytes", 8)
    assert ending.value == 8
    assert ending.output_tail.endswith("the last line\n")
    assert len(ending.output_tail) <= 16_384
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


def test_a_value_that_cannot_be_pickled_is_a_clear_error(server):
    with pytest.raises(RunnerError, match=r"function that .*return_lambda returned cannot be pick"):
        call(server, "return_lambda")
    assert call(server, "add_one", 1).value == 2


def test_a_value_that_cannot_be_opened_here_is_a_clear_error(server):
    with pytest.raises(RunnerError, match=r"cannot be unpickled here .*not a number"):
        call(server, "return_what_does_not_open")


def test_an_entry_that_is_not_there_is_raised(server):
    ending = call(server, "nothing_of_the_kind")
    assert (ending.kind, ending.type_name) == ("raised", "AttributeError")


@pytest.mark.parametrize("name", ["start_thread_and_return"])
def test_a_thread_that_goes_on_does_not_hold_up_the_result(server, name):
    ending = call(server, name)
    assert (ending.kind, ending.value) == ("returned", "done")
    assert ending.wall_seconds < 4


@pytest.mark.slow
def test_a_process_that_does_not_leave_is_ended_and_its_result_kept(server):
    ending = call(server, "return_and_linger")
    assert (ending.kind, ending.value) == ("returned", "done")
    assert ending.wall_seconds < 10
