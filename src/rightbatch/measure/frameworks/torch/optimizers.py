"""The optimizers of a workload: the user's own, and the field's three where none is given."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

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
    """Every optimizer of a workload: name -> (factory, learning rate, whether the user gave it).

    The first entry is the user's own.
    """
    own = getattr(workload.optimizer, "__name__", "optimizer").strip("<>")
    given: dict[str, tuple[OptimizerFactory, float, bool]] = {}
    for name, entry in (workload.optimizers or {}).items():
        if isinstance(entry, tuple):
            given[name] = (entry[0], entry[1], True)
        else:
            known = _DEFAULTS.get(name, (entry, workload.learning_rate))[1]
            is_own = entry is workload.optimizer
            given[name] = (entry, workload.learning_rate if is_own else known, is_own)
            own = name if is_own else own
    first = {own: (workload.optimizer, workload.learning_rate, True)}
    defaults = {name: (*entry, False) for name, entry in _DEFAULTS.items()}
    return {**first, **given, **{n: e for n, e in defaults.items() if n not in given | first}}


def facts(workload: Workload) -> tuple[OptimizerFacts, ...]:
    """Plain facts of every optimizer, the user's own first."""
    described = []
    for name, (factory, learning_rate, tuned) in catalog(workload).items():
        probe = factory([torch.nn.Parameter(torch.zeros(1))], learning_rate)
        if not isinstance(probe, torch.optim.Optimizer):
            raise UsageError(
                f"The optimizer {name!r} of the workload gives a {type(probe).__name__}; "
                "it must take (parameters, learning_rate) and give a torch.optim.Optimizer."
            )
        rule: ScalingRule = "linear" if isinstance(probe, torch.optim.SGD) else "square_root"
        described.append(OptimizerFacts(name, rule, learning_rate, tuned))
    return tuple(described)
