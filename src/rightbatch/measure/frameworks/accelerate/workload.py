"""The pieces of a training loop that an Accelerator prepared, as a PyTorch workload."""

from collections.abc import Callable
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.optimizer import AcceleratedOptimizer
from accelerate.utils import DistributedType

from rightbatch.errors import UsageError
from rightbatch.measure.frameworks.torch import rates
from rightbatch.measure.frameworks.torch.loaders import read_loader
from rightbatch.measure.frameworks.torch.workload import Workload

_SHARDED = (DistributedType.DEEPSPEED, DistributedType.FSDP, DistributedType.MEGATRON_LM)


def make_workload(
    prepared: Callable[[], Any],
    loss: Callable[[torch.nn.Module, Any], torch.Tensor],
    metric: Any,
    goal: str,
    fields: dict[str, Any],
) -> Workload:
    """The workload of a prepared loop; for the arguments see `rightbatch.accelerate.workload`."""
    accelerator, _, optimizer, train_loader, valid_loader = _pieces(prepared)
    train = read_loader(train_loader, "training")
    valid = read_loader(valid_loader, "validation")
    loop = Loop(prepared)
    own_fields: dict[str, Any] = {
        "batch_size": train.batch_size
        * accelerator.gradient_accumulation_steps
        * accelerator.num_processes,
        "learning_rate": rates.learning_rate(_inner(optimizer)),
        "optimizer": loop.named(type(_inner(optimizer)).__name__.lower()),
        "collate": train.collate,
        "num_workers": train.num_workers,
        "valid_batch_size": valid.batch_size,
        "names": (
            ("batch_size", "micro_batch_size"),
            ("gradient_accumulation_steps", "accumulation_steps"),
        ),
        "notes": (*train.notes, *rates.one_cycle(_inner(optimizer))),
    }
    return Workload(
        model=loop.model,
        train_data=train.dataset,
        valid_data=valid.dataset,
        loss=loss,
        metric=metric,
        goal=goal,
        **(own_fields | fields),
    )


class Loop:
    """A fresh model and the optimizer that was made with it."""

    def __init__(self, prepared: Callable[[], Any]) -> None:
        self._prepared = prepared
        self._optimizer: Any = None

    def model(self) -> torch.nn.Module:
        """The model of pieces that are prepared anew."""
        self._optimizer = None
        _, model, self._optimizer, _, _ = _pieces(self._prepared)
        return model  # type: ignore[no-any-return]

    def named(self, name: str) -> Callable[[Any, float], torch.optim.Optimizer]:
        """What gives the optimizer of the latest model, under a name."""

        def optimizer(model: torch.nn.Module, learning_rate: float) -> torch.optim.Optimizer:
            return rates.set_learning_rate(_inner(self._optimizer), learning_rate)

        optimizer.__name__ = name
        return optimizer


def _pieces(prepared: Callable[[], Any]) -> tuple[Any, Any, Any, Any, Any]:
    """Accelerator, model, optimizer, training and validation loader.

    Raises:
        UsageError: They are others, or prepared for what is not measured.
    """
    if not callable(prepared):
        raise UsageError(
            f"A {type(prepared).__name__} was given; give the function that makes the pieces and "
            "has them prepared, so that every run starts from a fresh model."
        )
    pieces = prepared()
    if (
        not isinstance(pieces, tuple)
        or len(pieces) != 5
        or not isinstance(pieces[0], Accelerator)
        or not isinstance(pieces[1], torch.nn.Module)
        or not isinstance(_inner(pieces[2]), torch.optim.Optimizer)
    ):
        raise UsageError(
            "The function must give (accelerator, model, optimizer, training loader, validation "
            "loader), prepared by the accelerator."
        )
    accelerator = pieces[0]
    if accelerator.mixed_precision not in ("no", "bf16"):
        raise UsageError(
            f"The Accelerator's mixed_precision {accelerator.mixed_precision!r} is not measured; "
            "use 'no' or 'bf16'."
        )
    if accelerator.distributed_type in _SHARDED:
        raise UsageError(
            f"The Accelerator shares the model between devices ({accelerator.distributed_type}); "
            "rightbatch measures on one: leave it out."
        )
    return pieces


def _inner(optimizer: Any) -> Any:
    return optimizer.optimizer if isinstance(optimizer, AcceleratedOptimizer) else optimizer
