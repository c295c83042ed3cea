"""Find a workload by name, before anything heavy is imported."""

import difflib
from pathlib import Path

from rightbatch.errors import WorkloadNotFound
from rightbatch.records.workload import WorkloadReference
from rightbatch.zoo import ZOO


def named_workload(name: str) -> WorkloadReference:
    """The reference of a workload's name.

    Args:
        name: A built-in name ("digits"), "file.py:factory" or "module:factory".

    Raises:
        WorkloadNotFound: There is no such built-in workload or file, or the name is malformed.
    """
    if ":" not in name and not name.endswith(".py"):
        entry = ZOO.get(name)
        if entry is None:
            near = difflib.get_close_matches(name, ZOO) or sorted(ZOO)
            raise WorkloadNotFound(
                f"There is no built-in workload {name!r}; use {', '.join(near)}, or name your own "
                "as file.py:factory."
            )
        return WorkloadReference("workload", module=entry.module, title=name)
    place, _, factory = name.rpartition(":") if ":" in name else (name, "", "workload")
    if not factory.isidentifier():
        raise WorkloadNotFound(
            f"{name!r} names no function; write file.py:factory or module:factory."
        )
    if not place.endswith(".py"):
        if not all(part.isidentifier() for part in place.split(".")):
            raise WorkloadNotFound(
                f"{place!r} is neither a .py file nor a module name; write file.py:factory or "
                "module:factory."
            )
        return WorkloadReference(factory, module=place, title=name)
    path = Path(place).expanduser().resolve()
    if not path.is_file():
        raise WorkloadNotFound(f"There is no file {place}; check its path.")
    return WorkloadReference(factory, file=str(path), title=f"{path.name}:{factory}")
