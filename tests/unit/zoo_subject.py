"""A built-in PyTorch workload come alive, made once for all tests."""

import functools
import importlib

import needs
from rightbatch.measure.devices.cpu import CpuDevice
from rightbatch.measure.frameworks.torch.subject import TorchSubject
from rightbatch.zoo import ZOO


def module(name):
    return importlib.import_module(ZOO[name].module)


@functools.cache
def subject(name):
    """Skips where its data are not here."""
    with needs.data_of_workloads():
        workload = module(name).workload()
        workload.model()  # some open data not before this
    return TorchSubject(workload, name, "cpu", 1, "", CpuDevice())
