"""What a Lightning user imports: `rightbatch.lightning.workload`."""

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
    """The workload of a LightningModule and its data.

    Example:
        >>> def workload():
        ...     return rightbatch.lightning.workload(LitDigits, Digits(), goal="val_acc >= 0.96")

    Args:
        model: () -> LightningModule, such as its class: called afresh for every run. Its
            training_step, validation_step and configure_optimizers are used.
        datamodule: Where the data sets, the collate function and the batch size come from.
        goal: The goal in words, about a metric that validation logs with `self.log`.
        trainer: The Trainer that fits the module today, for what it tells: max_epochs,
            gradient_clip_val, precision, accumulate_grad_batches, devices.
        train_dataloaders: A DataLoader in place of the DataModule's or the module's own.
        val_dataloaders: Likewise.
        **fields: Fields of `rightbatch.torch.Workload` to add or replace, such as optimizers.

    Returns:
        A PyTorch workload.

    Raises:
        UsageError: The module or its data are such that a batch size cannot be found for them.
    """
    from rightbatch.measure.frameworks.lightning.workload import make_workload

    return make_workload(
        model, datamodule, train_dataloaders, val_dataloaders, trainer, goal, fields
    )
