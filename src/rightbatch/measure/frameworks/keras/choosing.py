"""Which backend Keras runs on, decided before it is imported."""

import os
import sys

from rightbatch.errors import UsageError
from rightbatch.measure.frameworks.keras.workload import Backend


def choose_backend(asked: Backend | None) -> None:
    """Have Keras run on the backend that a workload asks for; None leaves Keras its own choice.

    Raises:
        UsageError: Keras was imported with another backend already.
    """
    loaded = sys.modules.get("keras")
    if loaded is None:
        if asked is not None:
            os.environ["KERAS_BACKEND"] = asked
        return
    wanted = asked or os.environ.get("KERAS_BACKEND") or loaded.backend.backend()
    if loaded.backend.backend() != wanted:
        raise UsageError(
            f"Keras was imported on {loaded.backend.backend()} before {wanted} was asked for; set "
            f"KERAS_BACKEND={wanted} in the environment."
        )
