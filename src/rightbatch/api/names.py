"""Where the name of a workload leads, told before anything heavy is imported."""

import difflib
from dataclasses import dataclass
from pathlib import Path

from rightbatch.errors import WorkloadNotFound
from rightbatch.zoo import ZOO


@dataclass(frozen=True, slots=True)
class Place:
    """A function in a file or a module.

    Attributes:
        factory: Name of the function.
        title: What to call the workload.
        file: Absolute path of the file; None where it is in a module.
        module: Name of the module; None where it is in a file.
    """

    factory: str
    title: str
    file: str | None = None
    module: str | None = None


def place_of(name: str) -> Place:
    """Where a name leads.

    Args:
        name: A built-in name ("digits"), "file.py:factory" or "module:factory".

    Raises:
        WorkloadNotFound: There is no such built-in workload or file, or it is no name.
    """
    if ":" not in name and not name.endswith(".py"):
        entry = ZOO.get(name)
        if entry is None:
            near = difflib.get_close_matches(name, ZOO) or sorted(ZOO)
            raise WorkloadNotFound(
                f"There is no built-in workload {name!r}; there is {', '.join(near)}. "
                "Name your own as file.py:factory."
            )
        return Place("workload", name, module=entry.module)
    place, _, factory = name.rpartition(":") if ":" in name else (name, "", "workload")
    if not factory.isidentifier():
        raise WorkloadNotFound(
            f"{name!r} names no function; name a workload as file.py:factory or module:factory."
        )
    if not place.endswith(".py"):
        if not all(part.isidentifier() for part in place.split(".")):
            raise WorkloadNotFound(f"{place!r} is neither a .py file nor a module name.")
        return Place(factory, name, module=place)
    path = Path(place).expanduser().resolve()
    if not path.is_file():
        raise WorkloadNotFound(f"There is no file {place}.")
    return Place(factory, f"{path.name}:{factory}", file=str(path))
