"""Semantic segmentation: which pixels of a photograph are clothes, shoes and bags; a small U-Net.

At the settings below the goal takes about 20 s of one CPU thread.
"""

from collections.abc import Iterable

import torch
from torch import nn
from torchmetrics.classification import MulticlassJaccardIndex

from rightbatch.torch import Workload
from rightbatch.zoo.data.scenes import scenes

CLASS_OF_MASK = torch.tensor([0, 1, 1, 1, 2, 2])
"""The background; tops, trousers and dresses; shoes and bags."""
CLASSES = 3


def convolutions(inputs: int, outputs: int) -> nn.Module:
    """Two 3×3 convolutions, each with batch normalisation and ReLU."""
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        layers += [
            nn.Conv2d(channels, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """Three scales from 32×32 pixels down and up, joined at each (Ronneberger et al. 2015)."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, stride=2, padding=1)
        self.fine, self.middle = convolutions(width, width), convolutions(width, 2 * width)
        self.coarse = convolutions(2 * width, 4 * width)
        self.up_middle = nn.ConvTranspose2d(4 * width, 2 * width, 2, stride=2)
        self.join_middle = convolutions(4 * width, 2 * width)
        self.up_fine = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.join_fine = convolutions(2 * width, width)
        self.output = nn.ConvTranspose2d(width, CLASSES, 2, stride=2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (N, classes, 64, 64) for images of bytes (N, 3, 64, 64)."""
        fine = self.fine(self.stem(images.float() / 255))
        middle = self.middle(nn.functional.max_pool2d(fine, 2))
        coarse = self.coarse(nn.functional.max_pool2d(middle, 2))
        middle = self.join_middle(torch.cat([middle, self.up_middle(coarse)], dim=1))
        fine = self.join_fine(torch.cat([fine, self.up_fine(middle)], dim=1))
        return self.output(fine)  # type: ignore[no-any-return]


def loss(net: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """Mean cross-entropy over pixels."""
    images, masks = batch
    return nn.functional.cross_entropy(net(images), masks)


def adam(parameters: Iterable[nn.Parameter], learning_rate: float) -> torch.optim.Optimizer:
    """Adam."""
    return torch.optim.Adam(parameters, lr=learning_rate)


def workload() -> Workload:
    """Scenes of one to three garments, Adam."""
    train, valid = scenes(train=6000, valid=100)
    return Workload(
        name="segmentation",
        model=UNet,
        train_data=(train.images, CLASS_OF_MASK[train.masks]),
        valid_data=(valid.images, CLASS_OF_MASK[valid.masks]),
        loss=loss,
        metric=MulticlassJaccardIndex(num_classes=CLASSES),
        goal="mIoU >= 0.6",
        optimizer=adam,
        batch_size=16,
        learning_rate=4e-3,
    )
