"""Trained features of VGG16 (Simonyan and Zisserman 2015).

The weights were trained on ImageNet and then fine-tuned to find edges (Xie and Tu 2015).
"""

import h5py
import torch
from torch import nn

from rightbatch.zoo.data.sets import VGG

_MEANS = (104.00699, 116.66877, 122.67892)
"""Mean blue, green and red of ImageNet, from 0 to 255, which the weights were trained with."""
_BLOCKS = ((2, 64), (2, 128), (3, 256))
"""Convolutions of a block, and their channels."""


class Vgg16(nn.Module):
    """The first three blocks of VGG16, with trained weights that stay as they are.

    Raises:
        MissingData: The weights are not on this machine.
    """

    means: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("means", torch.tensor(_MEANS).reshape(3, 1, 1))
        self.blocks = nn.ModuleList()
        with h5py.File(VGG.folder() / VGG.files[0][0]) as weights:
            for number, (convolutions, width) in enumerate(_BLOCKS, start=1):
                layers: list[nn.Module] = [nn.MaxPool2d(2)] if number > 1 else []
                for place in range(convolutions):
                    name = "conv2d" if place == 0 else f"conv2d_{place}"
                    stored = weights[f"block{number}/layers/{name}/vars"].values()
                    kernel, bias = (torch.from_numpy(values[()]) for values in stored)
                    kernel = kernel.permute(3, 2, 0, 1).contiguous()  # outputs, inputs, 3, 3
                    convolution = nn.Conv2d(kernel.shape[1], width, 3, padding=1)
                    convolution.load_state_dict({"weight": kernel, "bias": bias})
                    layers += [convolution, nn.ReLU()]
                self.blocks.append(nn.Sequential(*layers))
        self.requires_grad_(False)

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Activations relu1_2, relu2_2 and relu3_3.

        Args:
            images: (N, 3, height, width), red, green and blue from 0 to 1.
        """
        features = 255 * images.flip(1) - self.means  # blue first
        found = []
        for block in self.blocks:
            features = block(features)
            found.append(features)
        return found
