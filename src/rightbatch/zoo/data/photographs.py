"""Colour photographs that scikit-image and scikit-learn ship."""

import numpy as np
import skimage.data
from numpy.typing import NDArray
from sklearn.datasets import load_sample_images

Image = NDArray[np.uint8]


def photographs() -> list[Image]:
    """Photographs of scenes, people and things, (height, width, 3) of bytes each."""
    china, flower = load_sample_images().images
    shipped = (skimage.data.astronaut, skimage.data.cat, skimage.data.coffee, skimage.data.rocket)
    return [*(photograph() for photograph in shipped), flower, china]


def tissue(side: int) -> Image:
    """A stained section of tissue, strongly coloured, (side, side, 3) of bytes."""
    return skimage.data.immunohistochemistry()[:side, :side]  # type: ignore[no-any-return]


def crops(images: list[Image], side: int, count: int, seed: int) -> Image:
    """Squares cut out of photographs at random places and scales.

    Args:
        images: Photographs (height, width, 3).
        side: Side of a square in pixels.
        count: How many.
        seed: Seed of the choice.

    Returns:
        Squares (count, side, side, 3) of bytes; half of them mirrored.
    """
    random = np.random.default_rng(seed)
    smaller = [_scaled_down(image, side) for image in images]
    found = np.empty((count, side, side, 3), np.uint8)
    for number in range(count):
        scales = smaller[random.integers(len(smaller))]
        image = scales[random.integers(len(scales))]
        top, left = (random.integers(size - side + 1) for size in image.shape[:2])
        crop = image[top : top + side, left : left + side]
        found[number] = crop[:, :: random.choice((-1, 1))]
    return found


def _scaled_down(image: Image, side: int) -> list[Image]:
    """An image at every whole fraction of its size that is at least `side`."""
    found = []
    for factor in range(1, min(image.shape[:2]) // side + 1):
        height, width = (size // factor for size in image.shape[:2])
        area = image[: height * factor, : width * factor]
        means = area.reshape(height, factor, width, factor, 3).mean((1, 3))
        found.append(means.astype(np.uint8))
    return found
