"""Fashion-MNIST with a small convolutional network.

    rightbatch tune examples/fashion_mnist.py:workload --budget 5m --threads 1

The images come from an installed copy (Debian's package `dataset-fashion-mnist`) or from the
cache, and are otherwise downloaded once and checked against their checksum.
"""

import gzip
from pathlib import Path

import numpy as np
import pooch
import torch
from torch import nn

from rightbatch.torch import Workload

INSTALLED = Path("/usr/share/datasets/fashion-mnist")
SOURCE = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
IMAGES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
CHECKSUMS = {
    IMAGES: "b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7",
    LABELS: "0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056",
}
VALID_EXAMPLES = 2000


def read(name: str) -> torch.Tensor:
    """One IDX file (installed, cached or downloaded) as a tensor of bytes."""
    path = INSTALLED / name
    if not path.exists():
        path = Path(
            pooch.retrieve(
                SOURCE + name,
                known_hash=f"sha256:{CHECKSUMS[name]}",
                fname=name,
                path=pooch.os_cache("rightbatch") / "fashion-mnist",
            )
        )
    with gzip.open(path) as file:
        raw = np.frombuffer(file.read(), dtype=np.uint8)
    dimensions = int(raw[3])
    shape = raw[4 : 4 + 4 * dimensions].view(">i4")
    return torch.from_numpy(raw[4 + 4 * dimensions :].reshape(shape).copy())


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
    images = read(IMAGES)
    labels = read(LABELS).long()
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
