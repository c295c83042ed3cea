"""Predicted peak memory against the real one, for every workload, optimizer, precision and size.

On a CPU the real peak is the running sum of what PyTorch's profiler sees its allocator do; on a GPU
it is `torch.cuda.max_memory_allocated`. Both do what a prediction follows: a step on the longest
examples, a validation pass, and a second step.

    python benchmarks/memory/prediction.py
    python benchmarks/memory/prediction.py --device cuda
"""

import argparse
import csv
import gc
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import torch
from torch.profiler import ProfilerActivity, profile
from workloads import FACTORIES

from rightbatch.measure.devices.catalog import unnamed_gpu
from rightbatch.measure.devices.cpu import CpuDevice
from rightbatch.measure.frameworks.torch.lengths import WorstExamples
from rightbatch.measure.frameworks.torch.subject import TorchSubject
from rightbatch.measure.ports import Precision, StepPlan
from rightbatch.science.caching_allocator import replay

Device = Literal["cpu", "cuda"]

RESULTS = Path(__file__).parents[1] / "results" / "memory"
OPTIMIZERS = ("adam", "sgd", "plain-sgd", "rmsprop")
BATCH_SIZES = {"cpu": (8, 64, 256), "cuda": (64, 1024)}
HEAD = ("workload", "optimizer", "precision", "batch_size", "predicted_bytes", "real_bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    device = parser.parse_args().device
    torch.set_num_threads(1)
    name = "prediction.csv" if device == "cpu" else "prediction-cuda.csv"
    RESULTS.mkdir(parents=True, exist_ok=True)
    errors = []
    with (RESULTS / name).open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*HEAD, "error"))
        for row in rows(device):
            error = row[4] / row[5] - 1
            errors.append(abs(error))
            writer.writerow((*row, f"{error:.5f}"))
            file.flush()
            print(*row, f"{100 * error:+.2f}%", flush=True)
    print(f"mean error {statistics.mean(errors):.2%}, largest {max(errors):.2%}")


def rows(device: Device) -> Iterator[tuple[str, str, str, int, int, int]]:
    precisions: tuple[Precision, ...] = ("fp32", "bf16")
    for factory in FACTORIES:
        workload = factory()
        follower = TorchSubject(workload, workload.name, "cpu", 1, "", CpuDevice())
        for precision in precisions:
            if device == "cpu" and (precision == "bf16" and workload.name == "lstm"):
                continue  # oneDNN has no bfloat16 LSTM on many processors
            for optimizer in OPTIMIZERS if precision == "fp32" else OPTIMIZERS[:1]:
                for size in BATCH_SIZES[device]:
                    plan = StepPlan(optimizer, size, size, device, precision)
                    predicted = predicted_peak(follower, plan)
                    real = real_peak(follower.variant(precision), plan)
                    yield workload.name, optimizer, precision, size, predicted, real


def predicted_peak(follower: TorchSubject, plan: StepPlan) -> int:
    footprint = follower.footprint(plan)
    if plan.device == "cpu":
        return footprint.peak_bytes
    total = torch.cuda.get_device_properties(0).total_memory
    workspace = unnamed_gpu(total).workspace_bytes
    if torch.cuda.get_device_capability(0) >= (9, 0):
        workspace = 32 * 2**20
    return replay([(-1, workspace), (-2, workspace), *footprint.events]).allocated_bytes


def real_peak(subject: TorchSubject, plan: StepPlan) -> int:
    subject.ranked()  # looked at before anything is counted
    return profiled_peak(subject, plan) if plan.device == "cpu" else cuda_peak(subject, plan)


def steps(subject: TorchSubject, plan: StepPlan) -> None:
    subject.start(plan.optimizer, None, seed=0)
    size = plan.batch_size
    batch = WorstExamples(subject.workload, size, subject.ranked()).batch(size)
    subject.step(batch, plan.micro_batch_size)
    subject.evaluate()
    subject.step(batch, plan.micro_batch_size)


def profiled_peak(subject: TorchSubject, plan: StepPlan) -> int:
    """Peak of the running sum of allocations and releases, in bytes."""
    gc.collect()
    fresh = subject.variant(plan.precision)  # no validation batches from an earlier run
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        steps(fresh, plan)
    now = peak = 0
    for event in profiler.profiler.kineto_results.events():
        if event.name() == "[memory]":
            now += event.nbytes()
            peak = max(peak, now)
    return peak


def cuda_peak(subject: TorchSubject, plan: StepPlan) -> int:
    """`torch.cuda.max_memory_allocated` of the same steps on the first GPU."""
    workload = subject.workload
    own = TorchSubject(workload, workload.name, "cuda:0", 1, "", CpuDevice())
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(0)
    steps(own, plan)
    return torch.cuda.max_memory_allocated(0)


if __name__ == "__main__":
    main()
