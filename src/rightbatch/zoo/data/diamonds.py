"""Prices and properties of 53,940 diamonds, as ggplot2 and plotnine ship them."""

import csv

import numpy as np
import torch

from rightbatch.zoo.data.sets import DIAMONDS

_GRADES = {
    "cut": ("Fair", "Good", "Very Good", "Premium", "Ideal"),
    "color": ("J", "I", "H", "G", "F", "E", "D"),
    "clarity": ("I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF"),
}
"""Worst to best."""
_NUMBERS = ("carat", "depth", "table", "x", "y", "z")


def diamonds() -> tuple[torch.Tensor, torch.Tensor]:
    """Properties and prices.

    Returns:
        Properties (53940, 9): carat, depth, table, x, y and z (mm) as numbers; cut, color and
        clarity as ranks from 0, the worst. Prices (53940,) in US dollars.

    Raises:
        MissingData: They are not on this machine.
    """
    with (DIAMONDS.folder() / "diamonds.csv").open(newline="") as file:
        names, *rows = csv.reader(file)
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    numbers = [np.array(columns[name], np.float32) for name in _NUMBERS]
    ranks = [
        np.array([grades.index(grade) for grade in columns[name]], np.float32)
        for name, grades in _GRADES.items()
    ]
    prices = np.array(columns["price"], np.float32)
    return torch.from_numpy(np.stack(numbers + ranks, axis=1)), torch.from_numpy(prices)
