"""Values that a LightningModule logs in validation, reduced over the batches."""

from collections.abc import Callable
from typing import Any

import torch

from rightbatch.errors import UsageError


class Logged:
    """Stands in for `LightningModule.log`.

    Outside of validation nothing is kept. Numbers are reduced as in Lightning: to their mean over
    the batches, weighted by examples, or with `reduce_fx` to their sum, minimum or maximum. A
    torchmetrics metric computes its own value. A value logged on steps and on epochs has both of
    Lightning's names for the latter, "name" and "name_epoch".
    """

    def __init__(self) -> None:
        self._listening = False
        self._examples = 1
        self._numbers: dict[str, list[tuple[Any, int]]] = {}
        self._reductions: dict[str, str] = {}
        self._metrics: dict[str, Any] = {}
        self._in_training: dict[int, Any] = {}
        self._on_both: set[str] = set()

    def start(self) -> None:
        """Start to listen, with nothing logged."""
        self._listening = True
        self._numbers, self._reductions, self._metrics, self._on_both = {}, {}, {}, set()
        for metric in self._in_training.values():  # as Lightning does after each epoch
            metric.reset()
        self._in_training = {}
        self.batch(1)

    def batch(self, examples: int) -> None:
        """Set the number of examples in the next validation batch."""
        self._examples = examples

    def log(
        self,
        name: str,
        value: Any,
        prog_bar: bool = False,
        logger: bool | None = None,
        on_step: bool | None = None,
        on_epoch: bool | None = None,
        reduce_fx: str | Callable[..., Any] = "mean",
        *_: Any,
        batch_size: int | None = None,
        **__: Any,
    ) -> None:
        """Keep a number or a metric; called like `LightningModule.log`."""
        if on_step and on_epoch and self._listening:
            self._on_both.add(name)
        if hasattr(value, "compute") and hasattr(value, "reset"):
            if self._listening:
                self._metrics[name] = value
            else:
                self._in_training[id(value)] = value
        elif self._listening:
            number = value.detach() if isinstance(value, torch.Tensor) else value
            self._numbers.setdefault(name, []).append((number, batch_size or self._examples))
            reduction = reduce_fx if isinstance(reduce_fx, str) else reduce_fx.__name__
            self._reductions[name] = reduction

    def stop(self) -> dict[str, float]:
        """Stop listening.

        Returns:
            Everything that was logged, by name.
        """
        self._listening = False
        values = {
            name: _reduced(name, self._reductions[name], numbers)
            for name, numbers in self._numbers.items()
        }
        for name, metric in self._metrics.items():
            values[name] = float(metric.compute())
        for metric in self._metrics.values():
            metric.reset()
        return values | {f"{name}_epoch": values[name] for name in self._on_both}


def _reduced(name: str, reduction: str, numbers: list[tuple[Any, int]]) -> float:
    values = [float(number) for number, _ in numbers]
    if reduction in ("mean", "avg"):
        weights = [weight for _, weight in numbers]
        total = sum(v * w for v, w in zip(values, weights, strict=True))
        return total / sum(weights)
    reductions: dict[str, Callable[[list[float]], float]] = {"sum": sum, "min": min, "max": max}
    if reduction not in reductions:
        raise UsageError(
            f"The metric {name!r} is logged with reduce_fx {reduction!r}; use mean, sum, min or "
            "max, or log a torchmetrics metric."
        )
    return reductions[reduction](values)
