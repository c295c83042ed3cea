"""What a paused process keeps of an accelerator's memory, by counters put in place of a GPU's."""

import pytest
import torch

from rightbatch.measure.devices.cpu import CpuDevice
from rightbatch.measure.frameworks.keras.accelerator import Accelerator
from rightbatch.measure.frameworks.torch.cuda_device import CudaDevice
from rightbatch.measure.ports import CUDA_CONTEXT_BYTES

GIB = 2**30


class Allocator:
    """Counters of PyTorch's caching allocator on a GPU of 16 GiB."""

    def __init__(self, monkeypatch, reserved, filled):
        self.reserved, self.emptied = reserved, False

        def empty_cache():
            self.reserved, self.emptied = filled, True

        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (8 * GIB, 16 * GIB))
        monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: self.reserved)
        monkeypatch.setattr(torch.cuda, "empty_cache", empty_cache)


@pytest.fixture
def device():
    return lambda: CudaDevice(torch.device("cuda:0"), CpuDevice())


def test_a_large_cache_is_given_back(monkeypatch, device):
    allocator = Allocator(monkeypatch, reserved=4 * GIB, filled=GIB)
    assert device().held_bytes() == GIB + CUDA_CONTEXT_BYTES
    assert allocator.emptied


def test_a_small_cache_is_kept_as_it_takes_time_to_fill(monkeypatch, device):
    allocator = Allocator(monkeypatch, reserved=GIB, filled=GIB // 2)
    assert device().held_bytes() == GIB + CUDA_CONTEXT_BYTES
    assert not allocator.emptied


def test_a_pool_that_grows_by_doubling_may_be_twice_its_peak():
    gpu = Accelerator("gpu:0", "a GPU", 16 * GIB, lambda: (GIB, 3 * GIB), print, CpuDevice())
    assert gpu.held_bytes() == 6 * GIB + CUDA_CONTEXT_BYTES
