"""Peak memory of the most demanding training steps of an epoch and of a validation pass."""

import time
from dataclasses import replace

from rightbatch.errors import UsageError
from rightbatch.measure.ports import Batch, Infers, Progress, Subject
from rightbatch.records import MemoryProbe, MemoryResult, Outcome, Remark, Status

_NOTABLE_BYTES = 32 * 2**20
"""Less than this in swap or spilled causes no measurable slowdown."""

_THRASH = 3
"""Retries after the first step that count as thrashing; fewer occur once, at a new batch shape."""


def measure_memory(
    subject: Subject, probe: MemoryProbe, progress: Progress
) -> tuple[Outcome, MemoryResult | None]:
    """Train on the longest examples, validate, continue as in a second epoch, end on a short batch.

    For inference, run forward passes on the same batches.

    Returns:
        The outcome and what was measured: out of memory where the peak exceeds the limit, slowed
        where memory was short without a failure.
    """
    subject.start(probe.optimizer, None, seed=0)
    device = subject.device
    batches = subject.hard_batches(probe.batch_size * probe.accumulation_steps, probe.steps)
    enforced_by = device.enforce(probe.limit_bytes)
    device.reset_peak()
    baseline, before = device.used_bytes(), device.pressure()
    step_seconds = 0.0
    for number, batch in enumerate(batches):
        begin = time.perf_counter()
        step(subject, batch, probe.batch_size, probe.inference)
        subject.synchronize()
        if number < probe.steps:
            step_seconds = time.perf_counter() - begin
        if number == 0:  # the allocator finds its sizes in the first step
            before = replace(before, allocator_retries=device.pressure().allocator_retries)
        if number == 1 and not probe.inference:  # by now the optimizer's state exists
            subject.evaluate()
        progress((number + 1) / (probe.steps + 2))
    peak, after = device.peak_bytes(), device.pressure()
    result = MemoryResult(
        peak_bytes=peak,
        baseline_bytes=baseline,
        step_seconds=step_seconds,
        swap_bytes=max(0, after.swap_bytes - before.swap_bytes),
        spilled_bytes=after.spilled_bytes,
        allocator_retries=after.allocator_retries - before.allocator_retries,
        enforced_by=enforced_by,
    )
    if peak > probe.limit_bytes:
        return out_of_memory(probe.batch_size, probe.inference), result
    return _slowed(probe.batch_size, result) or Outcome(Status.OK), result


def step(subject: Subject, batch: Batch, micro_batch_size: int, inference: bool) -> None:
    """Train on a batch, or run a forward pass alone."""
    if not inference:
        subject.step(batch, micro_batch_size)
    elif isinstance(subject, Infers):
        subject.infer(batch)
    else:
        raise UsageError(
            "Only PyTorch workloads can run forward passes alone; leave `inference` out."
        )


def out_of_memory(batch_size: int, inference: bool = False) -> Outcome:
    """The outcome of a trial that needed more memory than its limit.

    Args:
        batch_size: Examples per forward and backward pass; 0 where nothing was trained.
        inference: Whether there was no backward pass.
    """
    if batch_size == 0:
        reason = Remark.of("workload_too_large")
    elif inference:
        reason = Remark.of("batch_too_large", batch_size=batch_size)
    else:
        reason = Remark.of("micro_batch_too_large", micro_batch_size=batch_size)
    return Outcome(Status.OUT_OF_MEMORY, reason)


def _slowed(batch_size: int, result: MemoryResult) -> Outcome | None:
    """The outcome of a trial that ran only with memory from elsewhere; None for any other."""
    if (swapped := result.swap_bytes) >= _NOTABLE_BYTES:
        reason = Remark.of("in_swap", micro_batch_size=batch_size, swap_bytes=swapped)
    elif (spilled := result.spilled_bytes) >= _NOTABLE_BYTES:
        reason = Remark.of("spilled", micro_batch_size=batch_size, spilled_bytes=spilled)
    elif (retries := result.allocator_retries) >= _THRASH:
        reason = Remark.of("allocator_thrashing", micro_batch_size=batch_size, retries=retries)
    else:
        return None
    return Outcome(Status.SLOWED, reason)
