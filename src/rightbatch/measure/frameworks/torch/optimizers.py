"""The optimizers of a workload: the user's own, and defaults by name."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from rightbatch.errors import UsageError
from rightbatch.measure.frameworks.torch.workload import OptimizerFactory, Workload
from rightbatch.records import OptimizerFacts, ScalingRule

_DEFAULTS: dict[str, tuple[OptimizerFactory, float]] = {
    "sgd": (partial(torch.optim.SGD, momentum=0.9), 0.05),
    "adam": (torch.optim.Adam, 1e-3),  # with its authors' constants
    "rmsprop": (torch.optim.RMSprop, 1e-3),  # with PyTorch's constants
}


def catalog(workload: Workload) -> dict[str, tuple[OptimizerFactory, float, bool]]:
    """Every optimizer of a workload: name -> (factory, learning rate, whether the user set it).

    The first entry is the user's own.

    Raises:
        UsageError: Two optimizers share a name, or one has two learning rates.
    """
    own = getattr(workload.optimizer, "__name__", "optimizer").strip("<>")
    given: dict[str, tuple[OptimizerFactory, float, bool]] = {}
    for name, entry in (workload.optimizers or {}).items():
        factory, learning_rate = entry if isinstance(entry, tuple) else (entry, None)
        if factory is workload.optimizer:
            own = name
            if learning_rate not in (None, workload.learning_rate):
                raise UsageError(
                    f"The optimizer {name!r} has the learning rate {learning_rate:g} in "
                    f"Workload.optimizers and {workload.learning_rate:g} in "
                    "Workload.learning_rate; set the same in both."
                )
        elif learning_rate is None:
            known = _DEFAULTS.get(name, (factory, workload.learning_rate))[1]
            given[name] = (factory, known, False)
        else:
            given[name] = (factory, learning_rate, True)
    if own in given:
        raise UsageError(
            f"Workload.optimizer and an entry of Workload.optimizers are both named {own!r}; "
            "rename the entry."
        )
    ours = {own: (workload.optimizer, workload.learning_rate, True), **given}
    return ours | {n: (*entry, False) for n, entry in _DEFAULTS.items() if n not in ours}


def make(
    factory: OptimizerFactory, model: torch.nn.Module, learning_rate: float
) -> torch.optim.Optimizer:
    """An optimizer of a model's trainable parameters, or of the model if the factory takes it."""
    if _takes_model(factory):
        return factory(model, learning_rate)
    return factory([p for p in model.parameters() if p.requires_grad], learning_rate)


def _takes_model(factory: Callable[..., Any]) -> bool:
    """Whether the first parameter of a factory is named `model`."""
    try:
        return next(iter(inspect.signature(factory).parameters), "") == "model"
    except (TypeError, ValueError):  # a builtin without a signature
        return False


def facts(workload: Workload, model: torch.nn.Module) -> tuple[OptimizerFacts, ...]:
    """Plain facts of every optimizer, the user's own first; each is made once, for the model."""
    described = []
    for name, (factory, learning_rate, tuned) in catalog(workload).items():
        probe = make(factory, model, learning_rate)
        if not isinstance(probe, torch.optim.Optimizer):
            raise UsageError(
                f"The optimizer {name!r} of the workload must take (parameters, learning_rate) and "
                f"return a torch.optim.Optimizer, not {type(probe).__name__}."
            )
        rule: ScalingRule = "linear" if isinstance(probe, torch.optim.SGD) else "square_root"
        described.append(OptimizerFacts(name, rule, learning_rate, tuned))
    return tuple(described)
