"""Runners: how probes are run, here in child processes."""

from rightbatch.measure.runners.local import INSIDE_A_TRIAL, LocalRunner

__all__ = ["INSIDE_A_TRIAL", "LocalRunner"]
