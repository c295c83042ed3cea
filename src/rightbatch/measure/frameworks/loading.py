"""Load the user's workload from a reference, and make a Subject of its framework."""

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle

from rightbatch.errors import MissingDependency, WorkloadNotFound
from rightbatch.measure.frameworks.keras.workload import choose_backend, refuse_backend_of
from rightbatch.measure.ports import Device, Job, Subject
from rightbatch.records import WorkloadReference


def load_subject(job: Job, host: Device) -> Subject:
    """Call the user's factory and make a Subject of its workload.

    Raises:
        WorkloadNotFound: There is no such file, module or factory, or it returns no workload.
        MissingDependency: The workload's framework is not installed.
        UsageError: Keras is set to a backend that cannot train.
    """
    title = job.workload.title or job.workload.factory
    try:
        workload = load_factory(job.workload)()
    except (ImportError, ValueError) as error:
        refuse_backend_of(error)
        raise
    make = SUBJECTS.get(str(getattr(workload, "framework", None)))
    if make is None:
        raise WorkloadNotFound(
            f"{title} must return a rightbatch.torch.Workload or a rightbatch.keras.Workload, not "
            f"{type(workload).__name__} (see docs/workloads.md)."
        )
    return make(workload, title, job, host)


def _torch_subject(workload: Any, title: str, job: Job, host: Device) -> Subject:
    try:
        from rightbatch.measure.frameworks.torch.subject import TorchSubject
    except ModuleNotFoundError as error:
        raise MissingDependency(
            f"{title} needs PyTorch, which is not installed: pip install 'rightbatch[torch]'."
        ) from error
    return TorchSubject(workload, title, job.device, job.threads, job.goal, host)


def _keras_subject(workload: Any, title: str, job: Job, host: Device) -> Subject:
    choose_backend(workload.backend)
    try:
        from rightbatch.measure.frameworks.keras.subject import KerasSubject
    except ModuleNotFoundError as error:
        raise MissingDependency(
            f"{title} needs Keras and a backend, but {error.name} is not installed: pip install "
            "'rightbatch[keras-tensorflow]' or 'rightbatch[keras-jax]'."
        ) from error
    return KerasSubject(workload, title, job.device, job.threads, job.goal, host)


SUBJECTS: dict[str, Callable[[Any, str, Job, Device], Subject]] = {
    "torch": _torch_subject,
    "keras": _keras_subject,
}
"""Framework name -> function (workload, title, job, host) that makes the Subject."""


def load_factory(reference: WorkloadReference) -> Callable[[], Any]:
    """The user's factory.

    Raises:
        WorkloadNotFound: There is no such file, module or function, or it takes an argument.
    """
    if reference.pickled is not None:
        factory = cloudpickle.loads(reference.pickled)
    else:
        module = _module(reference)
        factory = getattr(module, reference.factory, None)
        if factory is None:
            near = [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")]
            raise WorkloadNotFound(
                f"{reference.file or reference.module} has no function {reference.factory!r}; "
                f"it has {', '.join(near[:8]) or 'none'}."
            )
    if not callable(factory):
        raise WorkloadNotFound(
            f"{reference.title} must be a function that returns a workload, not "
            f"{type(factory).__name__}."
        )
    if needed := _needed(factory):
        raise WorkloadNotFound(
            f"{reference.title} requires the argument {needed}, but is called without arguments; "
            "give it a default value."
        )
    return factory  # type: ignore[no-any-return]


def _needed(factory: Callable[..., Any]) -> str:
    """The first required argument of a function; empty where there is none."""
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):  # a builtin without a signature
        return ""
    given = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    needed = (p.name for p in parameters if p.default is p.empty and p.kind not in given)
    return next(needed, "")


def _module(reference: WorkloadReference) -> ModuleType:
    if reference.file is None:
        return _by_name(str(reference.module))
    path = Path(reference.file)
    if not path.is_file():
        raise WorkloadNotFound(f"There is no file {reference.file}; check its path.")
    taken = path.stem in sys.modules or path.stem in sys.stdlib_module_names
    name = path.stem if path.stem.isidentifier() and not taken else "workload_file"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise WorkloadNotFound(f"{reference.file} is not a Python file; name a .py file.")
    sys.path.insert(0, str(path.parent))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _by_name(name: str) -> ModuleType:
    """A module in the working directory or among installed packages."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if name.startswith("rightbatch.zoo."):
            raise MissingDependency.of_zoo("This workload", error) from error
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise WorkloadNotFound(
            f"There is no module {name} here; run from the directory that contains it, or name "
            "the workload as file.py:factory."
        ) from error
