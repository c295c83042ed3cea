"""Object detection: garments on photographs, 64×64, an anchor-free network (Zhou et al. 2019).

At the settings below the goal takes about 29 s of one CPU thread.
"""

from collections.abc import Iterable

import torch
from torch import nn

from rightbatch.torch import Workload
from rightbatch.zoo.data.scenes import KINDS, scenes
from rightbatch.zoo.metrics import mean_average_precision

STRIDE = 4
MOST_FOUND = 10
SIZE_WEIGHT = 0.1

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Module:
    """A 3×3 convolution, group normalisation and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
        nn.GroupNorm(8, outputs),
        nn.ReLU(),
    )


class Detector(nn.Module):
    """Predicts, for each class, a heat map of object centres, and a box at each centre."""

    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Sequential(
            convolution(3, 16, 2), convolution(16, 32, 2), convolution(32, 32)
        )
        self.coarse = nn.Sequential(
            convolution(32, 64, 2), convolution(64, 64), nn.Upsample(scale_factor=2)
        )
        self.head = nn.Sequential(convolution(96, 64), nn.Conv2d(64, len(KINDS) + 4, 1))

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits (N, kinds, 16, 16); place and size of boxes (N, 4, 16, 16), in cells."""
        fine = self.fine(images.float() / 255)
        both = self.head(torch.cat([fine, self.coarse(fine)], dim=1))
        return both[:, : len(KINDS)] - 2.2, both[:, len(KINDS) :]  # centres are rare


def loss(net: nn.Module, batch: Batch) -> torch.Tensor:
    """Focal loss of the centres, and L1 loss of place and size at the true ones."""
    images, boxes, kinds = batch
    logits, regions = net(images)
    there = (kinds >= 0).float()
    count = there.sum(1)
    centres = (boxes[..., :2] + boxes[..., 2:]) / 2 / STRIDE
    sizes = (boxes[..., 2:] - boxes[..., :2]) / STRIDE
    cells = centres.floor()
    heat = heat_map(cells, sizes, kinds, logits.shape)
    chance = logits.sigmoid().clamp(1e-4, 1 - 1e-4)
    found = -((1 - chance) ** 2) * chance.log()
    wrong = -((1 - heat) ** 4) * chance**2 * (1 - chance).log()
    focal = torch.where(heat == 1, found, wrong).sum((1, 2, 3)) / count
    index = (cells[..., 1] * logits.shape[3] + cells[..., 0]).long()
    at_centres = regions.flatten(2).gather(2, index.unsqueeze(1).expand(-1, 4, -1)).transpose(1, 2)
    errors = (at_centres - torch.cat([centres - cells, sizes], dim=2)).abs()
    weights = errors.new_tensor([1, 1, SIZE_WEIGHT, SIZE_WEIGHT])
    misplaced = ((errors * weights).sum(2) * there).sum(1) / count
    return (focal + misplaced).mean()  # type: ignore[no-any-return]


def heat_map(
    cells: torch.Tensor, sizes: torch.Tensor, kinds: torch.Tensor, shape: torch.Size
) -> torch.Tensor:
    """1 at every centre and a Gaussian as wide as its box around it, (N, kinds, 16, 16)."""
    columns = torch.arange(shape[3], device=cells.device)
    rows = torch.arange(shape[2], device=cells.device)
    spread = 2 * (0.1 * sizes).square()
    x = (columns - cells[..., :1]).square() / spread[..., :1].clamp(min=1e-6)
    y = (rows - cells[..., 1:]).square() / spread[..., 1:].clamp(min=1e-6)
    bumps = torch.exp(-(x.unsqueeze(2) + y.unsqueeze(3)))
    of_kind = kinds.unsqueeze(2) == torch.arange(shape[1], device=kinds.device)
    return (bumps.unsqueeze(2) * of_kind[..., None, None]).amax(1)


def detections(
    net: nn.Module, images: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Boxes (N, 10, 4) in pixels, scores and kinds (N, 10): the highest peaks of the heat map."""
    logits, regions = net(images)
    chance = logits.sigmoid()
    peaks = chance * (nn.functional.max_pool2d(chance, 3, 1, 1) == chance)
    scores, places = peaks.flatten(1).topk(MOST_FOUND)
    height, width = chance.shape[2:]
    kinds, cells = places // (height * width), places % (height * width)
    at_peaks = regions.flatten(2).gather(2, cells.unsqueeze(1).expand(-1, 4, -1)).transpose(1, 2)
    centres = torch.stack([cells % width, cells // width], dim=2) + at_peaks[..., :2]
    halves = at_peaks[..., 2:].clamp(min=0) / 2
    return STRIDE * torch.cat([centres - halves, centres + halves], dim=2), scores, kinds


def map50(net: nn.Module, batches: list[Batch]) -> float:
    """Mean average precision at an intersection over union of 0.5."""
    found = [
        torch.cat(part) for part in zip(*(detections(net, b[0]) for b in batches), strict=True)
    ]
    _, boxes, kinds = (torch.cat(part) for part in zip(*batches, strict=True))
    return mean_average_precision(boxes, kinds, *found)


def adamw(parameters: Iterable[nn.Parameter], learning_rate: float) -> torch.optim.Optimizer:
    """Adam with decoupled weight decay."""
    return torch.optim.AdamW(parameters, lr=learning_rate)


def workload() -> Workload:
    """Scenes of one to three garments, AdamW."""
    train, valid = scenes(train=6000, valid=200)
    return Workload(
        name="detection",
        model=Detector,
        train_data=(train.images, train.boxes, train.kinds),
        valid_data=(valid.images, valid.boxes, valid.kinds),
        loss=loss,
        metric=map50,
        goal="mAP50 >= 0.5",
        optimizer=adamw,
        batch_size=32,
        learning_rate=2e-3,
    )
