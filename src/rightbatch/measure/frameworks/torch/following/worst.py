"""The examples that need most memory, the longest first."""

from collections.abc import Sequence
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

from rightbatch.measure.frameworks.torch import data
from rightbatch.measure.frameworks.torch.workload import Workload


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
            ranked: Numbers of the training examples, from `lengths.ranked`.
        """
        self._workload = workload
        self._order = ranked[:batch_size].tolist()
        self.longest = self._order[0]

    def batch(self, size: int) -> Any:
        """The first `size` examples, collated; repeated where there are fewer."""
        work = self._workload
        chosen = [self._order[place % len(self._order)] for place in range(size)]
        return next(data.selected(work.train_data, [chosen], work.collate, workers=0))


def tensor_bytes(structure: Any) -> int:
    """Bytes of every tensor in a structure; other leaves count as one byte per item."""
    return sum(
        leaf.nbytes if isinstance(leaf, torch.Tensor) else _items(leaf)
        for leaf in tree_leaves(structure)
    )


def _items(leaf: Any) -> int:
    size = getattr(leaf, "nbytes", None)  # arrays
    if isinstance(size, int):
        return size
    return len(leaf) if isinstance(leaf, Sequence) else 0
