"""For users of Lightning: `rightbatch.lightning.workload`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lightning.pytorch import LightningDataModule, LightningModule, Trainer
    from torch.utils.data import DataLoader

    from rightbatch.torch import Workload

__all__ = ["workload"]


def workload(
    model: Callable[[], LightningModule],
    datamodule: LightningDataModule | None = None,
    *,
    goal: str,
    trainer: Trainer | None = None,
    train_dataloaders: DataLoader[Any] | None = None,
    val_dataloaders: DataLoader[Any] | None = None,
    **fields: Any,  # noqa: ANN401 - the fields of a Workload
) -> Workload:
    """Make a workload of a LightningModule and its data.

    Example:
        >>> def workload():
        ...     return rightbatch.lightning.workload(LitDigits, Digits(), goal="val_acc >= 0.96")

    Args:
        model: () -> LightningModule, such as its class: called afresh for every run. Its
            training_step, validation_step and configure_optimizers are used.
        datamodule: The source of the data sets, the collate function and the batch size.
        goal: The goal in words, about a metric that validation logs with `self.log`.
        trainer: The Trainer in use, for its max_epochs, max_steps, gradient_clip_val, precision,
            accumulate_grad_batches and devices.
        train_dataloaders: A DataLoader that replaces the DataModule's or the module's own.
        val_dataloaders: Likewise.
        **fields: Fields of `rightbatch.torch.Workload` to add or replace, such as optimizers.

    Returns:
        A PyTorch workload.

    Raises:
        UsageError: The module, its data or its Trainer are not supported.
    """
    from rightbatch.measure.frameworks.lightning.workload import make_workload

    return make_workload(
        model, datamodule, train_dataloaders, val_dataloaders, trainer, goal, fields
    )
