"""Style transfer: a feed-forward network trained with a perceptual loss (Johnson et al. 2016).

Photographs of 32×32 pixels take the style of a stained tissue section. The loss needs a second
network, VGG16 with trained weights. It is part of the model, frozen, so that it is on the same
device and its parameters are not trained.

At the settings below the goal takes about 20 s of one CPU thread.
"""

from collections.abc import Iterable

import torch
from torch import nn

from rightbatch.torch import Workload
from rightbatch.zoo.data.photographs import crops, photographs, tissue
from rightbatch.zoo.data.vgg import Vgg16

SIDE = 32
STYLE_WEIGHT = 3.0


def convolution(inputs: int, outputs: int, side: int, stride: int = 1) -> nn.Module:
    """A convolution at reflected borders, instance normalisation and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, side, stride, side // 2, padding_mode="reflect"),
        nn.InstanceNorm2d(outputs, affine=True),
        nn.ReLU(),
    )


class Residual(nn.Module):
    """Two convolutions, added to what goes in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            convolution(channels, channels, 3), convolution(channels, channels, 3)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, channels, height, width) to the same."""
        return x + self.layers(x)  # type: ignore[no-any-return]


class StyleTransfer(nn.Module):
    """The network that paints, and the frozen one that judges."""

    def __init__(self) -> None:
        super().__init__()
        self.painter = nn.Sequential(
            convolution(3, 16, 5),
            convolution(16, 32, 3, stride=2),
            Residual(32),
            Residual(32),
            nn.Upsample(scale_factor=2),
            convolution(32, 16, 3),
            nn.Conv2d(16, 3, 5, padding=2, padding_mode="reflect"),
            nn.Sigmoid(),
        )
        self.judge = Vgg16()
        section = torch.from_numpy(tissue(side=256)).permute(2, 0, 1).unsqueeze(0)
        for number, features in enumerate(self.judge(section.float() / 255)):
            self.register_buffer(f"style{number}", gram(features))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images of bytes (N, 3, height, width), painted, from 0 to 1."""
        return self.painter(images.float() / 255)  # type: ignore[no-any-return]


def gram(features: torch.Tensor) -> torch.Tensor:
    """Products of channels averaged over places (N, channels, channels) (Gatys et al. 2016)."""
    flat = features.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def relative_error(found: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Mean squared error of each example over the mean square of what is wanted (N,)."""
    errors = (found - wanted).square().flatten(1).mean(1)
    return errors / wanted.square().flatten(1).mean(1)


def loss(net: StyleTransfer, batch: tuple[torch.Tensor]) -> torch.Tensor:
    """Mean content and style loss, each relative to what it is compared with."""
    (images,) = batch
    painted = net.judge(net(images))
    with torch.no_grad():
        content = net.judge(images.float() / 255)[1]
    differs = relative_error(painted[1], content)
    for number, features in enumerate(painted):
        style = net.get_buffer(f"style{number}")
        differs = differs + STYLE_WEIGHT / len(painted) * relative_error(gram(features), style)
    return differs.mean()


def content_and_style(net: StyleTransfer, batches: list[tuple[torch.Tensor]]) -> float:
    """The loss on photographs that were not trained on."""
    total = sum(float(loss(net, batch)) * len(batch[0]) for batch in batches)
    return total / sum(len(images) for (images,) in batches)


def adam(parameters: Iterable[nn.Parameter], learning_rate: float) -> torch.optim.Optimizer:
    """Adam."""
    return torch.optim.Adam(parameters, lr=learning_rate)


def workload() -> Workload:
    """4,000 squares of five photographs to train on, squares of a sixth to validate, Adam."""
    *train, valid = photographs()
    squares = torch.from_numpy(crops(train, SIDE, 4000, seed=0)).permute(0, 3, 1, 2)
    valid_squares = torch.from_numpy(crops([valid], SIDE, 16, seed=1)).permute(0, 3, 1, 2)
    return Workload(
        name="style-transfer",
        model=StyleTransfer,
        train_data=(squares,),
        valid_data=(valid_squares,),
        loss=loss,
        metric=content_and_style,
        goal="content and style loss <= 1.5",
        optimizer=adam,
        batch_size=4,
        learning_rate=1e-3,
    )
