"""Peak memory of a few real training steps and a validation pass."""

import time

from rightbatch.measure.ports import Progress, Subject
from rightbatch.records import MemoryProbe, MemoryResult, Outcome, Status


def measure_memory(
    subject: Subject, probe: MemoryProbe, progress: Progress
) -> tuple[Outcome, MemoryResult | None]:
    """Train `probe.steps` steps at one micro-batch size, then validate.

    Returns:
        Out of memory, with no result, where the peak passes the limit or the framework says so.
    """
    subject.start(probe.optimizer, None, seed=0)
    device = subject.device
    device.enforce(probe.limit_bytes)
    device.reset_peak()
    baseline = device.used_bytes()
    batches = subject.batches(probe.batch_size, seed=0)
    step_seconds = 0.0
    for step in range(probe.steps):
        batch = next(batches)
        begin = time.perf_counter()
        subject.step(batch, probe.batch_size)
        subject.synchronize()
        step_seconds = time.perf_counter() - begin
        progress((step + 1) / (probe.steps + 1))
    del batch
    subject.evaluate()
    peak = device.peak_bytes()
    if peak > probe.limit_bytes:
        return out_of_memory(probe.batch_size), None
    return Outcome(Status.OK), MemoryResult(peak, baseline, step_seconds)


def out_of_memory(batch_size: int) -> Outcome:
    """The outcome of a trial that needed more memory than it may have.

    Args:
        batch_size: Examples per forward and backward pass; 0 where nothing was trained.
    """
    if batch_size == 0:
        return Outcome(
            Status.OUT_OF_MEMORY,
            "Building the workload does not fit the memory limit; load less data into memory, or "
            "raise the memory limit.",
        )
    return Outcome(
        Status.OUT_OF_MEMORY,
        f"A micro-batch of {batch_size} does not fit the memory limit; use a smaller micro-batch "
        "and accumulate gradients.",
    )
