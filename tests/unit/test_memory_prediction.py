"""Memory predicted without the device: against PyTorch's profiler, and its own bounds."""

import gc
import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from rightbatch.decide.stages.memory.prediction import predicted_line
from rightbatch.errors import UsageError
from rightbatch.measure.devices.catalog import DEVICE_NAMES, device
from rightbatch.measure.devices.cpu import CpuDevice
from rightbatch.measure.frameworks.torch.following.faking import checkpoint_blocks
from rightbatch.measure.frameworks.torch.following.tracking import LiveStorage
from rightbatch.measure.frameworks.torch.following.worst import WorstExamples
from rightbatch.measure.frameworks.torch.subject import TorchSubject
from rightbatch.measure.ports import StepPlan
from rightbatch.measure.probes.predict import predict_memory
from rightbatch.records import MemoryTarget, PredictProbe
from rightbatch.torch import Workload
from rightbatch.zoo import digits

MIB = 2**20
_FILE = Path(__file__).parents[2] / "benchmarks" / "memory" / "workloads.py"


def _workloads():
    spec = importlib.util.spec_from_file_location("memory_workloads", _FILE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


WORKLOADS = _workloads()


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def subject_of(workload: Workload) -> TorchSubject:
    return TorchSubject(workload, workload.name, "cpu", 1, "", CpuDevice())


def profiled_peak(workload: Workload, plan: StepPlan) -> int:
    """Running sum of what the allocator did in a real step, a validation pass and a second step."""
    subject = subject_of(workload)
    worst = WorstExamples(workload, plan.batch_size, subject.ranked())
    gc.collect()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        subject.start(plan.optimizer, None, seed=0)
        batch = worst.batch(plan.batch_size)
        subject.step(batch, plan.micro_batch_size)
        subject.evaluate()
        subject.step(batch, plan.micro_batch_size)
    return highest(profiler)


def highest(profiler: profile) -> int:
    now = peak = 0
    for event in profiler.profiler.kineto_results.events():
        if event.name() == "[memory]":
            now += event.nbytes()
            peak = max(peak, now)
    return peak


def small_validation(workload: Workload) -> Workload:
    """The same workload with a validation pass that does not decide the peak."""
    return replace(workload, valid_data=WORKLOADS.Pool(workload.valid_data._examples, 4))


@pytest.mark.slow
@pytest.mark.parametrize("name", [factory.__name__ for factory in WORKLOADS.FACTORIES])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_predicted_peak_is_within_two_percent_of_the_profilers(name, optimizer):
    workload = small_validation(getattr(WORKLOADS, name)())
    plan = StepPlan(optimizer, 40, 40, "cpu")
    footprint = subject_of(workload).footprint(plan)
    assert footprint.method == "fake"
    assert footprint.warnings == ()
    assert sum(size for _, size in footprint.parts) == footprint.peak_bytes
    assert footprint.peak_bytes == pytest.approx(profiled_peak(workload, plan), rel=0.02)


@pytest.mark.slow
@pytest.mark.parametrize(
    "plan",
    [
        StepPlan("adam", 48, 16, "cpu"),
        StepPlan("adam", 40, 40, "cpu", precision="bf16"),
    ],
    ids=["accumulated", "bf16"],
)
def test_other_ways_to_step_are_predicted_as_well(plan):
    workload = small_validation(WORKLOADS.transformer())
    footprint = subject_of(workload).footprint(plan)
    real = replace(workload, precision=plan.precision or "fp32")
    assert footprint.peak_bytes == pytest.approx(profiled_peak(real, plan), rel=0.02)


def test_a_small_model_is_predicted_to_the_byte():
    workload = digits.workload()
    plan = StepPlan("adam", 200, 200, "cpu")
    assert subject_of(workload).footprint(plan).peak_bytes == profiled_peak(workload, plan)


@pytest.mark.slow
def test_parts_are_what_the_model_and_the_optimizer_hold():
    workload = WORKLOADS.embedding()
    parameters = sum(p.nbytes for p in workload.model().parameters())
    footprint = subject_of(workload).footprint(StepPlan("adam", 16, 16, "cpu"))
    parts = dict(footprint.parts)
    assert parts["parameters"] == parameters
    assert parts["optimizer_state"] == pytest.approx(2 * parameters, rel=0.001)


@pytest.mark.slow
def test_checkpointing_keeps_less_for_the_backward_pass():
    workload = small_validation(WORKLOADS.transformer())
    subject = subject_of(workload)
    plan = StepPlan("adam", 32, 32, "cpu")
    plain = subject.footprint(plan)
    checkpointed = subject.footprint(replace(plan, checkpointing=True))
    assert checkpointed.method == "fake"
    assert checkpointed.peak_bytes < 0.9 * plain.peak_bytes


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cnn", "transformer", "lstm"])
def test_inference_is_predicted_as_well_and_needs_less(name):
    workload = small_validation(getattr(WORKLOADS, name)())
    plan = StepPlan("adam", 40, 40, "cpu", inference=True)
    footprint = subject_of(workload).footprint(plan)
    assert footprint.method == "fake"
    subject = subject_of(workload)
    worst = WorstExamples(workload, 40, subject.ranked())
    gc.collect()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        subject.start(plan.optimizer, None, seed=0)
        subject.infer(worst.batch(40))
    assert footprint.peak_bytes == pytest.approx(highest(profiler), rel=0.02)
    training = subject_of(workload).footprint(replace(plan, inference=False))
    assert footprint.peak_bytes < training.peak_bytes


def test_a_model_without_blocks_cannot_be_checkpointed():
    with pytest.raises(UsageError, match="no repeated blocks"):
        checkpoint_blocks(nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)))


@pytest.mark.slow
def test_cuda_keeps_less_for_dropout_than_the_cpu():
    subject = subject_of(small_validation(WORKLOADS.transformer()))
    on_cpu = subject.footprint(StepPlan("adam", 32, 32, "cpu"))
    on_cuda = subject.footprint(StepPlan("adam", 32, 32, "cuda"))
    assert on_cuda.peak_bytes < on_cpu.peak_bytes
    assert nn.functional.dropout.__module__ == "torch.nn.functional"


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


def predicted(workload, target, **asked):
    probe = PredictProbe("", target, what_if=False, **asked)
    return predict_memory(subject_of(workload), probe, lambda share: None)[1]


def test_the_answer_on_a_gpu_fits_and_was_followed():
    target = MemoryTarget("GPU", "cuda", 256 * MIB, 64 * MIB, 8 * MIB)
    result = predicted(small_validation(WORKLOADS.cnn()), target)
    by_size = {peak.batch_size: peak for peak in result.peaks}
    assert result.verified
    assert result.capped_by == "memory"
    assert 0.8 * target.total_bytes < by_size[result.largest_batch_size].total_bytes
    assert by_size[result.largest_batch_size].total_bytes <= target.total_bytes
    assert 0 < result.safe_batch_size <= result.largest_batch_size


@pytest.mark.slow
def test_answers_grow_with_the_memory_and_lie_on_one_line():
    """Sizes next to each other differ by what the allocator rounds, and tell no slope."""
    workload = small_validation(WORKLOADS.transformer())
    limits = [MIB * size for size in (1024, 2048, 3072)]
    found = [predicted(workload, MemoryTarget("GPU", "cuda", n, 64 * MIB, 8 * MIB)) for n in limits]
    sizes = [result.largest_batch_size for result in found]
    assert sizes == sorted(set(sizes))
    for limit, result in zip(limits, found, strict=True):
        fits = [p.batch_size for p in result.peaks if p.total_bytes <= limit]
        assert result.largest_batch_size == max(fits)
        assert result.bytes_fixed >= 0
    slopes = [result.bytes_per_example for result in found]
    assert max(slopes) < 1.1 * min(slopes)


@pytest.mark.slow
def test_what_if_rows_agree_with_the_answer():
    target = MemoryTarget("GPU", "cuda", 2048 * MIB, 64 * MIB, 8 * MIB)
    probe = PredictProbe("adam", target, devices=(replace(target, name="The same GPU"),))
    subject = subject_of(small_validation(WORKLOADS.transformer()))
    result = predict_memory(subject, probe, lambda share: None)[1]
    rows = {row.name: row.largest_batch_size for row in result.alternatives}
    for same in ("adam", "fp32", "The same GPU"):
        assert rows[same] == pytest.approx(result.largest_batch_size, rel=0.05)
    assert rows["bf16"] > result.largest_batch_size


def test_nothing_fits_where_the_context_alone_is_larger():
    result = predicted(digits.workload(), MemoryTarget("GPU", "cuda", 32 * MIB, 64 * MIB))
    assert result.largest_batch_size is None
    assert result.safe_batch_size is None


def test_the_training_set_and_the_largest_size_asked_for_bound_the_answer():
    target = MemoryTarget("GPU", "cuda", 2**35, 64 * MIB)
    whole = predicted(digits.workload(), target)
    assert (whole.largest_batch_size, whole.capped_by) == (1437, "data_set_size")
    some = predicted(digits.workload(), target, max_batch_size=100)
    assert (some.largest_batch_size, some.capped_by) == (100, "max_batch_size")


def test_the_planner_gets_a_line_that_passes_the_limit_at_the_answer():
    limit = CpuDevice().used_bytes() + 512 * MIB
    result = predicted(WORKLOADS.lstm(), MemoryTarget("CPU", "cpu", limit))
    line = predicted_line(result)
    assert line.at(result.largest_batch_size) == pytest.approx(limit, rel=0.02)


def test_views_and_changes_in_place_are_counted_once():
    tracker = LiveStorage()
    with tracker:
        kept = torch.ones(1000)
        kept.view(10, 100).mul_(2)
        kept.t()
        gone = kept + 1
        del gone
    assert tracker.peak_bytes == 8000
    assert sum(tracker.live_parts.values()) == 4000


def test_devices_by_name():
    assert device("RTX4090").total_bytes < 24 * 2**30
    assert all(device(name).kind == "cuda" for name in DEVICE_NAMES)
    with pytest.raises(UsageError, match="--device-memory"):
        device("rtx9999")
