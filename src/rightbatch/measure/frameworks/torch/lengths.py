"""Which examples of a data set need most memory in one batch: the longest."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils.data import Dataset, default_collate

from rightbatch.errors import UsageError
from rightbatch.measure.frameworks.torch.data import Data

_LOOKED_AT = 16
"""Single examples that tell whether lengths differ at all."""
_SAMPLED_BATCHES = 8
_MOST_LENGTHS = 50_000
"""Examples whose length a function is asked for; of larger data sets a sample is drawn."""

Length = Callable[[Any], int] | Sequence[int]


def hard_selections(
    data: Data, batch_size: int, longest: int, length: Length | None, collate: Any, least: int = 1
) -> list[list[int]]:
    """Example numbers of the batches that need most memory, the largest batch first.

    Args:
        data: The training examples.
        batch_size: Examples per batch, at most as many as there are.
        longest: How many batches of the longest examples.
        length: (example) -> int, or one number per example; None to draw a sample of batches and
            take the one whose tensors are largest, where examples differ in size.
        collate: collate_fn of the DataLoader.
        least: Examples that a short last batch has at least: one of fewer is left out.

    Returns:
        `longest` times the longest examples, then where lengths differ an ordinary batch, then the
        short last batch of an epoch where there is one.

    Raises:
        UsageError: There are not as many lengths as examples.
    """
    count = len(data[0]) if isinstance(data, tuple) else len(data)  # type: ignore[arg-type]
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0)).tolist()
    ordinary = order[:batch_size]
    if length is not None:
        worst = _longest(data, order, batch_size, length)
    elif isinstance(data, tuple) or not _sizes_differ(data, order[:_LOOKED_AT], collate):
        worst = ordinary
    else:
        worst = _largest_of_a_sample(data, count, batch_size, collate)
    selections = [worst] * longest
    if worst != ordinary:
        selections.append(ordinary)
    rest = count % batch_size
    if rest >= least:
        selections.append(order[-rest:])
    return selections


def _longest(data: Data, order: list[int], batch_size: int, length: Length) -> list[int]:
    """The longest examples by the user's own measure, longest first."""
    if callable(length):
        asked = order[: max(_MOST_LENGTHS, batch_size)]
        lengths = {index: length(_example(data, index)) for index in asked}
    else:
        if len(length) != len(order):
            raise UsageError(
                f"Workload.length has {len(length)} numbers for {len(order)} training examples; "
                "give one for each, or a function of an example."
            )
        lengths = dict(enumerate(length))
    return sorted(lengths, key=lambda index: (-lengths[index], index))[:batch_size]


def _example(data: Data, index: int) -> Any:
    return tuple(tensor[index] for tensor in data) if isinstance(data, tuple) else data[index]


def _sizes_differ(data: Dataset[Any], indices: Sequence[int], collate: Any) -> bool:
    return len({_collated_bytes(data, [index], collate) for index in indices}) > 1


def _largest_of_a_sample(
    data: Dataset[Any], count: int, batch_size: int, collate: Any
) -> list[int]:
    generator = torch.Generator().manual_seed(1)
    drawn = [
        torch.randperm(count, generator=generator)[:batch_size].tolist()
        for _ in range(_SAMPLED_BATCHES)
    ]
    return max(drawn, key=lambda indices: _collated_bytes(data, indices, collate))


def _collated_bytes(data: Dataset[Any], indices: Sequence[int], collate: Any) -> int:
    return _bytes((collate or default_collate)([data[index] for index in indices]))


def _bytes(batch: Any) -> int:
    """Bytes of every tensor in a batch."""
    if isinstance(batch, torch.Tensor):
        return batch.numel() * batch.element_size()
    if isinstance(batch, dict):
        return sum(_bytes(value) for value in batch.values())
    if isinstance(batch, tuple | list):
        return sum(_bytes(value) for value in batch)
    return 0
