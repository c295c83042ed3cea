"""A training loop that an Accelerator prepared, as a PyTorch workload."""

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
        "optimizer": rates.factory(type(_inner(optimizer)).__name__.lower(), loop.optimizer),
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
        """Prepare the pieces anew; return their model."""
        self._optimizer = None  # released before the next is made
        _, model, self._optimizer, _, _ = _pieces(self._prepared)
        return model  # type: ignore[no-any-return]

    def optimizer(self, model: torch.nn.Module) -> torch.optim.Optimizer:
        """The optimizer that was prepared with the latest model."""
        return _inner(self._optimizer)  # type: ignore[no-any-return]


def _pieces(prepared: Callable[[], Any]) -> tuple[Any, Any, Any, Any, Any]:
    """Accelerator, model, optimizer, training and validation loader.

    Raises:
        UsageError: They are not these, or prepared in a way that is not supported.
    """
    if not callable(prepared):
        raise UsageError(
            "prepared must be a function that makes and prepares the pieces, so that every run "
            f"starts from a fresh model, not {type(prepared).__name__}."
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
            "The function does not return (accelerator, model, optimizer, training loader, "
            "validation loader); return these five, prepared by the accelerator."
        )
    accelerator = pieces[0]
    if accelerator.mixed_precision not in ("no", "bf16"):
        raise UsageError(
            f"The Accelerator's mixed_precision {accelerator.mixed_precision!r} is not supported; "
            "use 'no' or 'bf16'."
        )
    if accelerator.distributed_type in _SHARDED:
        raise UsageError(
            f"The Accelerator shards the model over devices ({accelerator.distributed_type}), but "
            "rightbatch measures on one; turn sharding off."
        )
    return pieces


def _inner(optimizer: Any) -> Any:
    return optimizer.optimizer if isinstance(optimizer, AcceleratedOptimizer) else optimizer
