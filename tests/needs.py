"""What a test needs and may not find: without it the test skips, and where CI is `true` it fails.

The reason names what is missing and what brings it.
"""

import importlib
import os
import shutil
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import pytest

from rightbatch.errors import MissingData

IN_CI = os.environ.get("CI", "").lower() == "true"
NO_CONTROL_GROUP = "no control group may be made here; trials are then held without one"
UNAVOIDABLE = (NO_CONTROL_GROUP,)
"""Reasons to skip in CI too: no command brings what is missing."""
SYSTEM_PACKAGES = "scripts/install-system-packages installs"
_BRINGS = {
    "accelerate": "pip install -e '.[transformers]'",
    "jax": "pip install -e '.[keras-jax]'",
    "keras": "pip install -e '.[keras-jax]'",
    "lightning": "pip install -e '.[lightning]'",
    "psycopg": "pip install -e '.[dev]'",
    "tensorflow": "pip install tensorflow-cpu",
    "torchmetrics": "pip install -e '.[lightning]'",
    "transformers": "pip install -e '.[transformers]'",
}


def missing(reason: str) -> NoReturn:
    """Skip the test, or a whole file that is being imported; fail in CI."""
    __tracebackhide__ = True
    if IN_CI:
        pytest.fail(f"{reason} (CI is true, so nothing may be missing)")
    pytest.skip(reason, allow_module_level=True)


def library(name):
    """An optional library, imported."""
    __tracebackhide__ = True
    libraries(name)
    return importlib.import_module(name)


def libraries(*names):
    """Optional libraries, found without importing them."""
    __tracebackhide__ = True
    for name in names:
        if find_spec(name) is None:
            missing(f"{name} is not installed: {_BRINGS.get(name, f'pip install {name}')}")


@contextmanager
def data_of_workloads():
    """Around code that opens data sets of built-in workloads."""
    __tracebackhide__ = True
    try:
        yield
    except MissingData as error:
        missing(str(error))


def data(data_set):
    """The folder of a data set."""
    __tracebackhide__ = True
    with data_of_workloads():
        return data_set.folder()


def programs(*paths):
    """Programs of system packages."""
    __tracebackhide__ = True
    absent = [str(path) for path in paths if not Path(path).exists()]
    if absent:
        missing(f"{' and '.join(absent)} missing: {SYSTEM_PACKAGES} them")


def postgresql():
    """The folder of PostgreSQL's programs, the newest where there are several."""
    __tracebackhide__ = True
    libraries("psycopg")
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if found:
        return max(found, key=lambda folder: int(folder.parent.name))
    elsewhere = shutil.which("initdb")
    if elsewhere is None:
        missing(f"PostgreSQL is not installed: {SYSTEM_PACKAGES} it")
    return Path(elsewhere).parent


def published_studies():
    """Folders of the published studies that RIGHTBATCH_TRACES names."""
    __tracebackhide__ = True
    folders = named_studies()
    if not folders:
        missing("RIGHTBATCH_TRACES names no folder of published studies: see CONTRIBUTING.md")
    return folders


def named_studies():
    """The same for use while tests are collected: empty where there are none."""
    where = os.environ.get("RIGHTBATCH_TRACES")
    return sorted(path.parent for path in Path(where).glob("*/study.json")) if where else []


def published_figures():
    """The folder of published figures that RIGHTBATCH_PUBLISHED names."""
    __tracebackhide__ = True
    where = os.environ.get("RIGHTBATCH_PUBLISHED")
    if not where or not Path(where).is_dir():
        missing("RIGHTBATCH_PUBLISHED names no folder of published figures: see CONTRIBUTING.md")
    return Path(where)
