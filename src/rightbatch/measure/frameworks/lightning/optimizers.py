"""The result of a LightningModule's `configure_optimizers`."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from rightbatch.errors import UsageError
from rightbatch.measure.frameworks.torch import rates


@dataclass(frozen=True, slots=True)
class Configured:
    """One optimizer and its schedulers.

    Attributes:
        optimizer: The optimizer.
        schedulers: The user's schedulers: each alone, or in a dict with "interval".
    """

    optimizer: torch.optim.Optimizer
    schedulers: tuple[Any, ...]

    def schedule(
        self, epochs: float | None, batch_size: int, examples: int
    ) -> tuple[Callable[[int, int], float] | None, tuple[str, ...]]:
        """The schedule over the same epochs at any batch size.

        Uses up the optimizer, with which the scheduler is stepped.

        Args:
            epochs: Total passes over the training data; None where unknown.
            batch_size: Examples per update at the user's settings.
            examples: Training examples.

        Returns:
            The schedule, None where there is none or it cannot be used, and notes on it.
        """
        if not self.schedulers:
            return None, ()
        entry = self.schedulers[0]
        options = entry if isinstance(entry, Mapping) else {"scheduler": entry}
        scheduler = options["scheduler"]
        name, unit = type(scheduler).__name__, rates.overridden(scheduler)
        if len(self.schedulers) > 1:
            return None, ("The schedulers are ignored: there are several.",)
        if isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
            return None, (f"{name} is ignored: it depends on validation results.",)
        if epochs is None:
            return None, (
                f"{name} is ignored: its length is unknown; pass trainer=Trainer(max_epochs=...) "
                "to the workload.",
                *unit,
            )
        periods = epochs
        if options.get("interval", "epoch") == "step":
            periods = max(1, round(epochs * -(-examples // batch_size)))
        periods /= int(options.get("frequency", 1))
        factors = rates.Factors(scheduler, self.optimizer, math.ceil(periods))
        return rates.stretched(factors, periods), unit


def configured(module: Any) -> Configured:
    """Call a module's `configure_optimizers`.

    Raises:
        UsageError: It returns no optimizer, or several.
    """
    given = module.configure_optimizers()
    schedulers: list[Any] = []
    if isinstance(given, tuple | list) and len(given) == 2 and isinstance(given[0], tuple | list):
        given, more = given
        schedulers = list(more) if isinstance(more, tuple | list) else [more]
    found = list(given) if isinstance(given, tuple | list) else [given]
    for number, entry in enumerate(found):
        if isinstance(entry, Mapping):
            found[number] = entry.get("optimizer")
            if entry.get("lr_scheduler") is not None:
                schedulers.append(entry["lr_scheduler"])
    if len(found) != 1 or not isinstance(found[0], torch.optim.Optimizer):
        count = "no optimizer" if given is None else f"{len(found)} optimizers"
        if len(found) == 1 and given is not None:
            count = f"a {type(found[0]).__name__}"
        raise UsageError(
            f"{type(module).__name__}.configure_optimizers returns {count}; return a single "
            "torch.optim.Optimizer, whose learning rate rightbatch can tune."
        )
    return Configured(found[0], tuple(schedulers))
