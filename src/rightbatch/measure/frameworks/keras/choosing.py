"""Which backend Keras runs on, decided before it is imported."""

import os
import sys
import traceback

from rightbatch.errors import UsageError
from rightbatch.measure.frameworks.keras.workload import BACKENDS, Backend


def choose_backend(asked: Backend | None) -> None:
    """Have Keras run on the backend that a workload asks for; None leaves Keras its own choice.

    Raises:
        UsageError: Keras was imported with another backend already, or would be with one that
            cannot train.
    """
    loaded = sys.modules.get("keras")
    if loaded is None:
        if asked is not None:
            os.environ["KERAS_BACKEND"] = asked
        _refuse_other()
        return
    wanted = asked or os.environ.get("KERAS_BACKEND") or loaded.backend.backend()
    if loaded.backend.backend() != wanted:
        raise UsageError(
            f"Keras was imported on {loaded.backend.backend()} before {wanted} was asked for; set "
            f"KERAS_BACKEND={wanted} in the environment."
        )


def tell_backend(error: Exception) -> None:
    """Tell of a backend that cannot train, where it is why a user's code could not import Keras.

    Raises:
        UsageError: It is.
    """
    frames = traceback.walk_tb(error.__traceback__)
    if any(frame.f_globals.get("__name__") == "keras.src.backend" for frame, _ in frames):
        _refuse_other()


def _refuse_other() -> None:
    named = os.environ.get("KERAS_BACKEND")
    if named and named not in BACKENDS:
        raise UsageError(
            f"KERAS_BACKEND is {named!r}, which cannot train; set it to tensorflow, jax or torch."
        )
