"""Batches of a PyTorch workload: endless shuffled epochs, and slices of a batch."""

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

import torch
from torch.utils._pytree import tree_leaves
from torch.utils.data import DataLoader, Dataset, IterableDataset

from rightbatch.errors import UsageError

Data = Dataset[Any] | tuple[torch.Tensor, ...]
HOLDERS = (torch.Tensor, Mapping, tuple, list)


def example_count(data: Data, name: str) -> int:
    """Number of examples in a data set.

    Raises:
        UsageError: The data have no length, are empty, or their tensors differ in length.
    """
    if isinstance(data, tuple):
        if not data or not all(isinstance(tensor, torch.Tensor) for tensor in data):
            raise UsageError(
                f"{name} is a tuple that does not hold tensors alone; give a tuple of tensors, or "
                "a map-style Dataset such as a list of examples."
            )
        lengths = {len(tensor) for tensor in data}
        if len(lengths) != 1:
            raise UsageError(
                f"The tensors of {name} differ in length ({sorted(lengths)}); give every tensor "
                "one row per example."
            )
        count = lengths.pop()
    else:
        if isinstance(data, IterableDataset) or not hasattr(data, "__len__"):
            raise UsageError(
                f"{name} cannot be indexed; give a map-style Dataset or a tuple of tensors."
            )
        count = len(data)
    if count == 0:
        raise UsageError(f"{name} is empty; give at least one example.")
    return count


def shuffled(
    data: Data,
    batch_size: int,
    generator: torch.Generator,
    collate: Any,
    workers: int,
    least: int = 1,
) -> Iterator[Any]:
    """Endless training batches: every epoch in a new order, with its short last batch.

    A short last batch of fewer than `least` examples is left out.

    Raises:
        UsageError: The first batch does not have the expected number of examples.
    """
    count = len(data[0]) if isinstance(data, tuple) else len(data)  # type: ignore[arg-type]
    too_short = count > batch_size and 0 < count % batch_size < least
    whole = count - count % batch_size if too_short else count
    if isinstance(data, tuple):
        while True:
            order = torch.randperm(count, generator=generator)
            for chosen in torch.split(order[:whole], batch_size):
                yield tuple(tensor[chosen] for tensor in data)
    loader = DataLoader(
        data,
        batch_size=batch_size,
        shuffle=True,
        generator=generator,
        collate_fn=collate,
        num_workers=workers,
        persistent_workers=workers > 0,
        drop_last=too_short,
    )
    checked = False
    while True:
        for batch in loader:
            if not checked:
                _check_first(batch, min(batch_size, count))
                checked = True
            yield batch


def selected(data: Data, selections: list[list[int]], collate: Any, workers: int) -> Iterator[Any]:
    """One batch per list of example numbers."""
    if isinstance(data, tuple):
        for chosen in map(torch.as_tensor, selections):
            yield tuple(tensor[chosen] for tensor in data)
    else:
        yield from DataLoader(
            data, batch_sampler=selections, collate_fn=collate, num_workers=workers
        )


def in_order(data: Data, batch_size: int, collate: Any, workers: int) -> Iterator[Any]:
    """One pass over the data, unshuffled."""
    if isinstance(data, tuple):
        for start in range(0, len(data[0]), batch_size):
            yield tuple(tensor[start : start + batch_size] for tensor in data)
    else:
        yield from DataLoader(data, batch_size=batch_size, collate_fn=collate, num_workers=workers)


def size(batch: Any) -> int:
    """Number of examples in a batch: the length of its first tensor, else of its first list.

    Raises:
        UsageError: The batch holds nothing with one row per example.
    """
    if isinstance(batch, torch.Tensor) and batch.ndim > 0:
        return len(batch)
    if isinstance(batch, Mapping) and batch:
        return size(next(iter(batch.values())))
    if isinstance(batch, tuple | list) and batch:
        return size(batch[0]) if isinstance(batch[0], HOLDERS) else len(batch)
    raise UsageError(
        "A batch must be a tensor, or a tuple, list or dict of tensors, with one row per example, "
        f"not {type(batch).__name__}."
    )


def shares(count: int, most: int, least: int = 1) -> list[tuple[int, int]]:
    """(start, stop) of each micro-batch of a batch: as few as possible, of nearly equal size.

    Args:
        count: Examples in the batch.
        most: Largest micro-batch; one example more where one smaller than `least` would be left.
        least: Smallest micro-batch, where `most` allows it.
    """
    pieces = max(1, min(-(-count // most), count // min(least, most)))
    return list(pairwise(count * number // pieces for number in range(pieces + 1)))


def part(batch: Any, start: int, stop: int, count: int | None = None) -> Any:
    """Examples start..stop of a batch, in the same structure.

    Tensors and lists of plain values are sliced; values of the whole batch, such as a number, are
    kept.

    Args:
        batch: A batch, or a piece of its structure.
        start: First example.
        stop: Example after the last.
        count: Number of examples in the whole batch; None to count them.

    Raises:
        UsageError: A tensor does not have one row per example.
    """
    count = size(batch) if count is None else count
    if isinstance(batch, torch.Tensor):
        if batch.ndim > 0 and len(batch) != count:
            raise UsageError(
                f"A batch of {count} examples holds a tensor of {len(batch)} rows, so it cannot be "
                "divided into micro-batches; give every tensor one row per example."
            )
        return batch[start:stop] if batch.ndim > 0 else batch
    if isinstance(batch, tuple | list) and not any(isinstance(v, HOLDERS) for v in batch):
        return batch[start:stop] if len(batch) == count else batch
    return rebuilt(batch, lambda value: part(value, start, stop, count))


def to_device(batch: Any, device: torch.device) -> Any:
    """The batch with every tensor on the device."""
    if isinstance(batch, torch.Tensor):
        return batch.to(device, non_blocking=True)
    return rebuilt(batch, lambda value: to_device(value, device))


def tensors(structure: Any) -> list[torch.Tensor]:
    """Every tensor in a structure."""
    return [leaf for leaf in tree_leaves(structure) if isinstance(leaf, torch.Tensor)]


def rebuilt(batch: Any, change: Callable[[Any], Any]) -> Any:
    """A copy of a structure with every value changed; other objects unchanged."""
    if isinstance(batch, dict):
        return {key: change(value) for key, value in batch.items()}
    if isinstance(batch, Mapping):
        return type(batch)({key: change(value) for key, value in batch.items()})  # type: ignore[call-arg]
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(change(value) for value in batch))
    if isinstance(batch, tuple | list):
        return type(batch)(change(value) for value in batch)
    return batch


def _check_first(batch: Any, expected: int) -> None:
    """Refuse batches whose first tensor does not have one row per example, before training."""
    if (found := size(batch)) != expected:
        raise UsageError(
            f"A batch of {expected} examples seems to hold {found}; make the first tensor that "
            "collate returns have one row per example."
        )
