"""References to workloads, by which a child process finds them, and what its processes need."""

import ast
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rightbatch.api.keras_backend import named_backend, picks_backend
from rightbatch.api.names import named_workload
from rightbatch.errors import UsageError
from rightbatch.measure.ports import Job
from rightbatch.measure.runners import LocalRunner
from rightbatch.records import Hardware, WorkloadReference

_FORK_SAFE = {
    "torch", "lightning", "torchmetrics", "transformers", "tokenizers", "accelerate",
    "numpy", "scipy", "sklearn", "pandas", "PIL", "pooch",
}  # fmt: skip
"""Libraries whose import starts nothing that would break in a fork."""
_ALWAYS = ("rightbatch.measure.carry_out", "numpy", "scipy.special")
_WITH_TORCH = (
    "torch",
    "torch._dynamo",  # the first optimizer imports it, at a second or more
    "torch.utils.data",
    "torch.utils.flop_counter",
    "rightbatch.measure.frameworks.torch.subject",
)
_WITH = {
    "rightbatch.torch": _WITH_TORCH,
    "rightbatch.lightning": (
        *_WITH_TORCH,
        "lightning.pytorch",
        "rightbatch.measure.frameworks.lightning.workload",
    ),
    "rightbatch.accelerate": (
        *_WITH_TORCH,
        "rightbatch.measure.frameworks.accelerate.workload",
    ),
    "rightbatch.transformers": (
        *_WITH_TORCH,
        "transformers.trainer",
        "rightbatch.measure.frameworks.transformers.workload",
    ),
}
"""Modules to preload with each rightbatch module that a workload's file imports."""

_MOST_FILES = 100
"""Most files of the user's that are searched for imports."""

_WITH_KERAS = ("rightbatch.measure.frameworks.keras.subject",)


def reference(workload: str | Callable[[], Any]) -> WorkloadReference:
    """The reference of a workload.

    Args:
        workload: A built-in name ("digits"), "file.py:factory", "module:factory", or the factory.

    Raises:
        WorkloadNotFound: There is no such built-in workload or file.
        UsageError: It is an object instead of a factory, or a function that cannot be pickled.
    """
    if isinstance(workload, str):
        return named_workload(workload)
    if not callable(workload):
        raise UsageError(
            "workload must be a name or the function that makes it, so that every trial can run in "
            f"its own process, not {type(workload).__name__}."
        )
    return _from_function(workload)


def local_runner(job: Job, hardware: Hardware | None = None, at_most: int = 1) -> LocalRunner:
    """A runner on this machine.

    Args:
        job: The job of every trial, except for its probe.
        hardware: The device of the trials; None to learn it from the first probe.
        at_most: Largest number of training runs under way at the same time.
    """
    where = job.workload
    return LocalRunner(
        job,
        preload(where),
        hardware=hardware,
        preload_threadless=preload_threadless(where),
        environment=environment(where),
        at_most=at_most,
    )


def preload(where: WorkloadReference) -> tuple[str, ...]:
    """Modules that a fork server may preload: no user code, and only what survives a fork."""
    imported = _imported_with_neighbours(where)
    safe = sorted(
        name
        for name in imported
        if name.split(".")[0] in _FORK_SAFE or name.startswith("rightbatch.zoo.")
    )
    torch = any(name.split(".")[0] == "torch" for name in imported)
    found = [module for name in sorted(imported) for module in _WITH.get(name, ())]
    return tuple(dict.fromkeys((*_ALWAYS, *(_WITH_TORCH if torch else ()), *found, *safe)))


def preload_threadless(where: WorkloadReference) -> tuple[str, ...]:
    """Modules that a fork server may preload where that starts no thread."""
    names = {name.removeprefix("rightbatch.").split(".")[0] for name in _imported(where)}
    return _WITH_KERAS if "keras" in names and not picks_backend(_tree(_source(where))) else ()


def environment(where: WorkloadReference) -> dict[str, str]:
    """Environment variables that trials need before anything is imported."""
    backend = named_backend(_tree(_source(where)))
    return {} if backend is None else {"KERAS_BACKEND": backend}


def _imported(where: WorkloadReference) -> set[str]:
    """Modules that a workload's file imports, found without running it."""
    source = _source(where)
    return {"torch", "keras"} & sys.modules.keys() if source is None else _imports(source)


def _imported_with_neighbours(where: WorkloadReference) -> set[str]:
    """The same, with the imports of the user's own modules in that folder."""
    source = _source(where)
    if source is None:
        return _imported(where)
    names, read, unread = set[str](), set[Path](), {source}
    while unread and len(read) < _MOST_FILES:
        read.add(path := unread.pop())
        names |= (found := _imports(path))
        unread |= {beside for name in found if (beside := _beside(source.parent, name))} - read
    return names


def _beside(folder: Path, module: str) -> Path | None:
    """The file of a module in a folder; None where there is none."""
    path = folder.joinpath(*module.split("."))
    files = (path.with_name(f"{path.name}.py"), path / "__init__.py")
    return next((file for file in files if file.is_file()), None)


def _source(where: WorkloadReference) -> Path | None:
    """The file of a workload; None where finding it would import something."""
    if where.file is not None:
        return Path(where.file)
    module = sys.modules.get(where.module or "")
    if module and module.__file__:
        return Path(module.__file__)
    if where.module is not None and where.module.startswith("rightbatch.zoo."):
        return Path(__file__).parents[1] / "zoo" / f"{where.module.rsplit('.', 1)[1]}.py"
    return None if where.module is None else _beside(Path.cwd(), where.module)


def _tree(path: Path | None) -> ast.Module:
    """A file's syntax tree; an empty one where it cannot be read or parsed."""
    try:
        return ast.parse("" if path is None else path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError, ValueError):
        return ast.Module([], [])


def _imports(path: Path) -> set[str]:
    """Modules named by a file's top-level imports; none where it cannot be read or parsed."""
    names: set[str] = set()
    for node in _tree(path).body:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
            if node.module == "rightbatch":
                names |= {f"rightbatch.{alias.name}" for alias in node.names}
    return names


def _from_function(factory: Callable[[], Any]) -> WorkloadReference:
    """The reference of a function: its file or module, else the pickled function."""
    name = getattr(factory, "__qualname__", type(factory).__name__)
    module = sys.modules.get(getattr(factory, "__module__", None) or "")
    path = getattr(module, "__file__", None)
    named = name.isidentifier() and getattr(module, name, None) is factory
    if module is None or not named or path is None or not Path(path).is_file():
        title = name.replace("<", "").replace(">", "")
        return WorkloadReference(name, pickled=_pickled(factory, title), title=title)
    spec = getattr(module, "__spec__", None)  # has the name of a `python -m` module
    module_name = str(module.__name__ if spec is None else spec.name)
    if module_name == "__main__" or ("." not in module_name and Path(path).stem != "__init__"):
        file = str(Path(path).resolve())
        return WorkloadReference(name, file=file, title=f"{Path(file).name}:{name}")
    return WorkloadReference(name, module=module_name, title=f"{module_name}:{name}")


def _pickled(factory: Callable[[], Any], title: str) -> bytes:
    import cloudpickle

    try:
        return cloudpickle.dumps(factory)  # type: ignore[no-any-return]
    except Exception as error:  # whatever objects in the function raise
        raise UsageError(
            f"The workload {title} cannot be sent to another process ({error}); put it in a file "
            "and name it as file.py:factory."
        ) from None
