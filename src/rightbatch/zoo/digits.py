"""Image classification: scikit-learn's handwritten digits (1,797 images of 8×8), a small MLP."""

from collections.abc import Iterable

import torch
from torch import nn

from rightbatch.torch import Workload
from rightbatch.zoo.data.digits import digits

VALID_EXAMPLES = 360


def model() -> nn.Module:
    """One hidden layer of 128 units, PyTorch's own initialisation."""
    return nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))


def loss(net: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """Mean cross-entropy."""
    images, labels = batch
    return nn.functional.cross_entropy(net(images), labels)


def accuracy(net: nn.Module, batches: list[tuple[torch.Tensor, torch.Tensor]]) -> float:
    """Share of images classified right."""
    right = sum(int((net(images).argmax(1) == labels).sum()) for images, labels in batches)
    return right / sum(len(labels) for _, labels in batches)


def sgd(parameters: Iterable[nn.Parameter], learning_rate: float) -> torch.optim.Optimizer:
    """Stochastic gradient descent with momentum."""
    return torch.optim.SGD(parameters, lr=learning_rate, momentum=0.9)


def adam(parameters: Iterable[nn.Parameter], learning_rate: float) -> torch.optim.Optimizer:
    """Adam."""
    return torch.optim.Adam(parameters, lr=learning_rate)


def workload() -> Workload:
    """The digits workload: 1,437 training images, SGD with momentum, to 96% accuracy."""
    images, labels = digits()
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    images, labels = images[order] / 16, labels[order]
    return Workload(
        name="digits",
        model=model,
        train_data=(images[VALID_EXAMPLES:], labels[VALID_EXAMPLES:]),
        valid_data=(images[:VALID_EXAMPLES], labels[:VALID_EXAMPLES]),
        loss=loss,
        metric=accuracy,
        goal="accuracy >= 0.96",
        optimizer=sgd,
        optimizers={"sgd": sgd, "adam": (adam, 1e-3)},
        batch_size=32,
        learning_rate=0.05,
    )
