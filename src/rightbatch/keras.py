"""For users of Keras: `from rightbatch.keras import Workload`."""

from rightbatch.measure.frameworks.keras.workload import Workload

__all__ = ["Workload"]
