"""Batches of a PyTorch workload: shuffled epochs without end, and slices of a batch."""

from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from rightbatch.errors import UsageError

Data = Dataset[Any] | tuple[torch.Tensor, ...]


def example_count(data: Data, name: str) -> int:
    """Number of examples in a data set.

    Raises:
        UsageError: The data has no length, is empty, or its tensors disagree.
    """
    if isinstance(data, tuple):
        lengths = {len(tensor) for tensor in data}
        if len(lengths) != 1:
            raise UsageError(f"The tensors of {name} differ in length: {sorted(lengths)}.")
        count = lengths.pop()
    else:
        try:
            count = len(data)  # type: ignore[arg-type]
        except TypeError:
            raise UsageError(
                f"{name} has no length; give a map-style Dataset or a tuple of tensors."
            ) from None
    if count == 0:
        raise UsageError(f"{name} is empty.")
    return count


def shuffled(
    data: Data, batch_size: int, generator: torch.Generator, collate: Any, workers: int
) -> Iterator[Any]:
    """Training batches without end: every epoch a new shuffle, with its short last batch."""
    if isinstance(data, tuple):
        count = len(data[0])
        while True:
            order = torch.randperm(count, generator=generator)
            for start in range(0, count, batch_size):
                chosen = order[start : start + batch_size]
                yield tuple(tensor[chosen] for tensor in data)
    loader = DataLoader(
        data,
        batch_size=batch_size,
        shuffle=True,
        generator=generator,
        collate_fn=collate,
        num_workers=workers,
        persistent_workers=workers > 0,
    )
    while True:
        yield from loader


def in_order(data: Data, batch_size: int, collate: Any, workers: int) -> Iterator[Any]:
    """One pass over the data, unshuffled."""
    if isinstance(data, tuple):
        for start in range(0, len(data[0]), batch_size):
            yield tuple(tensor[start : start + batch_size] for tensor in data)
    else:
        yield from DataLoader(data, batch_size=batch_size, collate_fn=collate, num_workers=workers)


def size(batch: Any) -> int:
    """Number of examples in a batch: the length of its first tensor or list.

    Raises:
        UsageError: The batch holds nothing that counts examples.
    """
    if isinstance(batch, torch.Tensor):
        return len(batch)
    if isinstance(batch, dict) and batch:
        return size(next(iter(batch.values())))
    if isinstance(batch, tuple | list) and batch:
        return size(batch[0]) if isinstance(batch[0], torch.Tensor | dict) else len(batch)
    raise UsageError(
        f"A batch is a {type(batch).__name__}; it must be a tensor, or a tuple, list or "
        "dict of tensors whose first dimension counts examples."
    )


def part(batch: Any, start: int, stop: int) -> Any:
    """Examples start..stop of a batch, in the same structure."""
    if isinstance(batch, torch.Tensor):
        return batch[start:stop]
    if isinstance(batch, dict):
        return {key: part(value, start, stop) for key, value in batch.items()}
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(part(value, start, stop) for value in batch))
    if isinstance(batch, tuple | list):
        if all(isinstance(value, torch.Tensor | dict | tuple | list) for value in batch):
            return type(batch)(part(value, start, stop) for value in batch)
        return batch[start:stop]
    return batch


def to_device(batch: Any, device: torch.device) -> Any:
    """The batch with every tensor on the device."""
    if isinstance(batch, torch.Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, dict):
        return {key: to_device(value, device) for key, value in batch.items()}
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(to_device(value, device) for value in batch))
    if isinstance(batch, tuple | list):
        return type(batch)(to_device(value, device) for value in batch)
    return batch
