"""The optimizers of a workload: the user's own, and defaults by name."""

import inspect
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import torch

from rightbatch.errors import UsageError
from rightbatch.measure.frameworks.torch.workload import Workload
from rightbatch.records import OptimizerFacts, ScalingRule

if TYPE_CHECKING:
    from rightbatch.measure.frameworks.torch.workload import OptimizerFactory

Parameters = Iterable[torch.nn.Parameter]


def sgd(parameters: Parameters, learning_rate: float) -> torch.optim.Optimizer:
    """Stochastic gradient descent with momentum 0.9."""
    return torch.optim.SGD(parameters, lr=learning_rate, momentum=0.9)


def adam(parameters: Parameters, learning_rate: float) -> torch.optim.Optimizer:
    """Adam with its authors' constants."""
    return torch.optim.Adam(parameters, lr=learning_rate)


def rmsprop(parameters: Parameters, learning_rate: float) -> torch.optim.Optimizer:
    """RMSprop with PyTorch's constants."""
    return torch.optim.RMSprop(parameters, lr=learning_rate)


_DEFAULTS: dict[str, tuple["OptimizerFactory", float]] = {
    "sgd": (sgd, 0.05),
    "adam": (adam, 1e-3),
    "rmsprop": (rmsprop, 1e-3),
}


def catalog(workload: Workload) -> dict[str, tuple["OptimizerFactory", float, bool]]:
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
    first = {own: (workload.optimizer, workload.learning_rate, True)}
    defaults = {name: (*entry, False) for name, entry in _DEFAULTS.items()}
    return {**first, **given, **{n: e for n, e in defaults.items() if n not in given | first}}


def make(
    factory: "OptimizerFactory", model: torch.nn.Module, learning_rate: float
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
