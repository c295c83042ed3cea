"""For users of accelerate: `rightbatch.accelerate.workload`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from rightbatch.torch import Workload

__all__ = ["workload"]


def workload(
    prepared: Callable[[], Any],
    *,
    loss: Callable[[torch.nn.Module, Any], torch.Tensor],
    metric: Any,  # noqa: ANN401 - a function, or a torchmetrics metric
    goal: str,
    **fields: Any,  # noqa: ANN401 - the fields of a Workload
) -> Workload:
    """Make a workload of a training loop whose pieces an Accelerator prepares.

    Args:
        prepared: () -> (accelerator, model, optimizer, training loader, validation loader), the
            last four prepared by the accelerator; called afresh for every run.
        loss: (model, batch) -> scalar tensor, the mean loss over the batch.
        metric: (model, batches) -> float over the validation batches, or a dict of several by
            name, or a torchmetrics metric.
        goal: The goal in words, such as "accuracy >= 0.96".
        **fields: Fields of `rightbatch.torch.Workload` to add or replace: clip_norm if the loop
            clips gradients, schedule and epochs if it has a scheduler.

    Returns:
        A PyTorch workload. Mixed precision is the accelerator's own.

    Raises:
        UsageError: The function returns something else, or pieces that are not supported.
    """
    from rightbatch.measure.frameworks.accelerate.workload import make_workload

    return make_workload(prepared, loss, metric, goal, fields)
