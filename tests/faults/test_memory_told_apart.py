"""Lack of memory in all its forms is told from everything else, and harms nobody."""

import random
from dataclasses import replace
from pathlib import Path

import memory_faults
import psutil
import pytest
from memory_faults import BUGS, FAULT, SPELLINGS

from rightbatch.api.references import preload
from rightbatch.api.settings import make_settings
from rightbatch.api.study import run
from rightbatch.decide.planners.recommend import Recommend
from rightbatch.errors import WorkloadFailed
from rightbatch.measure.devices.cpu import CpuDevice
from rightbatch.measure.frameworks.loading import load_subject
from rightbatch.measure.ports import Job, Pressure
from rightbatch.measure.probes.memory import measure_memory
from rightbatch.measure.runners import LocalRunner
from rightbatch.records import DescribeProbe, MemoryProbe, Status, WorkloadReference
from rightbatch.report.sentences import outcome_sentence
from rightbatch.store import open_store

MIB, GIB = 2**20, 2**30
FILE = str(Path(memory_faults.__file__))
PROBE = MemoryProbe("SGD", 16, 1000 * MIB, seconds_limit=30.0)


def job(factory):
    where = WorkloadReference(factory, file=FILE, title=factory)
    return Job(where, DescribeProbe(), device="cpu", threads=1)


@pytest.fixture(scope="module")
def carried_out(tmp_path_factory):
    """Gives the outcome of a trial in a process of its own; nothing of it may be left."""
    fault = tmp_path_factory.mktemp("fault") / "fault"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FAULT, str(fault))
        runner = LocalRunner(job("chosen"), preload(job("chosen").workload))

        def run_one(name, word="", probe=PROBE):
            fault.write_text(f"{name}\n{word}")
            try:
                return runner.run(probe, lambda done: None)
            finally:
                left = psutil.Process().children(recursive=True)[1:]  # all but the server
                assert not psutil.wait_procs(left, timeout=1)[1]

        yield run_one
        runner.close()


@pytest.mark.parametrize(
    ("factory", "status"),
    [
        ("killed_near_the_limit", Status.OUT_OF_MEMORY),
        ("killed_far_from_the_limit", Status.KILLED),
        ("aborts_for_lack_of_memory", Status.OUT_OF_MEMORY),
        ("passed_on", Status.OUT_OF_MEMORY),
        ("passed_on_in_other_words", Status.OUT_OF_MEMORY),
        ("loads_in_a_worker", Status.OUT_OF_MEMORY),
    ],
)
def test_endings_are_told_apart_and_carry_advice(carried_out, factory, status):
    outcome, result = carried_out(factory)
    assert (outcome.status, result) == (status, None)
    assert outcome_sentence(outcome).endswith(".")


def test_an_error_without_a_reason_is_lack_of_memory_where_memory_is_short(carried_out):
    assert carried_out("gives_no_reason", "950")[0].status is Status.OUT_OF_MEMORY
    with pytest.raises(WorkloadFailed, match="could not create a primitive"):
        carried_out("gives_no_reason", "500")


def test_a_bug_in_a_process_that_loads_data_is_the_users_own(carried_out):
    with pytest.raises(WorkloadFailed, match="for my cache"):
        carried_out("loads_in_a_worker", "of its own")


def test_lack_of_memory_in_a_process_that_loads_data_may_be_passed_on(carried_out):
    assert carried_out("loads_in_a_worker", "passed on")[0].status is Status.OUT_OF_MEMORY


def test_an_error_that_is_its_own_cause_is_the_users_own(carried_out):
    with pytest.raises(WorkloadFailed, match="a bug of mine"):
        carried_out("raised_from_itself")


@pytest.mark.parametrize("factory", ["hangs", "stopped_near_the_limit"])
def test_a_hang_and_a_stop_are_no_lack_of_memory(carried_out, factory):
    outcome, _ = carried_out(factory, probe=replace(PROBE, seconds_limit=6.0))
    assert outcome.status is Status.HUNG


@pytest.mark.parametrize("name", SPELLINGS)
def test_every_spelling_is_out_of_memory(carried_out, name):
    outcome, _ = carried_out("spelling", name)
    assert outcome.status is Status.OUT_OF_MEMORY
    assert "micro-batch" in outcome_sentence(outcome)


@pytest.mark.parametrize("name", BUGS)
def test_a_bug_that_speaks_of_memory_is_the_users_own(carried_out, name):
    with pytest.raises(WorkloadFailed) as told:
        carried_out("bug", name)
    assert str(BUGS[name]) in str(told.value)
    assert "raise BUGS[told()[1]]" in told.value.user_traceback


def test_a_grandchild_ends_with_its_trial(carried_out):
    marker = f"{random.SystemRandom().randrange(10**6, 10**7)}.5"
    outcome, _ = carried_out("leaves_a_grandchild", marker)
    assert outcome.status is Status.OUT_OF_MEMORY
    left = [p for p in psutil.process_iter(["cmdline"]) if marker in (p.info["cmdline"] or ())]
    assert left == []


def test_a_study_goes_on_after_a_trial_that_was_killed(tmp_path):
    planner = Recommend(make_settings(stages=("memory",), budget="60s", threads=1, device="cpu"))
    with open_store(tmp_path / "study.db") as store:
        recording = run(f"{FILE}:crashes_at_large_sizes", planner, store)
        assert store.recording(recording.study.name) == recording
    statuses = [trial.outcome.status for trial in recording.trials]
    assert statuses[-1] is Status.KILLED
    assert statuses[1] is Status.OK
    assert recording.study.finished
    assert planner.conclude(recording).fits.memory.capped_by == "broken"


# ---- counters that the machines of this project cannot move for real ----


class Squeezed(CpuDevice):
    """The CPU with counters of its own, taken one after the other."""

    def __init__(self, *counters):
        super().__init__()
        self._counters = list(counters)

    def pressure(self):
        return self._counters.pop(0) if len(self._counters) > 1 else self._counters[0]


def told_under(*counters):
    """In this process, under a limit far above what tests before have left in it."""
    subject = load_subject(job("crashes_at_large_sizes"), Squeezed(*counters))
    return measure_memory(subject, replace(PROBE, limit_bytes=64 * GIB), lambda done: None)


QUIET = Pressure()


def test_swap_that_grows_is_told():
    outcome, result = told_under(QUIET, QUIET, Pressure(swap_bytes=200 * MIB))
    assert outcome.status is Status.SLOWED
    assert "200 MiB in swap" in outcome_sentence(outcome)
    assert result.swap_bytes == 200 * MIB


def test_memory_that_was_in_swap_before_is_not_the_trials_doing():
    old = Pressure(swap_bytes=200 * MIB)
    assert told_under(old, old, old)[0].status is Status.OK


def test_spill_into_system_memory_is_told():
    outcome, result = told_under(QUIET, QUIET, Pressure(spilled_bytes=512 * MIB))
    assert outcome.status is Status.SLOWED
    assert "512 MiB more than the device had free" in outcome_sentence(outcome)
    assert result.spilled_bytes == 512 * MIB


def test_an_allocator_that_keeps_emptying_its_cache_is_told():
    outcome, _ = told_under(QUIET, Pressure(allocator_retries=2), Pressure(allocator_retries=7))
    assert outcome.status is Status.SLOWED
    assert "emptied its cache 5 times" in outcome_sentence(outcome)


def test_retries_of_the_first_step_alone_are_no_thrash():
    found = Pressure(allocator_retries=2)
    assert told_under(QUIET, found, found)[0].status is Status.OK


def test_the_kernels_own_swap_counter_is_read(tmp_path):
    (tmp_path / "status").write_text("VmHWM:\t  2048 kB\nVmSwap:\t  1024 kB\n")
    device = CpuDevice(tmp_path)
    assert device.pressure().swap_bytes == MIB
    assert device.peak_bytes() == 2 * MIB
