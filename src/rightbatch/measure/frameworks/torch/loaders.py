"""The parts of a user's DataLoader: the data set, and how batches are made of it."""

from dataclasses import dataclass
from typing import Any

from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
)

from rightbatch.errors import UsageError


@dataclass(frozen=True, slots=True)
class Loader:
    """The parts of a DataLoader.

    Attributes:
        dataset: A map-style data set.
        collate: Its collate_fn.
        num_workers: Its worker processes.
        batch_size: Examples per batch.
        notes: Parts of it that are ignored, one sentence each.
    """

    dataset: Any
    collate: Any
    num_workers: int
    batch_size: int
    notes: tuple[str, ...]


def read_loader(loader: Any, what: str) -> Loader:
    """The parts of a DataLoader, so that batches of other sizes can be made of them.

    Args:
        loader: The user's DataLoader, possibly prepared by a library.
        what: Its name in messages, such as "training".

    Raises:
        UsageError: It is no DataLoader, its data set has no length, or its batches have no size.
    """
    if not isinstance(loader, DataLoader):
        raise UsageError(
            f"The {what} loader must be a single torch DataLoader, so that its data set can be "
            f"batched in other sizes, not {type(loader).__name__}."
        )
    if isinstance(loader.dataset, IterableDataset) or not hasattr(loader.dataset, "__len__"):
        raise UsageError(
            f"The {what} data set must be a map-style Dataset, which has a length and can be "
            f"shuffled, not {type(loader.dataset).__name__}."
        )
    batches = loader.batch_sampler
    size = loader.batch_size or getattr(batches, "batch_size", None)
    if not isinstance(size, int):
        raise UsageError(
            f"The {what} loader takes its batches from {type(batches).__name__}, without a "
            "batch_size to change; give a DataLoader with a batch_size."
        )
    return Loader(
        loader.dataset, loader.collate_fn, loader.num_workers, size, _ignored(loader, what)
    )


def _ignored(loader: DataLoader[Any], what: str) -> tuple[str, ...]:
    """Parts of a loader that are ignored, one sentence each."""
    notes = []
    batches: Any = loader.batch_sampler
    sampler = getattr(batches, "sampler", loader.sampler)
    own_batches = not isinstance(batches, BatchSampler)
    plain = isinstance(sampler, RandomSampler | SequentialSampler)
    if what == "training" and (own_batches or not plain):
        name = type(batches if own_batches else sampler).__name__
        notes.append(f"The training loader's {name} is ignored: examples are shuffled.")
    if what == "training" and (loader.drop_last or getattr(batches, "drop_last", False)):
        notes.append(
            "The training loader's drop_last is ignored: every epoch ends with its short batch."
        )
    return tuple(notes)
