"""What is said of memory: limits above the machine, inference, and workers that were killed."""

import pytest

from rightbatch.measure.devices.cpu import CpuDevice, available_bytes
from rightbatch.measure.probes.memory import out_of_memory
from rightbatch.measure.runners.call_end import Evidence, call_end
from rightbatch.measure.runners.wire import Raised
from rightbatch.report.sentences import outcome_sentence


def test_a_limit_above_what_is_free_is_what_is_free():
    assert CpuDevice().limit_bytes(2**50) <= 1.1 * available_bytes()
    assert CpuDevice().limit_bytes(2**20) == 2**20


def test_inference_accumulates_no_gradients():
    assert "gradient" in outcome_sentence(out_of_memory(64))
    told = outcome_sentence(out_of_memory(64, inference=True))
    assert "gradient" not in told
    assert "smaller batch" in told


def seen(message: str, memory_ran_out: bool) -> Evidence:
    said = Raised("RuntimeError", message, "Traceback")
    return Evidence(said, None, None, False, memory_ran_out, None, "")


@pytest.mark.parametrize(
    "message",
    [
        "DataLoader worker (pid(s) 12148) exited unexpectedly",
        "DataLoader worker (pid 12148) is killed by signal: Killed. ",
    ],
)
def test_a_loader_worker_killed_near_the_limit_is_lack_of_memory(message):
    assert call_end(seen(message, True)).kind == "out_of_memory"
    assert call_end(seen(message, False)).kind == "raised"
    assert call_end(seen("worker (pid 1) is tired", True)).kind == "raised"
