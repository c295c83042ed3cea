"""Which examples of a data set need most memory in one batch: the longest."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils.data import Dataset, default_collate

from rightbatch.errors import UsageError
from rightbatch.measure.frameworks.torch.data import Data

_LEAST_LOOKED_AT = 16
_MOST_LOOKED_AT = 50_000
"""Examples whose length is asked for; of larger data sets a sample is drawn."""
_LOOK_SECONDS = 0.5
"""Time to load examples in, only to see how large they are."""

Length = Callable[[Any], int] | Sequence[int]


def known(data: Data, count: int, length: Length | None, collate: Any) -> dict[int, int]:
    """Lengths of a sample of the examples, by their numbers; empty where all have one size.

    Args:
        data: The training examples.
        count: How many there are.
        length: (example) -> int, or one number per example; None to take the bytes of the tensors
            that `collate` makes of single examples, of as many as half a second allows.
        collate: collate_fn of the DataLoader.

    Raises:
        UsageError: There are not as many lengths as examples.
    """
    sample = _order(count)[:_MOST_LOOKED_AT]
    if callable(length):
        return {index: length(_example(data, index)) for index in sample}
    if length is not None:
        if len(length) != count:
            raise UsageError(
                f"Workload.length has {len(length)} numbers for {count} training examples; "
                "give one for each, or a function of an example."
            )
        return dict(enumerate(length))
    return {} if isinstance(data, tuple) else _sizes(data, sample, collate)


def hard_selections(
    count: int, batch_size: int, longest: int, lengths: dict[int, int], least: int = 1
) -> list[list[int]]:
    """Example numbers of the batches that need most memory, the largest batch first.

    Args:
        count: Number of training examples.
        batch_size: Examples per batch, at most as many as there are.
        longest: How many batches of the longest examples.
        lengths: What `known` tells.
        least: Examples that a short last batch has at least: one of fewer is left out.

    Returns:
        `longest` times the longest examples, then where lengths differ an ordinary batch, then the
        short last batch of an epoch where there is one.
    """
    order = _order(count)
    ordinary = worst = order[:batch_size]
    if len(set(lengths.values())) > 1:
        ranked = sorted(lengths, key=lambda index: (-lengths[index], index))
        others = [index for index in order if index not in lengths]
        worst = [*ranked, *others][:batch_size]
    selections = [worst] * longest
    if worst != ordinary:
        selections.append(ordinary)
    rest = count % batch_size
    if rest >= least:
        selections.append(order[-rest:])
    return selections


def _order(count: int) -> list[int]:
    """The examples as an epoch has them, the same at every call."""
    order: list[int] = torch.randperm(count, generator=torch.Generator().manual_seed(0)).tolist()
    return order


def _example(data: Data, index: int) -> Any:
    return tuple(tensor[index] for tensor in data) if isinstance(data, tuple) else data[index]


def _sizes(data: Dataset[Any], sample: Sequence[int], collate: Any) -> dict[int, int]:
    """Bytes of single examples as they come in a batch."""
    end = time.monotonic() + _LOOK_SECONDS
    sizes: dict[int, int] = {}
    for index in sample:
        if len(sizes) >= _LEAST_LOOKED_AT and time.monotonic() > end:
            break
        sizes[index] = _bytes((collate or default_collate)([data[index]]))
    return sizes


def _bytes(batch: Any) -> int:
    """Bytes of every tensor in a batch."""
    if isinstance(batch, torch.Tensor):
        return batch.numel() * batch.element_size()
    if isinstance(batch, dict):
        return sum(_bytes(value) for value in batch.values())
    if isinstance(batch, tuple | list):
        return sum(_bytes(value) for value in batch)
    return 0
