"""Control groups that limit memory: version 2, or version 1 where it controls memory."""

import re
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


def memory_tree(root: Path = ROOT, own: Path = OWN) -> Tree | None:
    """The groups of this process; None where there are none.

    Args:
        root: Mount point of control groups.
        own: File that lists the groups of this process.
    """
    try:
        lines = [line.split(":", 2) for line in own.read_text().splitlines()]
    except OSError:
        return None
    mine = {controllers: path.strip("/") for _, controllers, path in lines}
    first = next((path for name, path in mine.items() if "memory" in name.split(",")), None)
    if first is not None:
        return Tree(VERSION_1, _upwards(root / "memory", first))
    if "" in mine:
        return Tree(VERSION_2, _upwards(root, mine[""]))
    return None


def free_bytes(tree: Tree | None) -> int | None:
    """Memory left for new work in the groups; None where none of them has a limit.

    Cached files count as free: the kernel drops them before it refuses memory.
    """
    if tree is None:
        return None
    left = []
    for place in tree.places:
        limit, used = limit_of(place, tree.names), _number(place / tree.names.used)
        if limit is not None and used is not None:
            counts = fields(place / "memory.stat")
            left.append(limit - used + sum(counts.get(name, 0) for name in tree.names.cached))
    return min(left, default=None)


def limit_bytes(tree: Tree | None) -> int | None:
    """The tightest limit of the groups; None where none of them has one."""
    if tree is None:
        return None
    limits = [limit_of(place, tree.names) for place in tree.places]
    return min((limit for limit in limits if limit is not None), default=None)


def limit_of(place: Path, names: Names) -> int | None:
    """The limit of one group; None where it has none."""
    return _number(place / names.limit)


def fields(path: Path) -> dict[str, int]:
    """The numbers in a file of `name number` lines; empty where it cannot be read."""
    try:
        pairs = [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return {}
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def _upwards(base: Path, mine: str) -> tuple[Path, ...]:
    """A group and its ancestors, as far as they are visible from here."""
    here = base if ".." in Path(mine).parts else base / mine
    above = [here, *here.parents][: len(here.parts) - len(base.parts) + 1]
    return tuple(
        place for place in above if place.is_dir() and not TRIAL_CGROUP.fullmatch(place.name)
    )


def _number(path: Path) -> int | None:
    """The number in a file; None where it holds none."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
