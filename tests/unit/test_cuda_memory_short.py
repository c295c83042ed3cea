"""Errors of CUDA's libraries that give no reason, by counters put in place of a GPU's."""

from types import SimpleNamespace

import pytest
import torch

from rightbatch.measure.devices.cpu import CpuDevice
from rightbatch.measure.frameworks.torch.cuda_device import CudaDevice
from rightbatch.measure.frameworks.torch.out_of_memory import gives_no_reason
from rightbatch.measure.frameworks.torch.subject import TorchSubject

GIB = 2**30
NO_REASON = (
    "FIND was unable to find an engine to execute this computation",
    "GET was unable to find an engine to execute this computation",
    "Unable to find a valid cuDNN algorithm to run convolution",
    "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
    "cuDNN error: CUDNN_STATUS_NOT_INITIALIZED",
)


def counted_as_out_of_memory(monkeypatch, error, peak, free=8 * GIB, limit=10 * GIB):
    """On a GPU of 16 GiB, 12 of which are free at first."""
    told = iter([12 * GIB, 12 * GIB, free])  # to the device, its limit, and at the end

    def mem_get_info(device):
        now = next(told)
        if now is None:
            raise RuntimeError("CUDA error: device-side assert triggered")
        return now, 16 * GIB

    monkeypatch.setattr(torch.cuda, "mem_get_info", mem_get_info)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 0)
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda device: peak)
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", lambda *told: None)
    device = CudaDevice(torch.device("cuda:0"), CpuDevice())
    device.enforce(limit)
    return TorchSubject.is_out_of_memory(SimpleNamespace(device=device), error)


@pytest.mark.parametrize("text", NO_REASON)
def test_they_are_lack_of_memory_where_memory_is_short(monkeypatch, text):
    error = RuntimeError(text)
    assert gives_no_reason(error)
    assert counted_as_out_of_memory(monkeypatch, error, peak=9.5 * GIB)
    assert counted_as_out_of_memory(monkeypatch, error, peak=GIB, free=GIB)
    assert not counted_as_out_of_memory(monkeypatch, error, peak=GIB, free=2 * GIB)
    assert not counted_as_out_of_memory(monkeypatch, error, peak=5 * GIB)


def test_a_device_that_has_failed_does_not_hide_the_error(monkeypatch):
    error = RuntimeError(NO_REASON[3])
    assert not counted_as_out_of_memory(monkeypatch, error, peak=9.5 * GIB, free=None)


def test_the_same_words_of_another_type_are_the_users_own(monkeypatch):
    assert not counted_as_out_of_memory(monkeypatch, ValueError(NO_REASON[0]), peak=9.5 * GIB)
