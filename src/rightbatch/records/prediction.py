"""Memory predicted without the device: the target, its parts and what fits."""

from dataclasses import dataclass
from typing import Literal, get_args

from rightbatch.records.remark import Remark
from rightbatch.records.result import Result

MemoryPart = Literal[
    "parameters", "buffers", "gradients", "optimizer_state", "batch", "activations", "temporaries"
]
MEMORY_PARTS: tuple[MemoryPart, ...] = get_args(MemoryPart)
"""What tensors are used for: `batch` is input data, `activations` are kept by a forward pass for
the backward pass, `temporaries` are everything else that is freed by the end of the step."""

Change = Literal["optimizer", "precision", "checkpointing", "accumulation", "device"]
"""What a "what if" alternative changes."""

PredictionMethod = Literal["fake", "real"]
"""How steps were traced: on fake tensors without data, or by running real steps at small sizes."""

Cap = Literal["memory", "data_set_size", "max_batch_size", "default_cap", "broken", "time"]
"""What ended the search for the largest micro-batch."""


@dataclass(frozen=True, slots=True)
class MemoryTarget:
    """The device whose memory is predicted.

    Attributes:
        name: Name of the device.
        kind: "cuda", with PyTorch's caching allocator, or "cpu", with resident memory.
        total_bytes: Memory that the device reports, or that may be used.
        context_bytes: Memory used before the first tensor, by the driver's context.
        workspace_bytes: cuBLAS workspace per thread that multiplies matrices.
    """

    name: str
    kind: Literal["cpu", "cuda"]
    total_bytes: int
    context_bytes: int = 0
    workspace_bytes: int = 0


@dataclass(frozen=True, slots=True)
class PredictedPeak:
    """Predicted peak memory at one batch size.

    Attributes:
        batch_size: Examples per optimizer update.
        micro_batch_size: Examples per forward and backward pass.
        tensor_bytes: Peak memory of live tensors.
        total_bytes: Peak memory including everything else.
        parts: (part, bytes) pairs of the tensors at the peak.
    """

    batch_size: int
    micro_batch_size: int
    tensor_bytes: int
    total_bytes: int
    parts: tuple[tuple[MemoryPart, int], ...]


@dataclass(frozen=True, slots=True)
class MemoryAlternative:
    """The predicted memory of another choice.

    Attributes:
        kind: What is changed.
        name: What it is changed to: the name of an optimizer or a device, "fp32" or "bf16",
            "repeated_blocks", or "2x32" for two micro-batches of 32.
        peak_bytes: Predicted peak at the reference batch size; None if it could not be traced.
        largest_batch_size: Largest micro-batch by the line through two sizes, 0 if not even one
            example fits; None if memory sets no limit or it could not be traced.
        reason: Why there is no figure; None if there is one.
    """

    kind: Change
    name: str
    peak_bytes: int | None
    largest_batch_size: int | None
    reason: Remark | None = None


@dataclass(frozen=True, slots=True)
class PredictResult(Result):
    """The predicted memory of training steps.

    Attributes:
        target: The device it is predicted for.
        optimizer: Name of the optimizer.
        reference_batch_size: The user's present batch size.
        peaks: Predictions in ascending order of batch size.
        bytes_fixed: Memory at batch size 0 by the line near the limit.
        bytes_per_example: Slope of that line.
        overhead_bytes: The part of `bytes_fixed` that is not tensors.
        limit_bytes: Memory limit.
        margin: Share of the limit that `safe_batch_size` keeps free, 0 to 1.
        largest_batch_size: Largest micro-batch predicted to fit; None if not even one example does.
        safe_batch_size: Largest micro-batch predicted to fit with the safety margin.
        capped_by: What keeps it from being larger: memory, the training set or the largest size
            to consider.
        verified: Whether a step at `largest_batch_size` itself was traced.
        method: How steps were traced.
        reason: Why real steps were run; None if none were.
        warnings: What makes the prediction less certain.
        alternatives: Predictions for other choices.
        inference: Whether only forward passes were traced.
    """

    target: MemoryTarget
    optimizer: str
    reference_batch_size: int
    peaks: tuple[PredictedPeak, ...]
    bytes_fixed: float
    bytes_per_example: float
    overhead_bytes: int
    limit_bytes: int
    margin: float
    largest_batch_size: int | None
    safe_batch_size: int | None
    capped_by: Cap
    verified: bool
    method: PredictionMethod
    reason: Remark | None = None
    warnings: tuple[Remark, ...] = ()
    alternatives: tuple[MemoryAlternative, ...] = ()
    inference: bool = False
