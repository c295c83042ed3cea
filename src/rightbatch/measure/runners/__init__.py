"""Ways to carry out a probe: here in a child process."""

from rightbatch.measure.runners.local import INSIDE_A_TRIAL, LocalRunner

__all__ = ["INSIDE_A_TRIAL", "LocalRunner"]
