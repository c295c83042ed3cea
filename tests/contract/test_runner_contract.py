"""What every Runner promises to the loop above it."""

import os
import signal
import time
from dataclasses import replace

import psutil
import pytest

from rightbatch.errors import (
    GoalError,
    MissingDependency,
    RunnerError,
    WorkloadFailed,
    WorkloadNotFound,
)
from rightbatch.measure.ports import Job
from rightbatch.measure.runners import LocalRunner
from rightbatch.records import (
    DescribeProbe,
    Hardware,
    MemoryProbe,
    MemoryResult,
    NoiseProbe,
    Outcome,
    SpeedProbe,
    Status,
    TrainingProbe,
    WorkloadReference,
)
from rightbatch.report.sentences import outcome_sentence

GIB = 2**30
MIB = 2**20
MEMORY = MemoryProbe("sgd", batch_size=64, limit_bytes=GIB, seconds_limit=20.0)
JOB = Job(
    WorkloadReference("workload", file="/nowhere/train.py", title="train.py:workload"),
    DescribeProbe(),
    device="cpu",
    threads=1,
)


@pytest.fixture(params=["local, forked", "local, spawned"])
def make_runner(request):
    made = []

    def make(entry, job=JOB, hardware=None):
        fork = request.param == "local, forked"
        made.append(LocalRunner(job, (), fork, f"runner_contract_entries:{entry}", hardware))
        return made[-1]

    yield make
    for runner in made:
        runner.close()


def run(runner, probe=MEMORY, progress=lambda done: None):
    return runner.run(probe, progress)


def at(folder, **more):
    return replace(JOB, workload=replace(JOB.workload, file=str(folder / "train.py")), **more)


def test_outcome_result_and_progress_come_back(make_runner):
    shares = []
    outcome, result = run(make_runner("succeed"), progress=shares.append)
    assert outcome == Outcome(Status.OK)
    assert result == MemoryResult(64, 1, 0.5)
    assert shares == [1.0]


def test_one_runner_carries_out_many_probes(make_runner):
    runner = make_runner("succeed")
    for size in (1, 2, 4):
        probe = MemoryProbe("sgd", batch_size=size, limit_bytes=GIB)
        assert run(runner, probe)[1] == MemoryResult(size, 1, 0.5)


def test_an_outcome_without_a_result_comes_back(make_runner):
    expected = Outcome(Status.GOAL_NOT_REACHED, advice="Give it longer."), None
    assert run(make_runner("not_reached")) == expected


# ---- runs that wait ----


def parts_runner(make_runner, limit=64 * GIB):
    return make_runner("train_in_parts", replace(JOB, memory_limit_bytes=limit))


def pausing(seed=0, steps=10, size=8, optimizer="sgd"):
    """A run that may pause."""
    return TrainingProbe(
        optimizer, size, size, 0.1, seed, steps, 60.0, seconds_limit=20.0, pause=True
    )


def in_parts(runner, steps, seed=0, size=8, optimizer="sgd"):
    """(process, steps made, seconds of earlier trials) of a run asked to go on."""
    outcome, result = run(runner, pausing(seed, steps, size, optimizer))
    assert (outcome.status is Status.OK) == (steps >= 100)
    return result.other_seconds, result.points[-1].step, result.earlier_seconds


def process_of(runner, seed, size=8, optimizer="sgd"):
    """The process of a run that has paused after ten steps."""
    return int(in_parts(runner, 10, seed, size, optimizer)[0])


def test_a_run_that_paused_goes_on_in_its_process_while_others_wait(make_runner):
    runner = parts_runner(make_runner)
    one, two = in_parts(runner, 10, seed=1), in_parts(runner, 10, seed=2)
    assert one[0] != two[0]
    assert in_parts(runner, 30, seed=1) == (one[0], 30, 1.0)
    assert in_parts(runner, 100, seed=2) == (two[0], 100, 1.0)
    assert in_parts(runner, 100, seed=1) == (one[0], 100, 3.0)
    assert not any(psutil.pid_exists(int(pid)) for pid, _, _ in (one, two))


def test_a_run_whose_process_is_gone_starts_anew(make_runner):
    runner = parts_runner(make_runner)
    first = in_parts(runner, 10)
    process = psutil.Process(int(first[0]))
    keeper = process.parent()
    process.send_signal(signal.SIGKILL)
    keeper.wait(10)
    again = in_parts(runner, 20)
    assert again[0] != first[0]
    assert again[1:] == (20, 0.0)


def test_few_runs_wait_and_the_one_that_paused_first_is_let_go(make_runner):
    runner = parts_runner(make_runner)
    many = [process_of(runner, seed) for seed in range(6)]
    assert [pid for pid in many if psutil.pid_exists(pid)] == many[2:]


def test_runs_that_wait_and_the_one_that_trains_share_the_memory_limit(make_runner):
    limit = 1200 * MIB  # room for three that hold 300 MiB and an interpreter each
    runner = parts_runner(make_runner, limit)
    many = [process_of(runner, seed, size=300) for seed in range(4)]
    alive = [pid for pid in many if psutil.pid_exists(pid)]
    assert alive == many[1:]
    assert sum(psutil.Process(pid).memory_info().rss for pid in alive) <= limit
    in_parts(runner, 20, seed=1, size=300)  # going on needs no more room than there is
    assert all(psutil.pid_exists(pid) for pid in alive)


def test_a_run_whose_need_is_not_known_has_the_memory_for_itself(make_runner):
    runner = parts_runner(make_runner)
    waits = process_of(runner, seed=1, size=300)
    process_of(runner, seed=1, size=300, optimizer="adam")
    assert not psutil.pid_exists(waits)


@pytest.mark.parametrize(("limit", "size"), [(64 * GIB, 600), (900 * MIB, 300)])
def test_a_run_waits_where_the_next_fits_beside_it(make_runner, limit, size):
    runner = parts_runner(make_runner, limit)
    waits = process_of(runner, seed=1, size=300)
    process_of(runner, seed=2, size=size)
    assert psutil.pid_exists(waits)


def test_a_larger_micro_batch_is_taken_to_need_more_in_proportion(make_runner):
    runner = parts_runner(make_runner, 900 * MIB)  # 300 MiB take 310 to 380, and 600 twice that
    waits = process_of(runner, seed=1, size=300)
    process_of(runner, seed=2, size=600)
    assert not psutil.pid_exists(waits)


def test_a_trial_of_another_kind_has_the_memory_for_itself(make_runner):
    runner = parts_runner(make_runner)
    for seed in range(2):
        process_of(runner, seed, size=300)
    assert run(runner)[0].advice == "0"


GPU = Hardware("cuda:0", "a GPU", 1, 1, 1000 * MIB, 1000 * MIB, "Linux")


@pytest.fixture
def gpu_runner(make_runner, tmp_path):
    """Of trials on a GPU of 1,000 MiB."""
    return make_runner("train_on_gpu", at(tmp_path, device=None), GPU)


def test_a_run_on_an_accelerator_goes_on_in_its_process_while_others_wait(gpu_runner):
    one, two = (in_parts(gpu_runner, 10, seed, size=300) for seed in (1, 2))
    assert one[0] != two[0]
    assert in_parts(gpu_runner, 30, seed=1, size=300) == (one[0], 30, 1.0)
    assert in_parts(gpu_runner, 100, seed=2, size=300) == (two[0], 100, 1.0)
    assert in_parts(gpu_runner, 100, seed=1, size=300) == (one[0], 100, 3.0)


def test_runs_that_wait_on_an_accelerator_share_its_memory_by_what_they_told(gpu_runner):
    waits = process_of(gpu_runner, seed=1, size=400)
    process_of(gpu_runner, seed=2, size=800)
    assert psutil.pid_exists(waits)  # 40 and 800 MiB
    process_of(gpu_runner, seed=3, size=900)
    assert not psutil.pid_exists(waits)  # 120 and 900 MiB


def test_a_run_of_which_an_accelerator_has_told_nothing_has_its_memory_for_itself(gpu_runner):
    waits = process_of(gpu_runner, seed=1)
    process_of(gpu_runner, seed=1, optimizer="adam")
    assert not psutil.pid_exists(waits)


def test_what_ran_out_of_an_accelerators_memory_beside_runs_that_wait_is_carried_out_again(
    make_runner, tmp_path
):
    larger = replace(GPU, memory_limit_bytes=1100 * MIB)  # than others leave of it by now
    runner = make_runner("train_on_gpu", at(tmp_path, device=None), larger)
    waits = process_of(runner, seed=1, size=500)
    process_of(runner, seed=2, size=960)
    assert not psutil.pid_exists(waits)
    assert run(runner, pausing(seed=3, size=1010))[0].status is Status.OUT_OF_MEMORY


def test_each_of_several_runs_that_ran_out_beside_one_that_waits_is_carried_out_again(
    make_runner, tmp_path
):
    larger = replace(GPU, memory_limit_bytes=4000 * MIB)
    runner = make_runner("train_on_gpu", at(tmp_path, device=None), larger)
    process_of(runner, seed=1, size=1000)
    for seed in (2, 3):  # 905 MiB fit beside 90, and not beside 100
        runner.start(replace(pausing(seed, size=905), at_once=2), quietly)
    ended = [runner.next_ended() for _ in range(2)]
    assert {one.outcome.status for one in ended} == {Status.GOAL_NOT_REACHED}


def test_a_device_that_takes_one_process_has_its_runs_one_after_the_other(make_runner, tmp_path):
    runner = make_runner("train_on_exclusive_gpu", at(tmp_path, device=None), GPU)
    first = process_of(runner, seed=1)
    assert in_parts(runner, 20, seed=1) == (first, 20, 1.0)
    second = process_of(runner, seed=2)
    assert not psutil.pid_exists(first)
    third = process_of(runner, seed=3)
    assert not psutil.pid_exists(second)
    assert in_parts(runner, 20, seed=3) == (third, 20, 1.0)


def test_what_fails_on_an_accelerator_without_runs_that_wait_is_told(make_runner, tmp_path):
    runner = make_runner("train_on_exclusive_gpu", at(tmp_path, device=None), GPU)
    process_of(runner, seed=1)
    with pytest.raises(WorkloadFailed, match="a bug"):
        run(runner, pausing(seed=99))


def test_a_second_try_has_what_is_left_of_the_time(make_runner, tmp_path):
    larger = replace(GPU, memory_limit_bytes=4000 * MIB)
    runner = make_runner("train_on_gpu", at(tmp_path, device=None), larger)
    process_of(runner, seed=1, size=900)
    short = replace(pausing(seed=2, size=915), seconds_limit=0.02)
    begun = time.monotonic()
    outcome, _ = run(runner, short)
    assert outcome.status in {Status.OUT_OF_MEMORY, Status.HUNG}
    assert time.monotonic() - begun < 10


def test_no_run_waits_on_a_device_that_one_process_has(make_runner, tmp_path):
    tpu = replace(GPU, device="tpu:0")
    runner = make_runner("train_on_gpu", at(tmp_path, device=None), tpu)
    first = process_of(runner, seed=1)
    assert in_parts(runner, 20, seed=1) == (first, 20, 1.0)
    process_of(runner, seed=2)
    assert not psutil.pid_exists(first)


def test_closing_ends_runs_that_wait(make_runner):
    runner = parts_runner(make_runner)
    pid = process_of(runner, seed=0)
    assert psutil.pid_exists(pid)
    runner.close()
    assert not psutil.pid_exists(pid)


# ---- runs side by side ----


def beside(seed, steps=100, size=8):
    """A run that may have another beside it."""
    probe = TrainingProbe("sgd", size, size, 0.1, seed, steps, 60.0, seconds_limit=20.0, pause=True)
    return replace(probe, at_once=2)


def quietly(done):
    pass


def test_runs_go_side_by_side_and_come_back_as_they_end(make_runner, tmp_path):
    runner = make_runner("meet", at(tmp_path))
    first, second = beside(seed=0), beside(seed=1)
    shares = {0: [], 1: []}
    for probe in (first, second):
        runner.start(probe, shares[probe.seed].append)
    assert runner.next_ended().probe is second
    assert shares == {0: [], 1: [1.0]}
    (tmp_path / "go").touch()
    assert runner.next_ended().probe is first
    assert shares == {0: [1.0], 1: [1.0]}


@pytest.mark.parametrize(("asked", "told"), [(None, "3 3"), (5, "5 5")])
def test_runs_side_by_side_share_the_threads_unless_their_number_was_given(
    make_runner, tmp_path, asked, told, monkeypatch
):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    hardware = Hardware("cpu", "a processor", 6, 6, 64 * GIB, 64 * GIB, "Linux")
    runner = make_runner("meet", at(tmp_path, threads=asked), hardware)
    (tmp_path / "go").touch()
    for seed in range(2):
        runner.start(beside(seed), quietly)
    assert [runner.next_ended().outcome.advice for _ in range(2)] == [told, told]
    assert run(runner, replace(beside(0), at_once=1))[0].advice == ("5 5" if asked else "- None")


def test_each_of_several_runs_has_its_part_of_the_memory_limit(make_runner):
    runner = make_runner("grow", replace(JOB, memory_limit_bytes=300 * MIB))
    for seed in range(2):
        runner.start(beside(seed), quietly)
    for _ in range(2):
        outcome = runner.next_ended().outcome
        assert outcome.status is Status.OUT_OF_MEMORY
        assert (outcome.reason["limit_bytes"], outcome.reason["at_once"]) == (150 * MIB, 2)
        assert "fewer workers" in outcome_sentence(outcome)


def test_a_run_goes_on_in_its_process_beside_another_that_begins(make_runner):
    runner = parts_runner(make_runner)
    runner.start(beside(1, steps=10), quietly)
    pid = runner.next_ended().result.other_seconds
    runner.start(beside(2, steps=10), quietly)
    runner.start(beside(1, steps=20), quietly)
    told = {ended.probe.seed: ended.result for ended in (runner.next_ended() for _ in range(2))}
    assert (told[1].other_seconds, told[1].points[-1].step) == (pid, 20)
    assert told[2].other_seconds != pid


def test_runs_that_wait_make_room_for_all_that_are_under_way(make_runner):
    runner = parts_runner(make_runner, 1200 * MIB)  # room for three of them
    waiting = []
    for seed in range(2):
        runner.start(beside(seed, steps=10, size=300), quietly)
        waiting.append(int(runner.next_ended().result.other_seconds))
    runner.start(beside(2, size=300), quietly)
    assert all(psutil.pid_exists(pid) for pid in waiting)
    runner.start(beside(3, size=300), quietly)
    assert [psutil.pid_exists(pid) for pid in waiting] == [False, True]
    assert {runner.next_ended().probe.seed for _ in range(2)} == {2, 3}


def test_a_failure_beside_another_run_is_told_and_closing_ends_that_run(make_runner, tmp_path):
    runner = make_runner("fail_beside_another", at(tmp_path))
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    for seed in range(2):
        runner.start(beside(seed), quietly)
    with pytest.raises(WorkloadFailed, match="KeyError"):
        runner.next_ended()
    runner.close()
    assert {child.pid for child in psutil.Process().children(recursive=True)} == before


# ---- the process of a trial ----


@pytest.mark.parametrize(
    ("asked", "found", "told"),
    [(None, "gpu:0", "gpu:0"), ("gpu:1", "gpu:1", "gpu:1"), (None, "cuda:0", "None")],
)
def test_no_trial_of_a_study_takes_another_device(make_runner, asked, found, told):
    """JAX takes a CPU where a GPU cannot be had, unless it is told to use that."""
    runner = make_runner("device_told", replace(JOB, device=asked), replace(GPU, device=found))
    assert run(runner)[0].advice == told


def test_threads_are_pinned_for_the_child_alone(make_runner, monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    outcome, _ = run(make_runner("threads_told"))
    assert outcome.advice == "1 1 1 PASSIVE"
    assert "OMP_WAIT_POLICY" not in os.environ


def test_a_user_error_carries_its_traceback(make_runner):
    with pytest.raises(WorkloadFailed, match=r"The workload failed with KeyError: 'label'") as told:
        run(make_runner("fail"))
    assert "in users_loss" in told.value.user_traceback
    assert "rightbatch/measure" not in told.value.user_traceback


def test_a_user_error_is_no_outcome_whatever_it_says(make_runner):
    with pytest.raises(WorkloadFailed, match="out of memory, says the user"):
        run(make_runner("fail_with_out_of_memory_in_words"))


@pytest.mark.parametrize("entry", ["leave", "leave_at_once"])
def test_leaving_without_a_result_is_a_failure_of_the_workload(make_runner, entry):
    with pytest.raises(WorkloadFailed, match=r"ended its process \(.*3\).*remove sys.exit"):
        run(make_runner(entry))


@pytest.mark.parametrize(
    ("entry", "kind", "words"),
    [
        ("not_found", WorkloadNotFound, "There is no file train.py."),
        ("no_goal", GoalError, "A goal reads like 'accuracy >= 0.9'."),
        ("no_library", MissingDependency, "Install it: pip install 'rightbatch[torch]'."),
        ("failed_already", WorkloadFailed, "The loss of train.py raised KeyError."),
    ],
)
def test_an_error_of_rightbatch_keeps_its_type_and_words(make_runner, entry, kind, words):
    with pytest.raises(kind) as told:
        run(make_runner(entry))
    assert type(told.value) is kind
    assert str(told.value) == words


def test_a_failure_named_in_the_child_keeps_the_users_traceback(make_runner):
    with pytest.raises(WorkloadFailed) as told:
        run(make_runner("failed_already"))
    assert "in users_loss" in told.value.user_traceback


@pytest.mark.parametrize(
    ("probe", "words"),
    [
        (DescribeProbe(), "Building the workload"),
        (MemoryProbe("sgd", 64, 150 * MIB), "a micro-batch of 64"),
        (SpeedProbe("sgd", (8, 512), 64, 1.0), "up to 512 (micro-batch 64)"),
        (NoiseProbe("sgd", 32, 0.1, 8, 4, 4, (0,), 0, 1.0), "size 32 (micro-batch 8)"),
        (
            TrainingProbe("sgd", 32, 64, 0.1, 0, 10, 9.0, seconds_limit=20.0),
            "size 32 (micro-batch 32)",
        ),
    ],
)
def test_running_out_of_memory_is_an_outcome_that_names_the_sizes(make_runner, probe, words):
    job = Job(JOB.workload, DescribeProbe(), device="cpu", memory_limit_bytes=150 * MIB)
    outcome, result = run(make_runner("grow", job), probe)
    assert (outcome.status, result) == (Status.OUT_OF_MEMORY, None)
    assert words in outcome_sentence(outcome)
    assert "150 MiB" in outcome_sentence(outcome)


def test_a_memory_probe_brings_its_own_limit(make_runner):
    job = Job(JOB.workload, DescribeProbe(), device="cpu", memory_limit_bytes=64 * GIB)
    outcome, _ = run(make_runner("grow", job), MemoryProbe("sgd", 64, 150 * MIB))
    assert outcome.status == Status.OUT_OF_MEMORY
    assert outcome.reason["limit_bytes"] == 150 * MIB


def test_a_gpus_limit_does_not_bind_the_host(make_runner):
    job = Job(JOB.workload, DescribeProbe(), device="cuda:0", memory_limit_bytes=MIB)
    assert run(make_runner("succeed", job), MemoryProbe("sgd", 64, MIB))[0].status == Status.OK


def test_a_hang_is_an_outcome_that_tells_where(make_runner):
    probe = MemoryProbe("sgd", 64, GIB, seconds_limit=2.0)
    outcome, result = run(make_runner("wait_for_ever"), probe)
    assert (outcome.status, result) == (Status.HUNG, None)
    assert (outcome.reason.code, outcome.reason["seconds"]) == ("hung", 2.0)
    assert outcome.reason["file"].endswith("runner_contract_entries.py")
    assert outcome.reason["function"] == "wait_for_ever"


def test_a_crash_is_an_outcome_that_tells_the_signal_and_where(make_runner):
    outcome, result = run(make_runner("crash"))
    assert (outcome.status, result) == (Status.KILLED, None)
    assert outcome.reason.code == "killed_by_signal"
    assert (outcome.reason["signal"], outcome.reason["function"]) == ("SIGSEGV", "crash")


def test_a_kill_from_outside_is_an_outcome(make_runner):
    outcome, _ = run(make_runner("kill_oneself"))
    assert outcome.status == Status.KILLED
    assert outcome.reason["signal"] == "SIGKILL"


def test_a_child_that_gives_back_something_else_is_a_clear_error(make_runner):
    with pytest.raises(RunnerError, match="A trial returned int"):
        run(make_runner("give_back_nonsense"))


def test_close_leaves_no_process_and_can_be_repeated(make_runner):
    runner = make_runner("succeed")
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    run(runner)
    assert {child.pid for child in psutil.Process().children(recursive=True)} > before
    runner.close()
    runner.close()
    assert {child.pid for child in psutil.Process().children(recursive=True)} == before
