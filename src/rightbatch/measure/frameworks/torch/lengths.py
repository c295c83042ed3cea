"""The examples of a data set that need most memory in one batch: the longest."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils._pytree import tree_leaves
from torch.utils.data import Dataset, default_collate

from rightbatch.errors import UsageError
from rightbatch.measure.frameworks.torch.data import Data, selected, tensors
from rightbatch.measure.frameworks.torch.workload import Workload

_MOST_SAMPLED = 50_000
"""Most calls of a length function; of larger data sets a sample is drawn."""
_LEAST_LOOKED_AT = 16
_MOST_LOOKED_AT = 4096
"""Most examples loaded only to see their size; fewer at the limits below."""
_LOOK_BYTES = 64 * 2**20
_LOOK_SECONDS = 1.0

Length = Callable[[Any], int] | Sequence[int]


def ranked(data: Data, count: int, length: Length | None, collate: Any) -> torch.Tensor:
    """Numbers of all examples, the longest first as far as lengths are known.

    In the order of an epoch where all have one length or none is known.

    Args:
        data: The training examples.
        count: How many there are.
        length: (example) -> int, or one number per example; None to use the size of collated
            single examples, in bytes, of a sample.
        collate: collate_fn of the DataLoader.

    Returns:
        Shape (count,).

    Raises:
        UsageError: The number of lengths is not that of examples.
    """
    order = _order(count)
    known = _lengths(data, order, length, collate)
    if len(known) == 0 or bool((known == known[0]).all()):
        return order
    numbers, places = order[: len(known)].sort()
    first = numbers[known[places].argsort(descending=True, stable=True)]
    return torch.cat([first, order[len(known) :]])


def hard_selections(
    count: int, batch_size: int, longest: int, ranked: torch.Tensor, least: int = 1
) -> list[list[int]]:
    """Example numbers of the batches that need most memory, the largest batch first.

    Args:
        count: Number of training examples.
        batch_size: Examples per batch, at most `count`.
        longest: Number of batches of the longest examples.
        ranked: Numbers of the examples, the longest first.
        least: Smallest short last batch; a shorter one is left out.

    Returns:
        `longest` times the longest examples, then an ordinary batch where lengths differ, then the
        short last batch of an epoch where there is one.
    """
    order = _order(count)
    worst, ordinary = ranked[:batch_size].tolist(), order[:batch_size].tolist()
    selections = [worst] * longest
    if worst != ordinary:
        selections.append(ordinary)
    rest = count % batch_size
    if rest >= least:
        selections.append(order[-rest:].tolist())
    return selections


class WorstExamples:
    """The examples of a memory trial's batch at one batch size, the longest first.

    A batch of the first few has the shapes of the whole batch, except for the number of examples.

    Attributes:
        longest: Number of the longest example in the training data.
    """

    def __init__(self, workload: Workload, batch_size: int, ranked: torch.Tensor) -> None:
        """Select the examples.

        Args:
            workload: The user's workload.
            batch_size: Examples in the batch.
            ranked: Numbers of the training examples, from `ranked`.
        """
        self._workload = workload
        self._order = ranked[:batch_size].tolist()
        self.longest = self._order[0]

    def batch(self, size: int) -> Any:
        """The first `size` examples, collated; repeated where there are fewer."""
        chosen = [self._order[place % len(self._order)] for place in range(size)]
        return next(
            selected(self._workload.train_data, [chosen], self._workload.collate, workers=0)
        )


def tensor_bytes(structure: Any) -> int:
    """Bytes of every tensor in a structure; other leaves count as one byte per item."""
    return sum(
        leaf.nbytes if isinstance(leaf, torch.Tensor) else _items(leaf)
        for leaf in tree_leaves(structure)
    )


def _order(count: int) -> torch.Tensor:
    """The examples in the order of an epoch, the same in every call."""
    return torch.randperm(count, generator=torch.Generator().manual_seed(0))


def _lengths(data: Data, order: torch.Tensor, length: Length | None, collate: Any) -> torch.Tensor:
    """Lengths of the first examples in an order, as many as are known."""
    if callable(length):
        return torch.tensor([length(_example(data, i)) for i in order[:_MOST_SAMPLED].tolist()])
    if length is not None:
        if len(length) != len(order):
            raise UsageError(
                f"Workload.length has {len(length)} numbers for {len(order)} training examples; "
                "give one number per example, or a function of an example."
            )
        return torch.as_tensor(length)[order]
    if isinstance(data, tuple):
        return torch.empty(0)
    return torch.tensor(_sizes(data, order[:_MOST_LOOKED_AT].tolist(), collate))


def _example(data: Data, index: int) -> Any:
    return tuple(tensor[index] for tensor in data) if isinstance(data, tuple) else data[index]


def _sizes(data: Dataset[Any], sample: Sequence[int], collate: Any) -> list[int]:
    """Bytes of collated single examples."""
    end = time.monotonic() + _LOOK_SECONDS
    sizes: list[int] = []
    left = _LOOK_BYTES
    for index in sample:
        if (time.monotonic() > end or left < 0) and len(sizes) >= _LEAST_LOOKED_AT:
            break
        batch = (collate or default_collate)([data[index]])
        sizes.append(sum(each.numel() * each.element_size() for each in tensors(batch)))
        left -= sizes[-1]
    return sizes


def _items(leaf: Any) -> int:
    size = getattr(leaf, "nbytes", None)  # arrays
    if isinstance(size, int):
        return size
    return len(leaf) if isinstance(leaf, Sequence) else 0
