"""Fashion-MNIST (Xiao et al. 2017): 60,000 grey images of garments, 28×28, ten kinds."""

import gzip

import numpy as np
import torch
from numpy.typing import NDArray

from rightbatch.zoo.data.sets import FASHION_MNIST


def fashion_mnist() -> tuple[torch.Tensor, torch.Tensor]:
    """The training images and their labels.

    Returns:
        Images (60000, 28, 28) of bytes, and labels (60000,) from 0 to 9.

    Raises:
        MissingData: They are not on this machine.
    """
    images, labels = (_idx(name) for name, _ in FASHION_MNIST.files)
    return torch.from_numpy(images), torch.from_numpy(labels).long()


def _idx(name: str) -> NDArray[np.uint8]:
    """One file in IDX format: two zero bytes, a type, the number of dimensions, their sizes."""
    with gzip.open(FASHION_MNIST.folder() / name) as file:
        raw = np.frombuffer(file.read(), dtype=np.uint8)
    dimensions = int(raw[3])
    shape = raw[4 : 4 + 4 * dimensions].view(">i4")
    return raw[4 + 4 * dimensions :].reshape(shape).copy()
