"""A LightningModule and its data as a PyTorch workload."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from rightbatch.errors import UsageError
from rightbatch.measure.frameworks.lightning import hooks
from rightbatch.measure.frameworks.lightning.settings import (
    StandIn,
    configured,
    read_trainer,
    schedule_of,
)
from rightbatch.measure.frameworks.torch import data, rates
from rightbatch.measure.frameworks.torch.loaders import Loader, read_loader
from rightbatch.measure.frameworks.torch.workload import Workload


def make_workload(
    model: Callable[[], Any],
    datamodule: Any,
    train_dataloaders: Any,
    val_dataloaders: Any,
    trainer: Any,
    goal: str,
    fields: dict[str, Any],
) -> Workload:
    """The workload of a LightningModule; for the arguments see `rightbatch.lightning.workload`."""
    if isinstance(model, torch.nn.Module):
        raise UsageError(
            "model must be a function that makes the LightningModule, such as its class, so that "
            f"every run starts from a fresh one, not {type(model).__name__}."
        )
    if isinstance(datamodule, type):
        raise UsageError(
            f"The datamodule is the class {datamodule.__name__}; give an instance: "
            f"{datamodule.__name__}()."
        )
    sample = hooks.checked(model())
    known = read_trainer(trainer)
    stand_in = StandIn(known, hooks.library(sample))
    sample.trainer = stand_in
    train, valid = _loaders(sample, datamodule, stand_in, train_dataloaders, val_dataloaders)
    examples, batch_size = len(train.dataset), train.batch_size * known.batches_per_step
    epochs = known.epochs(examples, batch_size)
    stand_in.will_train(examples, batch_size, epochs)
    hooks.set_up(sample, None)
    optimizer, schedulers = configured(sample)
    schedule, unscheduled = schedule_of(optimizer, schedulers, epochs, batch_size, examples)
    steps = Steps(datamodule)

    def build() -> Any:
        module = model()
        module.trainer = stand_in
        hooks.set_up(module, steps.logged.log)
        steps.batches = 0
        return module

    own_fields: dict[str, Any] = {
        "batch_size": batch_size,
        "learning_rate": rates.learning_rate(optimizer),
        "optimizer": rates.factory(
            type(optimizer).__name__.lower(), lambda model: configured(model)[0]
        ),
        "schedule": schedule,
        "epochs": epochs,
        "clip_norm": known.clip_norm,
        "precision": known.precision,
        "collate": train.collate,
        "num_workers": train.num_workers,
        "valid_batch_size": valid.batch_size,
        "names": (
            ("batch_size", "micro_batch_size"),
            ("accumulate_grad_batches", "accumulation_steps"),
        ),
        "notes": (*known.notes, *train.notes, *unscheduled, *hooks.ignored(sample)),
    }
    return Workload(
        model=build,
        train_data=train.dataset,
        valid_data=valid.dataset,
        loss=steps.loss,
        metric=steps.metrics,
        goal=goal,
        **(own_fields | fields),
    )


class Steps:
    """The training and validation steps of the LightningModule being trained.

    Attributes:
        logged: Values that the module logs in validation.
        batches: Training batches so far.
    """

    def __init__(self, datamodule: Any) -> None:
        self._datamodule = datamodule
        self.logged = hooks.Logged()
        self.batches = 0

    def loss(self, module: Any, batch: Any) -> torch.Tensor:
        """The loss of a training step.

        Raises:
            UsageError: It returns none.
        """
        output = module.training_step(self._moved(module, batch), self.batches)
        self.batches += 1
        loss = output.get("loss") if isinstance(output, Mapping) else output
        if not isinstance(loss, torch.Tensor):
            raise UsageError(
                f"{type(module).__name__}.training_step returns no loss; return the loss of every "
                "batch, or a dict with it under 'loss'."
            )
        return loss

    def metrics(self, module: Any, batches: list[Any]) -> dict[str, float]:
        """Everything logged by the validation steps and the hooks around them.

        Raises:
            UsageError: They log nothing.
        """
        module.trainer.training, module.trainer.validating = False, True
        self.logged.start()
        try:
            self._validate(module, batches)
        finally:
            module.trainer.training, module.trainer.validating = True, False
            values = self.logged.stop()
        if not values:
            raise UsageError(
                f"{type(module).__name__} logs nothing in validation; log the metric that the goal "
                "names in validation_step: self.log('val_acc', ...)."
            )
        return values

    def _validate(self, module: Any, batches: list[Any]) -> None:
        module.on_validation_epoch_start()
        for number, batch in enumerate(batches):
            self.logged.examples = data.size(batch)
            module.on_validation_batch_start(batch, number)
            output = module.validation_step(self._moved(module, batch), number)
            module.on_validation_batch_end(output, batch, number)
        self.logged.examples = 1
        module.on_validation_epoch_end()

    def _moved(self, module: Any, batch: Any) -> Any:
        """A batch after the hook `on_after_batch_transfer`."""
        owner = self._datamodule
        if owner is None or not hooks.overridden(owner, "on_after_batch_transfer"):
            owner = module
        return owner.on_after_batch_transfer(batch, 0)


def _loaders(
    module: Any, datamodule: Any, stand_in: StandIn, train: Any, valid: Any
) -> tuple[Loader, Loader]:
    """The training and validation loaders: those given, else the DataModule's or the module's."""
    if datamodule is not None:
        datamodule.trainer = stand_in
        stand_in.datamodule = datamodule
        datamodule.prepare_data()
        datamodule.setup("fit")
    owner = module if datamodule is None else datamodule
    train = _own_loader(owner, "train_dataloader") if train is None else train
    valid = _own_loader(owner, "val_dataloader") if valid is None else valid
    if isinstance(valid, list | tuple) and len(valid) == 1:
        valid = valid[0]
    return read_loader(train, "training"), read_loader(valid, "validation")


def _own_loader(owner: Any, name: str) -> Any:
    if not hooks.overridden(owner, name):
        raise UsageError(
            f"{type(owner).__name__} has no {name}; give the workload a datamodule that has one, "
            f"or {name}s=..."
        )
    return getattr(owner, name)()
