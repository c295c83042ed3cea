"""Control groups that limit memory: version 2, or version 1 where it controls memory."""

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")
TRIAL_CGROUP = re.compile(r"rightbatch-(?P<parent>\d+)-\d+")
"""Names of the groups of trials: the process that made them, and a number."""


@dataclass(frozen=True, slots=True)
class Names:
    """File names of a group (kernel documentation, cgroup-v1/memory and cgroup-v2).

    Attributes:
        limit: Limit on the memory of its processes together, in bytes.
        swap_limit: A limit that keeps them out of swap.
        used: Memory in use, cached files included.
        cached: Fields of memory.stat that count cached files.
        kills: File whose field oom_kill counts processes killed by the kernel.
    """

    limit: str
    swap_limit: str
    used: str
    cached: tuple[str, ...]
    kills: str


VERSION_2 = Names(
    "memory.max", "memory.swap.max", "memory.current", ("active_file", "inactive_file"),
    "memory.events",
)  # fmt: skip
VERSION_1 = Names(
    "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.usage_in_bytes",
    ("total_active_file", "total_inactive_file"), "memory.oom_control",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tree:
    """The groups that limit the memory of this process.

    Attributes:
        names: Names of their files.
        places: Directories of its own group and of its ancestors, the nearest first, without the
            group of a trial.
    """

    names: Names
    places: tuple[Path, ...]


def memory_tree(root: Path = ROOT, own: Path = OWN) -> Tree:
    """The groups of this process; without places where there are none.

    Args:
        root: Mount point of control groups.
        own: File that lists the groups of this process.
    """
    lines = [line.split(":", 2) for line in text_of(own).splitlines()]
    mine = {controllers: path.strip("/") for _, controllers, path in lines}
    first = next((path for name, path in mine.items() if "memory" in name.split(",")), None)
    if first is not None:
        return Tree(VERSION_1, _upwards(root / "memory", first))
    return Tree(VERSION_2, _upwards(root, mine[""]) if "" in mine else ())


def free_bytes(tree: Tree) -> int | None:
    """Memory left for new work in the groups; None where none of them has a limit.

    Cached files count as free: the kernel drops them before it refuses memory.
    """
    left = []
    for place in tree.places:
        limit, used = number_in(place / tree.names.limit), number_in(place / tree.names.used)
        if limit is not None and used is not None:
            counts = fields(place / "memory.stat")
            left.append(limit - used + sum(counts.get(name, 0) for name in tree.names.cached))
    return min(left, default=None)


def limit_bytes(tree: Tree) -> int | None:
    """The tightest limit of the groups; None where none of them has one."""
    limits = [number_in(place / tree.names.limit) for place in tree.places]
    return min((limit for limit in limits if limit is not None), default=None)


def fields(path: Path) -> dict[str, int]:
    """The numbers in a file of `name number` lines; empty where it cannot be read."""
    pairs = [line.split() for line in text_of(path).splitlines()]
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def text_of(path: Path) -> str:
    """The text of a file; empty where it cannot be read."""
    with suppress(OSError):
        return path.read_text()
    return ""


def _upwards(base: Path, mine: str) -> tuple[Path, ...]:
    """A group and its ancestors, as far as they are visible from here."""
    here = base if ".." in Path(mine).parts else base / mine
    above = [here, *here.parents][: len(here.parts) - len(base.parts) + 1]
    return tuple(
        place for place in above if place.is_dir() and not TRIAL_CGROUP.fullmatch(place.name)
    )


def number_in(path: Path) -> int | None:
    """The number in a file; None where it holds none."""
    with suppress(ValueError):
        return int(text_of(path))
    return None
