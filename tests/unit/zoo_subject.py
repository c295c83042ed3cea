"""A built-in PyTorch workload come alive, made once for all tests."""

import functools
import importlib
import os

import pytest

from rightbatch.errors import MissingData
from rightbatch.measure.devices.cpu import CpuDevice
from rightbatch.measure.frameworks.torch.subject import TorchSubject
from rightbatch.zoo import ZOO


def module(name):
    return importlib.import_module(ZOO[name].module)


@functools.cache
def subject(name):
    """Skips where the data are not here; in CI, where `make zoo-data` brings them, it fails."""
    try:
        workload = module(name).workload()
    except MissingData as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))
    return TorchSubject(workload, name, "cpu", 1, "", CpuDevice())
