"""Memory predicted without the device: what its tests share.

Nobody changes a subject here: what a step needs is found once for all tests of a model.
"""

import gc
import importlib.util
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from rightbatch.measure.devices.cpu import CpuDevice
from rightbatch.measure.frameworks.torch.lengths import WorstExamples
from rightbatch.measure.frameworks.torch.subject import TorchSubject
from rightbatch.measure.ports import StepPlan
from rightbatch.torch import Workload

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


@cache
def workload_of(name: str) -> Workload:
    """A model of the benchmarks with a small validation pass."""
    return small_validation(getattr(WORKLOADS, name)())


@cache
def subject_named(name: str) -> TorchSubject:
    """One for all tests that ask it for footprints alone."""
    return subject_of(workload_of(name))
