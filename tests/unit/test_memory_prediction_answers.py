"""The largest batch sizes by memory predicted without the device, and what they rest on."""

from dataclasses import replace

import pytest
import torch
from predicted_memory import (
    MIB,
    WORKLOADS,
    one_thread,  # noqa: F401
    subject_named,
    subject_of,
)
from torch import nn

from rightbatch.decide.stages.memory.prediction import predicted_line
from rightbatch.errors import UsageError
from rightbatch.measure.devices.catalog import DEVICE_NAMES, device
from rightbatch.measure.devices.cpu import CpuDevice
from rightbatch.measure.ports import StepPlan
from rightbatch.measure.probes.predict import predict_memory
from rightbatch.records import MemoryTarget, PredictProbe
from rightbatch.torch import Workload
from rightbatch.zoo import digits


def packed_model():
    torch.manual_seed(0)
    return nn.ModuleDict({"lstm": nn.LSTM(8, 8, batch_first=True), "head": nn.Linear(8, 1)})


def packed_loss(net, batch):
    inputs, lengths, targets = batch
    packed = nn.utils.rnn.pack_padded_sequence(
        inputs, lengths, batch_first=True, enforce_sorted=False
    )
    _, (last, _) = net["lstm"](packed)
    return (net["head"](last[0]).squeeze(1) - targets).pow(2).mean()


def packed_workload() -> Workload:
    generator = torch.Generator().manual_seed(0)
    data = (
        torch.randn(256, 12, 8, generator=generator),
        torch.randint(1, 13, (256,), generator=generator),
        torch.randn(256, generator=generator),
    )
    return Workload(
        name="packed", model=packed_model, train_data=data, valid_data=data, loss=packed_loss,
        metric=lambda net, batches: float(packed_loss(net, batches[0])), goal="loss <= 0.1",
        optimizer=WORKLOADS.sgd, batch_size=16, learning_rate=0.1,
    )  # fmt: skip


def test_code_that_needs_data_is_run_for_real_and_the_answer_says_so():
    target = MemoryTarget("CPU", "cpu", 2**40)
    probe = PredictProbe("", target, what_if=False)
    _, result = predict_memory(subject_of(packed_workload()), probe, lambda share: None)
    assert result.method == "real"
    assert result.reason.code == "needs_data"
    assert not result.verified
    assert max(peak.batch_size for peak in result.peaks) <= 64


def test_a_bug_in_the_users_code_surfaces():
    def broken(net, batch):
        raise KeyError("no such column")

    workload = replace(packed_workload(), loss=broken)
    with pytest.raises(KeyError, match="no such column"):
        subject_of(workload).footprint(StepPlan("sgd", 16, 16, "cuda"))


def predicted(subject, target, **asked):
    probe = PredictProbe("", target, what_if=False, **asked)
    return predict_memory(subject, probe, lambda share: None)[1]


def test_the_answer_on_a_gpu_fits_and_was_followed():
    target = MemoryTarget("GPU", "cuda", 256 * MIB, 64 * MIB, 8 * MIB)
    result = predicted(subject_named("cnn"), target)
    by_size = {peak.batch_size: peak for peak in result.peaks}
    assert result.verified
    assert result.capped_by == "memory"
    assert 0.8 * target.total_bytes < by_size[result.largest_batch_size].total_bytes
    assert by_size[result.largest_batch_size].total_bytes <= target.total_bytes
    assert 0 < result.safe_batch_size <= result.largest_batch_size


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lstm", pytest.param("transformer", marks=pytest.mark.long)])
def test_answers_grow_with_the_memory_and_lie_on_one_line(name):
    """Sizes next to each other differ by what the allocator rounds, and tell no slope."""
    subject = subject_named(name)
    limits = [MIB * size for size in (1024, 2048, 3072)]
    found = [predicted(subject, MemoryTarget("GPU", "cuda", n, 64 * MIB, 8 * MIB)) for n in limits]
    sizes = [result.largest_batch_size for result in found]
    assert sizes == sorted(set(sizes))
    for limit, result in zip(limits, found, strict=True):
        fits = [p.batch_size for p in result.peaks if p.total_bytes <= limit]
        assert result.largest_batch_size == max(fits)
        assert result.bytes_fixed >= 0
    slopes = [result.bytes_per_example for result in found]
    assert max(slopes) < 1.1 * min(slopes)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cnn", pytest.param("transformer", marks=pytest.mark.long)])
def test_what_if_rows_agree_with_the_answer(name):
    target = MemoryTarget("GPU", "cuda", 2048 * MIB, 64 * MIB, 8 * MIB)
    probe = PredictProbe("adam", target, devices=(replace(target, name="The same GPU"),))
    result = predict_memory(subject_named(name), probe, lambda share: None)[1]
    rows = {row.name: row.largest_batch_size for row in result.alternatives}
    for same in ("adam", "fp32", "The same GPU"):
        assert rows[same] == pytest.approx(result.largest_batch_size, rel=0.05)
    assert rows["bf16"] > result.largest_batch_size


def test_nothing_fits_where_the_context_alone_is_larger():
    result = predicted(
        subject_of(digits.workload()), MemoryTarget("GPU", "cuda", 32 * MIB, 64 * MIB)
    )
    assert result.largest_batch_size is None
    assert result.safe_batch_size is None


def test_the_training_set_and_the_largest_size_asked_for_bound_the_answer():
    target = MemoryTarget("GPU", "cuda", 2**35, 64 * MIB)
    whole = predicted(subject_of(digits.workload()), target)
    assert (whole.largest_batch_size, whole.capped_by) == (1437, "data_set_size")
    some = predicted(subject_of(digits.workload()), target, max_batch_size=100)
    assert (some.largest_batch_size, some.capped_by) == (100, "max_batch_size")


def test_the_planner_gets_a_line_that_passes_the_limit_at_the_answer():
    limit = CpuDevice().used_bytes() + 512 * MIB
    result = predicted(subject_of(WORKLOADS.lstm()), MemoryTarget("CPU", "cpu", limit))
    line = predicted_line(result)
    assert line.at(result.largest_batch_size) == pytest.approx(limit, rel=0.02)


def test_devices_by_name():
    assert device("RTX4090").total_bytes < 24 * 2**30
    assert all(device(name).kind == "cuda" for name in DEVICE_NAMES)
    with pytest.raises(UsageError, match="device_memory"):
        device("rtx9999")
