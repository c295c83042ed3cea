"""Scenes composed of real garments on real photographs, with their masks and boxes.

One to three items of Fashion-MNIST are tinted, scaled and placed on a crop of a photograph. An item
that would overlap others by more than a fifth is left out. Validation scenes use other garments
than training scenes.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from rightbatch.zoo.data.fashion import fashion_mnist
from rightbatch.zoo.data.photographs import crops, photographs

KINDS = ("top", "trousers", "dress", "shoe", "bag")
SIDE = 64
MOST_ITEMS = 3
_KIND_OF_LABEL = np.array([0, 1, 0, 2, 0, 3, 0, 3, 4, 3])
"""T-shirts, pullovers, coats and shirts are tops; sandals, sneakers and boots are shoes."""
_SIDES = (20, 24, 28, 34)
_MOST_HIDDEN = 0.2
_VISIBLE = 24
"""Grey level above which a pixel belongs to the garment."""


@dataclass(frozen=True, slots=True)
class Scenes:
    """Composed scenes.

    Attributes:
        images: (N, 3, 64, 64) of bytes.
        masks: (N, 64, 64) of int64: 0 for the background, 1 + kind for an item.
        boxes: (N, 3, 4), left, top, right and bottom in pixels; zeros where there is no item.
        kinds: (N, 3), the kind of each item; -1 where there is none.
    """

    images: torch.Tensor
    masks: torch.Tensor
    boxes: torch.Tensor
    kinds: torch.Tensor


def scenes(train: int, valid: int, seed: int = 0) -> tuple[Scenes, Scenes]:
    """Training and validation scenes.

    Args:
        train: Number of training scenes.
        valid: Number of validation scenes.
        seed: Seed of the composition.

    Raises:
        MissingData: Fashion-MNIST is not on this machine.
    """
    images, labels = (tensor.numpy() for tensor in fashion_mnist())
    half = len(labels) // 2
    return (
        _composed(images[:half], labels[:half], train, seed),
        _composed(images[half:], labels[half:], valid, seed + 1),
    )


def _composed(
    garments: NDArray[np.uint8], labels: NDArray[np.int64], count: int, seed: int
) -> Scenes:
    random = np.random.default_rng(seed)
    images = crops(photographs(), SIDE, count, seed)
    masks = np.zeros((count, SIDE, SIDE), np.int64)
    boxes = np.zeros((count, MOST_ITEMS, 4), np.float32)
    kinds = np.full((count, MOST_ITEMS), -1)
    chosen = random.integers(len(labels), size=count * MOST_ITEMS)
    items = _resized(garments[chosen], random.choice(_SIDES, len(chosen)))
    wanted = random.integers(1, MOST_ITEMS + 1, size=count)
    for scene in range(count):
        for place in range(wanted[scene]):
            number = scene * MOST_ITEMS + place
            kind = _KIND_OF_LABEL[labels[chosen[number]]]
            box = _put(items[number], 1 + kind, images[scene], masks[scene], random)
            if box is not None:
                boxes[scene, place], kinds[scene, place] = box, kind
    return Scenes(
        torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(),
        torch.from_numpy(masks),
        torch.from_numpy(boxes),
        torch.from_numpy(kinds),
    )


def _resized(garments: NDArray[np.uint8], sides: NDArray[np.int64]) -> list[NDArray[np.float32]]:
    """Each garment as a square of its side."""
    found: dict[int, NDArray[np.float32]] = {}
    for side in _SIDES:
        places = np.flatnonzero(sides == side)
        pixels = torch.from_numpy(garments[places]).unsqueeze(1).float()
        scaled = torch.nn.functional.interpolate(pixels, (side, side), mode="bilinear")
        found.update(zip(places.tolist(), scaled.squeeze(1).numpy(), strict=True))
    return [found[place] for place in range(len(garments))]


def _put(
    item: NDArray[np.float32],
    value: int,
    image: NDArray[np.uint8],
    mask: NDArray[np.int64],
    random: np.random.Generator,
) -> tuple[int, int, int, int] | None:
    """Put an item somewhere on a scene; its box, or None where it would hide too much."""
    side = len(item)
    top, left = random.integers(SIDE - side + 1, size=2)
    tint = random.uniform(0.4, 1.0, 3)
    shape = item > _VISIBLE
    there = mask[top : top + side, left : left + side]
    if ((there > 0) & shape).sum() > _MOST_HIDDEN * shape.sum():
        return None
    there[shape] = value
    image[top : top + side, left : left + side][shape] = item[shape, None] * tint
    rows, columns = np.flatnonzero(shape.any(1)), np.flatnonzero(shape.any(0))
    return left + columns[0], top + rows[0], left + columns[-1] + 1, top + rows[-1] + 1
