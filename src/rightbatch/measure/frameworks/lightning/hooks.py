"""Which methods of a LightningModule are called, and which are ignored."""

from collections.abc import Callable
from typing import Any

from rightbatch.errors import UsageError

_PACKAGES = ("lightning", "pytorch_lightning")
_BASES = ("LightningModule", "LightningDataModule")
_IGNORED = (
    "backward",
    "configure_callbacks",
    "configure_gradient_clipping",
    "lr_scheduler_step",
    "on_after_backward",
    "on_before_backward",
    "on_before_batch_transfer",
    "on_before_optimizer_step",
    "on_before_zero_grad",
    "on_fit_start",
    "on_train_batch_end",
    "on_train_batch_start",
    "on_train_epoch_end",
    "on_train_epoch_start",
    "on_train_start",
    "on_validation_start",
    "optimizer_step",
    "optimizer_zero_grad",
    "transfer_batch_to_device",
)
"""Methods that Lightning's Trainer calls in `fit` and rightbatch does not."""


def checked(module: Any) -> Any:
    """A LightningModule that rightbatch can train.

    Raises:
        UsageError: It is no LightningModule, optimizes manually, or lacks a step.
    """
    name = type(module).__name__
    if _base(module) is None or not hasattr(module, "configure_optimizers"):
        raise UsageError(f"model must make a LightningModule, not {name}.")
    if not module.automatic_optimization:
        raise UsageError(
            f"{name} optimizes manually, which rightbatch cannot do at other batch sizes; let "
            "training_step return the loss, or write a rightbatch.torch.Workload."
        )
    for step in ("training_step", "validation_step"):
        if not overridden(module, step):
            raise UsageError(f"{name} has no {step}, which rightbatch needs; define it.")
    return module


def library(module: Any) -> str:
    """The package that a LightningModule comes from: lightning.pytorch or pytorch_lightning."""
    base: Any = _base(module)
    return str(base.__module__).partition(".core")[0]


def overridden(owner: Any, name: str) -> bool:
    """Whether a method is the user's own rather than Lightning's."""
    own = getattr(type(owner), name, None) is not getattr(_base(owner), name, None)
    return own or name in vars(owner)  # where DataModules made from data sets have theirs


def ignored(module: Any) -> tuple[str, ...]:
    """A note on the user's methods that are not called; empty where there are none."""
    names = [name for name in _IGNORED if overridden(module, name)]
    if not names:
        return ()
    what = f"{type(module).__name__}'s {', '.join(names)}"
    return (f"{what} {'is' if len(names) == 1 else 'are'} ignored: no Trainer runs the steps.",)


def set_up(module: Any, log: Callable[..., None] | None) -> None:
    """Prepare a module as Lightning does before it makes its optimizer.

    Args:
        module: A LightningModule with its Trainer.
        log: Replaces its `log`, and that of modules in it; None to log nothing.
    """
    for part in module.modules():
        if _base(part) is not None and hasattr(part, "validation_step"):
            part.log = log or (lambda *_, **__: None)
    module.prepare_data()
    module.setup("fit")
    module.configure_model()


def _base(owner: Any) -> type | None:
    """LightningModule or LightningDataModule, of whichever package; None for anything else."""
    named = (kind for kind in type(owner).__mro__ if kind.__name__ in _BASES)
    return next((kind for kind in named if kind.__module__.split(".")[0] in _PACKAGES), None)
