"""For users of PyTorch: `from rightbatch.torch import Workload`."""

from rightbatch.measure.frameworks.torch.workload import Workload

__all__ = ["Workload"]
