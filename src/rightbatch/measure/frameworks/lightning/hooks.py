"""A LightningModule without its Trainer: which of its methods are called, and what it logs."""

from collections.abc import Callable
from typing import Any

import torch

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
    return (
        f"{type(module).__name__}'s {', '.join(names)} {'is' if len(names) == 1 else 'are'} "
        "ignored: no Trainer runs the steps.",
    )


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


class Logged:
    """Stands in for `LightningModule.log`.

    Outside of validation nothing is kept. Numbers are reduced as in Lightning: to their mean over
    the batches, weighted by examples, or with `reduce_fx` to their sum, minimum or maximum. A
    torchmetrics metric computes its own value. A value logged on steps and on epochs has both of
    Lightning's names for the latter, "name" and "name_epoch".

    Attributes:
        examples: Examples in the validation batch under way.
    """

    def __init__(self) -> None:
        self._listening = False
        self.examples = 1
        self._numbers: dict[str, list[tuple[Any, int]]] = {}
        self._reductions: dict[str, str] = {}
        self._metrics: dict[str, Any] = {}
        self._in_training: dict[int, Any] = {}
        self._on_both: set[str] = set()

    def start(self) -> None:
        """Start to listen, with nothing logged."""
        self._listening = True
        self._numbers, self._reductions, self._metrics, self._on_both = {}, {}, {}, set()
        for metric in self._in_training.values():  # as Lightning does after each epoch
            metric.reset()
        self._in_training = {}
        self.examples = 1

    def log(
        self,
        name: str,
        value: Any,
        prog_bar: bool = False,
        logger: bool | None = None,
        on_step: bool | None = None,
        on_epoch: bool | None = None,
        reduce_fx: str | Callable[..., Any] = "mean",
        *_: Any,
        batch_size: int | None = None,
        **__: Any,
    ) -> None:
        """Keep a number or a metric; called like `LightningModule.log`."""
        if on_step and on_epoch and self._listening:
            self._on_both.add(name)
        if hasattr(value, "compute") and hasattr(value, "reset"):
            if self._listening:
                self._metrics[name] = value
            else:
                self._in_training[id(value)] = value
        elif self._listening:
            number = value.detach() if isinstance(value, torch.Tensor) else value
            self._numbers.setdefault(name, []).append((number, batch_size or self.examples))
            self._reductions[name] = reduce_fx if isinstance(reduce_fx, str) else reduce_fx.__name__

    def stop(self) -> dict[str, float]:
        """Stop listening.

        Returns:
            Everything that was logged, by name.
        """
        self._listening = False
        values = {
            name: _reduced(name, self._reductions[name], numbers)
            for name, numbers in self._numbers.items()
        }
        values |= {name: float(metric.compute()) for name, metric in self._metrics.items()}
        for metric in self._metrics.values():
            metric.reset()
        return values | {f"{name}_epoch": values[name] for name in self._on_both}


def _base(owner: Any) -> type | None:
    """LightningModule or LightningDataModule, of whichever package; None for anything else."""
    named = (kind for kind in type(owner).__mro__ if kind.__name__ in _BASES)
    return next((kind for kind in named if kind.__module__.split(".")[0] in _PACKAGES), None)


def _reduced(name: str, reduction: str, numbers: list[tuple[Any, int]]) -> float:
    values = [float(number) for number, _ in numbers]
    if reduction in ("mean", "avg"):
        weights = [weight for _, weight in numbers]
        return sum(v * w for v, w in zip(values, weights, strict=True)) / sum(weights)
    reductions: dict[str, Callable[[list[float]], float]] = {"sum": sum, "min": min, "max": max}
    if reduction not in reductions:
        raise UsageError(
            f"The metric {name!r} is logged with reduce_fx {reduction!r}; use mean, sum, min or "
            "max, or log a torchmetrics metric."
        )
    return reductions[reduction](values)
