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
    if asked is None:
        return
    loaded = sys.modules.get("keras")
    if loaded is None:
        os.environ["KERAS_BACKEND"] = asked
    elif loaded.backend.backend() != asked:
        raise UsageError(
            f"Keras was imported on {loaded.backend.backend()} before Workload.backend={asked!r} "
            f"was known; set KERAS_BACKEND={asked} in the environment, or at the top of the file "
            f"before `import keras`: os.environ['KERAS_BACKEND'] = {asked!r}."
        )
