"""Predict memory without the device, from Python and from the command line."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

from rightbatch.api.references import local_runner, reference
from rightbatch.api.settings import as_count_or_none, as_margin, as_memory
from rightbatch.errors import RunnerError, UsageError
from rightbatch.measure.devices import catalog
from rightbatch.measure.devices.cpu import CpuDevice
from rightbatch.measure.ports import Job, Progress
from rightbatch.records import MemoryTarget, PredictProbe, PredictResult
from rightbatch.report.sentences import outcome_sentence

_OTHERS = ("rtx4090", "a100-40g", "a100-80g", "h200")


def predict_memory(
    workload: str | Callable[[], Any],
    *,
    on: str | None = None,
    device_memory: str | int | None = None,
    device: str | None = None,
    optimizer: str = "",
    margin: float = 0.05,
    max_batch_size: int | None = None,
    threads: int | None = None,
    what_if: bool = True,
    inference: bool = False,
    progress: Progress | None = None,
) -> PredictResult:
    """Predict the memory of training, and the largest micro-batch that fits.

    Example:
        >>> predict_memory("train.py:workload", on="rtx4090").largest_batch_size

    Args:
        workload: The function that makes the workload, "file.py:factory", or a built-in name.
        on: A GPU by name, such as "rtx4090".
        device_memory: Memory of another GPU, such as "24GiB"; with `on`, the part of that GPU's
            memory to use; with device "cpu", the resident memory to use.
        device: "cpu" for resident memory on this machine, the default where neither a GPU nor
            memory is named.
        optimizer: Name of the optimizer; empty for the workload's own.
        margin: Share of the memory that `safe_batch_size` keeps free.
        max_batch_size: Largest micro-batch to consider.
        threads: Compute threads.
        what_if: Whether to predict for other optimizers, precisions and the like as well.
        inference: Whether to predict for forward passes alone, as in serving.
        progress: Called with the share done, 0 to 1.

    Raises:
        UsageError: The workload, the device or the optimizer cannot be used.
        WorkloadFailed: The user's code raised.
        RunnerError: Memory could not be predicted; the message says why.
    """
    threads = as_count_or_none("threads", threads)
    target = _target(on, device_memory, device)
    others = map(catalog.device, _OTHERS if what_if and target.kind == "cuda" else ())
    probe = PredictProbe(
        optimizer=optimizer,
        target=target,
        margin=as_margin(margin),
        max_batch_size=as_count_or_none("max_batch_size", max_batch_size),
        devices=tuple(other for other in others if other.name != target.name),
        what_if=what_if,
        inference=inference,
    )
    job = Job(reference(workload), probe, device="cpu", threads=threads)
    with closing(local_runner(job)) as runner:
        outcome, result = runner.run(probe, progress or (lambda share: None))
    if not isinstance(result, PredictResult):
        raise RunnerError(f"Memory could not be predicted. {outcome_sentence(outcome)}")
    return result


def _target(on: str | None, memory: str | int | None, device: str | None) -> MemoryTarget:
    """The device to predict for."""
    try:
        size = None if memory is None else as_memory(memory)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if device not in (None, "cpu"):
        raise UsageError(
            f"Memory cannot be predicted for the device {device!r}; name a GPU with `on`, such as "
            "rtx4090, or give `device_memory`."
        )
    if on is not None:
        if device == "cpu":
            raise UsageError("`on` names a GPU and `device` the CPU; give one of them.")
        return catalog.device(on, size)
    if size is not None and device is None:
        return catalog.unnamed_gpu(size)
    return MemoryTarget("this machine's CPU", "cpu", CpuDevice().limit_bytes(size))
