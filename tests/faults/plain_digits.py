"""The digits on PyTorch alone, so that the many studies of these tests start soon."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import nn

from rightbatch.torch import Workload


def sgd(parameters, learning_rate):
    return torch.optim.SGD(parameters, lr=learning_rate, momentum=0.9)


def accuracy(net, batches):
    right = sum(int((net(images).argmax(1) == labels).sum()) for images, labels in batches)
    return right / sum(len(labels) for _, labels in batches)


def workload():
    """1,437 of scikit-learn's digits to train on, read from its file."""
    folder = Path(find_spec("sklearn").origin).parent / "datasets" / "data"
    rows = torch.from_numpy(np.loadtxt(folder / "digits.csv.gz", np.float32, delimiter=","))
    rows = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))]
    images, labels = rows[:, :64] / 16, rows[:, 64].long()
    return Workload(
        name="digits",
        model=lambda: nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)),
        train_data=(images[:1437], labels[:1437]),
        valid_data=(images[1437:], labels[1437:]),
        loss=lambda net, batch: nn.functional.cross_entropy(net(batch[0]), batch[1]),
        metric=accuracy,
        goal="accuracy >= 0.96",
        optimizer=sgd,
        batch_size=32,
        learning_rate=0.05,
    )
