"""The learning rates of an optimizer that a library made: read, changed, and their schedule."""

import warnings
from collections.abc import Callable, Sequence
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


def record(scheduler: Any, optimizer: torch.optim.Optimizer, count: int) -> list[float]:
    """Factors on the learning rate before each of `count` steps of a scheduler."""
    base, factors = learning_rate(optimizer), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the optimizer makes no steps here
        for number in range(count):
            if number:
                scheduler.step()
            factors.append(float(optimizer.param_groups[0]["lr"]) / base)
    return factors


def stretched(factors: Sequence[float], periods: float) -> Callable[[int, int], float]:
    """A schedule over the same epochs, whatever the number of steps in them.

    Args:
        factors: Factor on the learning rate in each period, at the user's settings.
        periods: How many there are until the end: steps or epochs.

    Returns:
        (step, total_steps) -> factor.
    """

    def schedule(step: int, total_steps: int) -> float:
        period = int(step * periods / total_steps + 1e-9)
        return factors[min(period, len(factors) - 1)]

    return schedule


def _base(group: dict[str, Any]) -> float:
    return float(group.get("initial_lr", group["lr"]))
