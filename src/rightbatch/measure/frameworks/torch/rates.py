"""Read, set and schedule the learning rates of an optimizer that a library made."""

import warnings
from collections.abc import Callable
from typing import Any

import torch

from rightbatch.errors import UsageError

_OVERRIDING = {"OneCycleLR": "max_lr", "CyclicLR": "base_lr"}
"""Schedulers that set the rates themselves, whatever the optimizer's, and the argument that a
learning rate then stands for."""


def learning_rate(optimizer: torch.optim.Optimizer) -> float:
    """The learning rate that the user set, of an optimizer's first trained parameter group.

    This is OneCycleLR's max_lr where there is one, else the rate given to the optimizer. Groups
    with rate 0 are skipped.

    Raises:
        UsageError: The rate of every group is 0.
    """
    return _base(_first_trained(optimizer))


def set_learning_rate(optimizer: torch.optim.Optimizer, value: float) -> torch.optim.Optimizer:
    """Set the rate of the first trained parameter group, and the others in proportion.

    Undoes what a scheduler did to the rates when it was created.
    """
    factor = value / learning_rate(optimizer)
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"] = _base(group) * factor
    return optimizer


def overridden(scheduler: Any) -> tuple[str, ...]:
    """Notes on what a learning rate stands for where a scheduler sets rates itself."""
    names = [type(part).__name__ for part in (scheduler, *getattr(scheduler, "_schedulers", ()))]
    return tuple(_note(name) for name in names if name in _OVERRIDING)


def one_cycle(optimizer: torch.optim.Optimizer) -> tuple[str, ...]:
    """A note on what a learning rate stands for where a OneCycleLR was made for an optimizer."""
    return (_note("OneCycleLR"),) if "max_lr" in optimizer.param_groups[0] else ()


def _note(name: str) -> str:
    return f"{name} sets the learning rate itself; learning rates here are its {_OVERRIDING[name]}."


class Factors:
    """The factors of a scheduler on the learning rate, computed on demand.

    The scheduler is stepped with an optimizer without parameters, so that the model it was made
    for is not kept alive.

    Args:
        scheduler: A newly created scheduler.
        optimizer: Its optimizer, which must not be used otherwise.
        count: Periods until its end, the first included.
    """

    def __init__(self, scheduler: Any, optimizer: torch.optim.Optimizer, count: int) -> None:
        for group in optimizer.param_groups:
            group["params"] = []
        self._scheduler = scheduler
        self._optimizer = optimizer
        self._count = count
        self._known = [self._current()]

    def __getitem__(self, period: int) -> float:
        """The factor in a period, from 0; past the end, the last one."""
        period = min(period, self._count - 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the optimizer makes no steps here
            while len(self._known) <= period:
                self._scheduler.step()
                self._known.append(self._current())
        return self._known[period]

    def _current(self) -> float:
        group = _first_trained(self._optimizer)
        return float(group["lr"]) / _base(group)


def factory(
    name: str, make: Callable[[Any], torch.optim.Optimizer]
) -> Callable[[Any, float], torch.optim.Optimizer]:
    """A `Workload.optimizer` of a library's own optimizer.

    Args:
        name: Name of the optimizer.
        make: (model) -> the library's optimizer for it.
    """

    def optimizer(model: Any, learning_rate: float) -> torch.optim.Optimizer:
        return set_learning_rate(make(model), learning_rate)

    optimizer.__name__ = name
    return optimizer


def stretched(factors: Factors, periods: float) -> Callable[[int, int], float]:
    """A schedule over the same epochs at any number of steps.

    Args:
        factors: Factors on the learning rate by period, at the user's settings.
        periods: Number of periods, steps or epochs, until the end.

    Returns:
        (step, total_steps) -> factor.
    """
    return lambda step, total_steps: factors[int(step * periods / total_steps + 1e-9)]


def _first_trained(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    for group in optimizer.param_groups:
        if _base(group) > 0:
            return group
    raise UsageError(
        f"Every learning rate of the {type(optimizer).__name__} is 0; give the optimizer the rate "
        "that you train with."
    )


def _base(group: dict[str, Any]) -> float:
    """The learning rate at a factor of 1; only OneCycleLR leaves a max_lr in the group."""
    return float(group.get("max_lr", group.get("initial_lr", group["lr"])))
