"""Fashion-MNIST with a small convolutional network.

    rightbatch fetch fashion-mnist
    rightbatch tune examples/fashion_mnist.py:workload --budget 5m --threads 1

The first command does nothing where the images are there already.
"""

import torch
from torch import nn

from rightbatch.torch import Workload
from rightbatch.zoo.data.fashion import fashion_mnist

VALID_EXAMPLES = 2000


def model() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * 7 * 7, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )


def scaled(images: torch.Tensor) -> torch.Tensor:
    return images.unsqueeze(1).float() / 255


def loss(net: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    images, labels = batch
    return nn.functional.cross_entropy(net(scaled(images)), labels)


def accuracy(net: nn.Module, batches: list[tuple[torch.Tensor, torch.Tensor]]) -> float:
    right = sum(int((net(scaled(x)).argmax(1) == y).sum()) for x, y in batches)
    return right / sum(len(y) for _, y in batches)


def sgd(parameters, learning_rate):
    return torch.optim.SGD(parameters, lr=learning_rate, momentum=0.9)


def adam(parameters, learning_rate):
    return torch.optim.Adam(parameters, lr=learning_rate)


def workload() -> Workload:
    images, labels = fashion_mnist()
    train = slice(0, len(labels) - VALID_EXAMPLES)
    valid = slice(len(labels) - VALID_EXAMPLES, len(labels))
    return Workload(
        name="fashion-mnist",
        model=model,
        train_data=(images[train], labels[train]),
        valid_data=(images[valid], labels[valid]),
        loss=loss,
        metric=accuracy,
        goal="accuracy >= 0.85",
        optimizer=sgd,
        optimizers={"sgd": sgd, "adam": (adam, 1e-3)},
        batch_size=32,
        learning_rate=0.02,
    )
