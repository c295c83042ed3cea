"""Handwritten digits, as scikit-learn ships them (Alpaydin and Kaynak 1998)."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """Images and labels, from scikit-learn's own file: importing the library takes a second.

    Returns:
        Images (1797, 64), 0 to 16, row by row; labels (1797,), 0 to 9.

    Raises:
        ModuleNotFoundError: scikit-learn is not installed.
    """
    library = find_spec("sklearn")
    if library is None or library.origin is None:
        raise ModuleNotFoundError("No module named 'sklearn'", name="sklearn")
    file = Path(library.origin).parent / "datasets" / "data" / "digits.csv.gz"
    rows = torch.from_numpy(np.loadtxt(file, np.float32, delimiter=","))
    return rows[:, :64], rows[:, 64].long()
