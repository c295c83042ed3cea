"""Image classification: 60,000 garments of Fashion-MNIST, 28×28, a convolutional network.

At the settings below the goal takes about 26 s of one CPU thread.
"""

from collections.abc import Iterable

import torch
from torch import nn
from torchmetrics.classification import MulticlassAccuracy

from rightbatch.torch import Workload
from rightbatch.zoo.data.fashion import fashion_mnist

VALID_EXAMPLES = 2000


class Network(nn.Module):
    """Two convolutions and two linear layers on images of bytes, (N, 28, 28)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * 7 * 7, 64),
            nn.ReLU(),
            nn.Linear(64, 10),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits of the ten kinds, (N, 10)."""
        return self.layers(images.unsqueeze(1).float() / 255)  # type: ignore[no-any-return]


def loss(net: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """Mean cross-entropy."""
    images, labels = batch
    return nn.functional.cross_entropy(net(images), labels)


def sgd(parameters: Iterable[nn.Parameter], learning_rate: float) -> torch.optim.Optimizer:
    """Stochastic gradient descent with momentum."""
    return torch.optim.SGD(parameters, lr=learning_rate, momentum=0.9)


def adam(parameters: Iterable[nn.Parameter], learning_rate: float) -> torch.optim.Optimizer:
    """Adam."""
    return torch.optim.Adam(parameters, lr=learning_rate)


def workload() -> Workload:
    """Fashion-MNIST with 58,000 training images, Adam, to 88% accuracy."""
    images, labels = fashion_mnist()
    return Workload(
        name="fashion-mnist",
        model=Network,
        train_data=(images[:-VALID_EXAMPLES], labels[:-VALID_EXAMPLES]),
        valid_data=(images[-VALID_EXAMPLES:], labels[-VALID_EXAMPLES:]),
        loss=loss,
        metric=MulticlassAccuracy(num_classes=10, average="micro"),
        goal="accuracy >= 0.88",
        optimizer=adam,
        optimizers={"adam": adam, "sgd": (sgd, 0.02)},
        batch_size=32,
        learning_rate=1e-3,
    )
