"""Ways to carry out a probe: here in a child process."""

from rightbatch.measure.runners.local import LocalRunner

__all__ = ["LocalRunner"]
