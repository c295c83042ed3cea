"""Settings of the user's Trainer and `configure_optimizers`, and a stand-in for the Trainer."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

import torch

from rightbatch.errors import UsageError
from rightbatch.measure.frameworks.torch import rates

_PRECISIONS: dict[str, Literal["fp32", "bf16"]] = {"32-true": "fp32", "bf16-mixed": "bf16"}
_HARMLESS = (
    "Checkpoint", "DeviceStatsMonitor", "EarlyStopping", "LearningRateMonitor", "ModelSummary",
    "ProgressBar", "ThroughputMonitor", "Timer",
)  # fmt: skip
"""Kinds of Lightning's callbacks that do not change training."""


@dataclass(frozen=True, slots=True)
class TrainerFacts:
    """Settings of the user's Trainer.

    Attributes:
        batches_per_step: Batches of the loader per update, over all devices.
        clip_norm: Largest gradient norm.
        precision: "fp32" or "bf16".
        max_epochs: Passes over the training data; None for no limit.
        max_steps: Updates; None for no limit.
        notes: What is ignored, one sentence each.
    """

    batches_per_step: int = 1
    clip_norm: float | None = None
    precision: Literal["fp32", "bf16"] = "fp32"
    max_epochs: int | None = None
    max_steps: int | None = None
    notes: tuple[str, ...] = ()

    def epochs(self, examples: int, batch_size: int) -> float | None:
        """Total passes over the training data; None where nothing limits them."""
        steps_per_epoch = -(-examples // batch_size)
        by_steps = None if self.max_steps is None else self.max_steps / steps_per_epoch
        limits = [limit for limit in (self.max_epochs, by_steps) if limit is not None]
        return min(limits) if limits else None


def read_trainer(trainer: Any) -> TrainerFacts:
    """The settings of a Trainer; defaults for None.

    Raises:
        UsageError: It trains in a precision that is not supported.
    """
    if trainer is None:
        return TrainerFacts()
    precision = str(trainer.precision)
    if precision not in _PRECISIONS:
        raise UsageError(
            f"The Trainer's precision {precision!r} is not supported; use "
            f"{' or '.join(map(repr, _PRECISIONS))}."
        )
    notes = []
    clip = trainer.gradient_clip_val or None
    if clip is not None and "value" in str(trainer.gradient_clip_algorithm).lower():
        notes.append("Gradients are not clipped: the Trainer clips them by value, not by norm.")
        clip = None
    if others := [
        type(callback).__name__
        for callback in trainer.callbacks
        if not any(kind.__name__ in _HARMLESS for kind in type(callback).__mro__)
    ]:
        notes.append(f"The Trainer's callbacks are ignored: {', '.join(others)}.")
    return TrainerFacts(
        batches_per_step=trainer.accumulate_grad_batches * trainer.world_size,
        clip_norm=clip,
        precision=_PRECISIONS[precision],
        max_epochs=_limit(trainer.max_epochs),
        max_steps=_limit(trainer.max_steps),
        notes=tuple(notes),
    )


class StandIn:
    """The attributes of a Trainer that a LightningModule or DataModule may use in a trial.

    Limits on epochs and steps are missing where the user's Trainer is unknown.

    Args:
        facts: Settings of the user's Trainer.
        library: The package of the LightningModule.
    """

    current_epoch = global_step = 0
    global_rank = local_rank = node_rank = 0
    world_size = num_devices = num_nodes = 1
    is_global_zero = training = True
    validating = sanity_checking = testing = predicting = False
    progress_bar_callback = None
    datamodule: Any = None

    def __init__(self, facts: TrainerFacts, library: str) -> None:
        self.accumulate_grad_batches = facts.batches_per_step
        if facts.max_epochs is not None:
            self.max_epochs = facts.max_epochs
        if facts.max_steps is not None:
            self.max_steps = facts.max_steps
        self.logger = import_module(f"{library}.loggers.logger").DummyLogger()
        self.loggers = [self.logger]

    def will_train(self, examples: int, batch_size: int, epochs: float | None) -> None:
        """Set the length of training at the user's settings."""
        self.num_training_batches = -(-examples // batch_size) * self.accumulate_grad_batches
        if epochs is not None:
            self.estimated_stepping_batches = max(1, round(epochs * -(-examples // batch_size)))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise UsageError(
            f"The LightningModule uses {name!r} of its Trainer, which does not exist while "
            "rightbatch trains; if it depends on the length of training, pass "
            "trainer=Trainer(max_epochs=...) to the workload, else do without it."
        )


def configured(module: Any) -> tuple[torch.optim.Optimizer, list[Any]]:
    """The optimizer and the schedulers of a module's `configure_optimizers`.

    Raises:
        UsageError: It returns no optimizer, or several.
    """
    given = module.configure_optimizers()
    schedulers: list[Any] = []
    if isinstance(given, tuple | list) and len(given) == 2 and isinstance(given[0], tuple | list):
        given, more = given
        schedulers = list(more) if isinstance(more, tuple | list) else [more]
    entries = given if isinstance(given, tuple | list) else [given]
    options = [entry for entry in entries if isinstance(entry, Mapping)]
    schedulers += [o["lr_scheduler"] for o in options if o.get("lr_scheduler") is not None]
    found = [e.get("optimizer") if isinstance(e, Mapping) else e for e in entries]
    if len(found) != 1 or not isinstance(found[0], torch.optim.Optimizer):
        count = "no optimizer" if given is None else f"{len(found)} optimizers"
        if len(found) == 1 and given is not None:
            count = f"a {type(found[0]).__name__}"
        raise UsageError(
            f"{type(module).__name__}.configure_optimizers returns {count}; return a single "
            "torch.optim.Optimizer, whose learning rate rightbatch can tune."
        )
    return found[0], schedulers


def schedule_of(
    optimizer: torch.optim.Optimizer,
    schedulers: list[Any],
    epochs: float | None,
    batch_size: int,
    examples: int,
) -> tuple[Callable[[int, int], float] | None, tuple[str, ...]]:
    """The schedule over the same epochs at any batch size.

    Uses up the optimizer, with which the scheduler is stepped.

    Args:
        optimizer: The optimizer.
        schedulers: The user's schedulers: each alone, or in a dict with "interval".
        epochs: Total passes over the training data; None where unknown.
        batch_size: Examples per update at the user's settings.
        examples: Training examples.

    Returns:
        The schedule, None where there is none or it cannot be used, and notes on it.
    """
    if not schedulers:
        return None, ()
    if len(schedulers) > 1:
        return None, ("The schedulers are ignored: there are several.",)
    (entry,) = schedulers
    options = entry if isinstance(entry, Mapping) else {"scheduler": entry}
    scheduler = options["scheduler"]
    name, unit = type(scheduler).__name__, rates.overridden(scheduler)
    if isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
        return None, (f"{name} is ignored: it depends on validation results.",)
    if epochs is None:
        return None, (
            f"{name} is ignored: its length is unknown; pass trainer=Trainer(max_epochs=...) "
            "to the workload.",
            *unit,
        )
    by_step = options.get("interval", "epoch") == "step"
    periods = max(1, round(epochs * -(-examples // batch_size))) if by_step else epochs
    periods /= int(options.get("frequency", 1))
    return rates.stretched(rates.Factors(scheduler, optimizer, math.ceil(periods)), periods), unit


def _limit(value: int | None) -> int | None:
    return None if value is None or value < 0 else value
