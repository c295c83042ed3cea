"""What `configure_optimizers` of a LightningModule gives."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from rightbatch.errors import UsageError
from rightbatch.measure.frameworks.torch import rates


@dataclass(frozen=True, slots=True)
class Configured:
    """One optimizer, and the schedulers that go with it.

    Attributes:
        optimizer: The optimizer.
        schedulers: What the user gave for schedulers: each alone, or in a dict with "interval".
    """

    optimizer: torch.optim.Optimizer
    schedulers: tuple[Any, ...]

    def schedule(
        self, epochs: float | None, batch_size: int, examples: int
    ) -> tuple[Callable[[int, int], float] | None, tuple[str, ...]]:
        """The schedule over the same epochs at any batch size.

        The optimizer is of no other use afterwards: its scheduler is stepped with it.

        Args:
            epochs: Passes over the training data in all; None where they are not known.
            batch_size: Examples per update at the user's settings.
            examples: Training examples.

        Returns:
            The schedule, None where there is none that could be used, and what to say of it.
        """
        if not self.schedulers:
            return None, ()
        told = self.schedulers[0]
        options = told if isinstance(told, Mapping) else {"scheduler": told}
        scheduler = options["scheduler"]
        name, unit = type(scheduler).__name__, rates.overridden(scheduler)
        if len(self.schedulers) > 1:
            return None, ("The schedulers are left out: there are several.",)
        if isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
            return None, (f"{name} is left out: it depends on how validation goes.",)
        if epochs is None:
            return None, (
                f"{name} is left out: give the workload trainer=Trainer(max_epochs=...), which "
                "tells how long it runs.",
                *unit,
            )
        every = int(options.get("frequency", 1))
        periods = epochs
        if options.get("interval", "epoch") == "step":
            periods = max(1, round(epochs * -(-examples // batch_size)))
        count = math.ceil(periods / every)
        factors = rates.Factors(scheduler, self.optimizer, count)
        return rates.stretched(factors, periods / every), unit


def configured(module: Any) -> Configured:
    """Call a module's `configure_optimizers`.

    Raises:
        UsageError: It gives no optimizer, or several.
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
            f"{type(module).__name__}.configure_optimizers gives {count}; rightbatch finds the "
            "learning rate of one torch.optim.Optimizer."
        )
    return Configured(found[0], tuple(schedulers))
