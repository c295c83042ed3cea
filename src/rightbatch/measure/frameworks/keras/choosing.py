"""The backend of Keras, chosen before Keras is imported."""

import os
import sys
import traceback

from rightbatch.errors import UsageError
from rightbatch.measure.frameworks.keras.workload import BACKENDS, Backend


def choose_backend(backend: Backend | None) -> None:
    """Have Keras run on a workload's backend; None leaves the choice to Keras.

    Raises:
        UsageError: Keras was already imported on another backend, or is set to one that cannot
            train.
    """
    loaded = sys.modules.get("keras")
    if loaded is None:
        if backend is not None:
            os.environ["KERAS_BACKEND"] = backend
        _refuse_other()
        return
    wanted = backend or os.environ.get("KERAS_BACKEND") or loaded.backend.backend()
    if loaded.backend.backend() != wanted:
        raise UsageError(
            f"Keras was already imported on {loaded.backend.backend()}, not on {wanted}; set "
            f"KERAS_BACKEND={wanted} in the environment."
        )


def refuse_backend_of(error: Exception) -> None:
    """Refuse a backend that cannot train, where the user's code failed to import Keras on it.

    Raises:
        UsageError: KERAS_BACKEND names such a backend.
    """
    frames = traceback.walk_tb(error.__traceback__)
    if any(frame.f_globals.get("__name__") == "keras.src.backend" for frame, _ in frames):
        _refuse_other()


def _refuse_other() -> None:
    named = os.environ.get("KERAS_BACKEND")
    if named and named not in BACKENDS:
        raise UsageError(
            f"KERAS_BACKEND is {named!r}, which cannot train; use tensorflow, jax or torch."
        )
