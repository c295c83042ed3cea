"""Memory predicted without the device: for what device, of what it is made, and what fits."""

from dataclasses import dataclass
from typing import Literal, get_args

from rightbatch.records.fits import Cap
from rightbatch.records.remark import Remark
from rightbatch.records.result import Result

MemoryPart = Literal[
    "parameters", "buffers", "gradients", "optimizer_state", "batch", "activations", "temporaries"
]
MEMORY_PARTS: tuple[MemoryPart, ...] = get_args(MemoryPart)
"""What tensors are for: `batch` is input data, `activations` what a forward pass keeps for the
backward pass, `temporaries` all that is gone after the step and was not made by a forward pass."""

Change = Literal["optimizer", "precision", "checkpointing", "accumulation", "device"]
"""What a "what if" changes."""

PredictionMethod = Literal["fake", "real"]
"""How a step was followed: on tensors without data, or really, at small sizes."""


@dataclass(frozen=True, slots=True)
class MemoryTarget:
    """The device whose memory is predicted.

    Attributes:
        name: What to call it.
        kind: "cuda", with PyTorch's caching allocator, or "cpu", where resident memory counts.
        total_bytes: Memory that the device reports, or that may be used.
        context_bytes: Memory that is gone before the first tensor: the driver's context.
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
        tensor_bytes: Peak of live tensors.
        total_bytes: Peak with all that is not a tensor.
        parts: (part, bytes) of the tensors at that moment.
    """

    batch_size: int
    micro_batch_size: int
    tensor_bytes: int
    total_bytes: int
    parts: tuple[tuple[MemoryPart, int], ...]


@dataclass(frozen=True, slots=True)
class MemoryAlternative:
    """What another choice would need.

    Attributes:
        kind: What is changed.
        name: What it is changed to: the name of an optimizer or a device, "fp32" or "bf16",
            "repeated_blocks", or "2x32" for two micro-batches of 32.
        peak_bytes: Predicted peak at the reference batch size; None where it could not be followed.
        largest_batch_size: Largest micro-batch by the line through two sizes, 0 where not one
            example fits; None where memory sets no limit or it could not be followed.
        reason: Why there is no figure; None where there is one.
    """

    kind: Change
    name: str
    peak_bytes: int | None
    largest_batch_size: int | None
    reason: Remark | None = None


@dataclass(frozen=True, slots=True)
class PredictResult(Result):
    """Memory of training steps, predicted.

    Attributes:
        target: The device it is predicted for.
        optimizer: Name of the optimizer.
        reference_batch_size: The batch size the user trains with today.
        peaks: Predictions in ascending order of batch size.
        bytes_fixed: Memory at batch size 0 of the line near the limit.
        bytes_per_example: Its slope.
        overhead_bytes: The part of `bytes_fixed` that is not tensors.
        limit_bytes: Memory that may be used.
        margin: Share of it kept free by `safe_batch_size`, 0 to 1.
        largest_batch_size: Largest micro-batch predicted to fit; None where not one example does.
        safe_batch_size: The same with the margin kept free.
        capped_by: What keeps it from being larger: memory, the training set or the largest size
            that was to be considered.
        verified: Whether a step of `largest_batch_size` itself was followed.
        method: How steps were followed.
        reason: Why they were followed by running them; None where they were not.
        warnings: What makes the prediction less sure.
        alternatives: What other choices would need.
        inference: Whether forward passes alone were followed.
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
