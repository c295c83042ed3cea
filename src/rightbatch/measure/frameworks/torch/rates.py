"""The learning rates of an optimizer that a library made: read, changed, and their schedule."""

import warnings
from collections.abc import Callable
from typing import Any

import torch


def learning_rate(optimizer: torch.optim.Optimizer) -> float:
    """The learning rate that an optimizer starts from, of its first group of parameters."""
    return _base(optimizer.param_groups[0])


def set_learning_rate(optimizer: torch.optim.Optimizer, value: float) -> torch.optim.Optimizer:
    """Give the first group of parameters a learning rate, the others in proportion.

    What a scheduler did to the rates when it was made is undone.
    """
    factor = value / learning_rate(optimizer)
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"] = _base(group) * factor
    return optimizer


class Factors:
    """What a scheduler does to the learning rate, found out as far as it is asked for.

    The scheduler is stepped with an optimizer that has let go of its parameters, so that the model
    it was made for is not kept.

    Args:
        scheduler: Fresh from being made.
        optimizer: Its optimizer; of no other use from now on.
        count: Periods until its end, the first included.
    """

    def __init__(self, scheduler: Any, optimizer: torch.optim.Optimizer, count: int) -> None:
        for group in optimizer.param_groups:
            group["params"] = []
        self._scheduler = scheduler
        self._optimizer = optimizer
        self._count = count
        self._known = [self._now()]

    def __getitem__(self, period: int) -> float:
        """The factor in a period from 0; past the end the last one."""
        period = min(period, self._count - 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the optimizer makes no steps here
            while len(self._known) <= period:
                self._scheduler.step()
                self._known.append(self._now())
        return self._known[period]

    def _now(self) -> float:
        group = self._optimizer.param_groups[0]
        return float(group["lr"]) / _base(group)


def stretched(factors: Factors, periods: float) -> Callable[[int, int], float]:
    """A schedule over the same epochs, whatever the number of steps in them.

    Args:
        factors: Factor on the learning rate in each period, at the user's settings.
        periods: How many there are until the end: steps or epochs.

    Returns:
        (step, total_steps) -> factor.
    """
    return lambda step, total_steps: factors[int(step * periods / total_steps + 1e-9)]


def _base(group: dict[str, Any]) -> float:
    return float(group.get("initial_lr", group["lr"]))
