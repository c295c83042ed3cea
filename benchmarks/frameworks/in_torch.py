"""The zoo's digits in PyTorch, the training images so often that memory ends before they do."""

from dataclasses import replace

from rightbatch.torch import Workload
from rightbatch.zoo import digits

COPIES = 192


def workload() -> Workload:
    """The network of one hidden layer, SGD with momentum."""
    once = digits.workload()
    images, labels = once.train_data
    return replace(once, train_data=(images.repeat(COPIES, 1), labels.repeat(COPIES)))
