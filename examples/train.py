"""Handwritten digits with a small convolutional network: a workload of your own, complete.

    rightbatch tune examples/train.py:workload --budget 3m

The data come with scikit-learn: 1,797 grey images of 8×8 pixels.
"""

from collections.abc import Iterable

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import Dataset, Subset, random_split

from rightbatch.torch import Workload

Batch = tuple[torch.Tensor, torch.Tensor]


class Digits(Dataset):
    """Images of shape (1, 8, 8) with values from 0 to 1, and their labels."""

    def __init__(self) -> None:
        digits = load_digits()
        self.images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
        self.labels = torch.tensor(digits.target)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Batch:
        return self.images[index], self.labels[index]


def split(data: Digits) -> tuple[Subset, Subset]:
    """Four fifths to train on, the rest to validate; the same split every time."""
    generator = torch.Generator().manual_seed(0)
    train, valid = random_split(data, [0.8, 0.2], generator)
    return train, valid


def model() -> nn.Module:
    """Two convolutions and a linear layer."""
    return nn.Sequential(
        nn.Conv2d(1, 16, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * 4 * 4, 10),
    )


def loss(net: nn.Module, batch: Batch) -> torch.Tensor:
    """Mean cross-entropy over the batch."""
    images, labels = batch
    return nn.functional.cross_entropy(net(images), labels)


def accuracy(net: nn.Module, batches: Iterable[Batch]) -> float:
    """Share of the validation images that are classified right."""
    right = total = 0
    for images, labels in batches:
        right += int((net(images).argmax(dim=1) == labels).sum())
        total += len(labels)
    return right / total


def adam(parameters: Iterable[nn.Parameter], learning_rate: float) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, lr=learning_rate)


def workload() -> Workload:
    train, valid = split(Digits())
    return Workload(
        model=model,
        train_data=train,
        valid_data=valid,
        loss=loss,
        metric=accuracy,
        goal="accuracy >= 0.96",
        optimizer=adam,
        batch_size=32,  # what the script trains with today
        learning_rate=1e-3,
    )
