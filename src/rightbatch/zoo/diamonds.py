"""Tabular regression: prices of 53,940 diamonds from nine properties, a small MLP.

At the settings below the goal takes about 2 s of one CPU thread.
"""

from collections.abc import Iterable

import torch
from torch import nn
from torchmetrics.regression import R2Score

from rightbatch.torch import Workload
from rightbatch.zoo.data.diamonds import diamonds

VALID_EXAMPLES = 5000


def model() -> nn.Module:
    """Two hidden layers of 64 units; one output, the logarithm of the price."""
    return nn.Sequential(
        nn.Linear(9, 64),
        nn.ReLU(),
        nn.Linear(64, 64),
        nn.ReLU(),
        nn.Linear(64, 1),
        nn.Flatten(0),
    )


def loss(net: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """Mean squared error of the standardised logarithm of the price."""
    properties, prices = batch
    return nn.functional.mse_loss(net(properties), prices)


def adam(parameters: Iterable[nn.Parameter], learning_rate: float) -> torch.optim.Optimizer:
    """Adam."""
    return torch.optim.Adam(parameters, lr=learning_rate)


def standardised(values: torch.Tensor, train: torch.Tensor) -> torch.Tensor:
    """Values with the mean and the standard deviation of the training values taken out."""
    return (values - train.mean(0)) / train.std(0)


def workload() -> Workload:
    """The diamonds workload: 48,940 to train on, Adam, to 98.5% of the variance explained."""
    properties, prices = diamonds()
    order = torch.randperm(len(prices), generator=torch.Generator().manual_seed(0))
    properties, prices = properties[order], prices[order].log()
    inputs = standardised(properties, properties[VALID_EXAMPLES:])
    targets = standardised(prices, prices[VALID_EXAMPLES:])
    return Workload(
        name="diamonds",
        model=model,
        train_data=(inputs[VALID_EXAMPLES:], targets[VALID_EXAMPLES:]),
        valid_data=(inputs[:VALID_EXAMPLES], targets[:VALID_EXAMPLES]),
        loss=loss,
        metric=R2Score(),
        goal="R2 >= 0.985",
        optimizer=adam,
        batch_size=64,
        learning_rate=1e-3,
        valid_batch_size=5000,
    )
