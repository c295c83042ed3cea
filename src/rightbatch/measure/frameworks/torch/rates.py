"""The learning rates of an optimizer that a library made: read, changed, and their schedule."""

import warnings
from collections.abc import Callable
from typing import Any

import torch

from rightbatch.errors import UsageError

_OVERRIDING = {"OneCycleLR": "max_lr", "CyclicLR": "base_lr"}
"""Schedulers that set the rates themselves, whatever the optimizer was made with, and the argument
that rates are told as."""


def learning_rate(optimizer: torch.optim.Optimizer) -> float:
    """The learning rate that an optimizer is told to have, of its first group that is trained.

    That is what the user set: OneCycleLR's max_lr where there is one, else what was given to the
    optimizer. Groups whose rate is 0 are passed over.

    Raises:
        UsageError: The rate of every group is 0.
    """
    return _base(_told(optimizer))


def set_learning_rate(optimizer: torch.optim.Optimizer, value: float) -> torch.optim.Optimizer:
    """Give the first group of parameters that is trained a rate, the others in proportion.

    What a scheduler did to the rates when it was made is undone.
    """
    factor = value / learning_rate(optimizer)
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"] = _base(group) * factor
    return optimizer


def overridden(scheduler: Any) -> tuple[str, ...]:
    """What rates are told as where a scheduler sets them itself, in a sentence."""
    names = [type(part).__name__ for part in (scheduler, *getattr(scheduler, "_schedulers", ()))]
    return tuple(_told_as(name) for name in names if name in _OVERRIDING)


def one_cycle(optimizer: torch.optim.Optimizer) -> tuple[str, ...]:
    """What rates are told as where a OneCycleLR was made for an optimizer, in a sentence."""
    return (_told_as("OneCycleLR"),) if "max_lr" in optimizer.param_groups[0] else ()


def _told_as(name: str) -> str:
    return f"{name} sets the learning rate itself; the rates told are its {_OVERRIDING[name]}."


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
        group = _told(self._optimizer)
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


def _told(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """The group of parameters whose rate is told: the first one that is trained."""
    for group in optimizer.param_groups:
        if _base(group) > 0:
            return group
    raise UsageError(
        f"Every learning rate of the {type(optimizer).__name__} is 0; give the optimizer the rate "
        "that you train with."
    )


def _base(group: dict[str, Any]) -> float:
    """What a factor of 1 stands for: only OneCycleLR leaves a max_lr in the group."""
    return float(group.get("max_lr", group.get("initial_lr", group["lr"])))
