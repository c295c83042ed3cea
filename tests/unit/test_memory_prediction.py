"""Memory predicted without the device, against PyTorch's profiler."""

import gc
from dataclasses import replace

import pytest
import torch
from predicted_memory import (
    WORKLOADS,
    highest,
    one_thread,  # noqa: F401
    profiled_peak,
    subject_named,
    subject_of,
    workload_of,
)
from torch import nn
from torch.profiler import ProfilerActivity, profile

from rightbatch.errors import UsageError
from rightbatch.measure.frameworks.torch.following.faking import checkpoint_blocks
from rightbatch.measure.frameworks.torch.following.tracking import LiveStorage
from rightbatch.measure.frameworks.torch.lengths import WorstExamples
from rightbatch.measure.ports import StepPlan
from rightbatch.zoo import digits

NAMES = [factory.__name__ for factory in WORKLOADS.FACTORIES]
QUICK = ("cnn", "lstm", "embedding")
LONG = pytest.mark.long


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "optimizer"),
    [
        *((name, "adam") for name in NAMES),
        *(pytest.param(name, "sgd", marks=() if name in QUICK else LONG) for name in NAMES),
    ],
)
def test_predicted_peak_is_within_two_percent_of_the_profilers(name, optimizer):
    workload = workload_of(name)
    plan = StepPlan(optimizer, 40, 40, "cpu")
    footprint = subject_named(name).footprint(plan)
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
@pytest.mark.parametrize("name", ["cnn", pytest.param("transformer", marks=LONG)])
def test_other_ways_to_step_are_predicted_as_well(plan, name):
    workload = workload_of(name)
    footprint = subject_named(name).footprint(plan)
    real = replace(workload, precision=plan.precision or "fp32")
    assert footprint.peak_bytes == pytest.approx(profiled_peak(real, plan), rel=0.02)


def test_a_small_model_is_predicted_to_the_byte():
    workload = digits.workload()
    plan = StepPlan("adam", 200, 200, "cpu")
    assert subject_of(workload).footprint(plan).peak_bytes == profiled_peak(workload, plan)


@pytest.mark.slow
def test_parts_are_what_the_model_and_the_optimizer_hold():
    parameters = sum(p.nbytes for p in workload_of("embedding").model().parameters())
    footprint = subject_named("embedding").footprint(StepPlan("adam", 40, 40, "cpu"))
    parts = dict(footprint.parts)
    assert parts["parameters"] == parameters
    assert parts["optimizer_state"] == pytest.approx(2 * parameters, rel=0.001)


@pytest.mark.slow
def test_checkpointing_keeps_less_for_the_backward_pass():
    subject = subject_named("transformer")
    plan = StepPlan("adam", 40, 40, "cpu")
    plain = subject.footprint(plan)
    checkpointed = subject.footprint(replace(plan, checkpointing=True))
    assert checkpointed.method == "fake"
    assert checkpointed.peak_bytes < 0.9 * plain.peak_bytes


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cnn", "transformer", "lstm"])
def test_inference_is_predicted_as_well_and_needs_less(name):
    workload = workload_of(name)
    plan = StepPlan("adam", 40, 40, "cpu", inference=True)
    footprint = subject_named(name).footprint(plan)
    assert footprint.method == "fake"
    subject = subject_of(workload)
    worst = WorstExamples(workload, 40, subject.ranked())
    gc.collect()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        subject.start(plan.optimizer, None, seed=0)
        subject.infer(worst.batch(40))
    assert footprint.peak_bytes == pytest.approx(highest(profiler), rel=0.02)
    training = subject_named(name).footprint(replace(plan, inference=False))
    assert footprint.peak_bytes < training.peak_bytes


def test_a_model_without_blocks_cannot_be_checkpointed():
    with pytest.raises(UsageError, match="no repeated blocks"):
        checkpoint_blocks(nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)))


@pytest.mark.slow
def test_cuda_keeps_less_for_dropout_than_the_cpu():
    subject = subject_named("transformer")
    on_cpu = subject.footprint(StepPlan("adam", 40, 40, "cpu"))
    on_cuda = subject.footprint(StepPlan("adam", 40, 40, "cuda"))
    assert on_cuda.peak_bytes < on_cpu.peak_bytes
    assert nn.functional.dropout.__module__ == "torch.nn.functional"


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
