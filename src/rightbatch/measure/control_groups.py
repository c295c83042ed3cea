"""The kernel's control groups that limit memory: version 2, or version 1 where memory is there."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")
TRIAL_CGROUP = re.compile(r"rightbatch-(?P<parent>\d+)-\d+")
"""What the groups that trials run in are called: by the process that made them, and a number."""


@dataclass(frozen=True, slots=True)
class Names:
    """What a group's files are called (kernel documentation, cgroup-v1/memory and cgroup-v2).

    Attributes:
        limit: Memory that its processes may use together, in bytes.
        swap_limit: A limit that keeps them out of swap.
        used: What they use, cached files included.
        cached: Fields of memory.stat that count cached files.
        kills: File with a field oom_kill, the processes that the kernel has ended.
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
    """Where this process stands among the groups that limit memory.

    Attributes:
        names: What their files are called.
        places: Directories of its own group and of those above it, the nearest first; that of the
            trial it may be is left out.
    """

    names: Names
    places: tuple[Path, ...]


def memory_tree(root: Path = ROOT, own: Path = OWN) -> Tree | None:
    """The groups around this process; None where there are none.

    Args:
        root: Where control groups are mounted.
        own: Where the kernel tells which groups this process is in.
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
    """Memory that the groups leave for new work; None where none of them has a limit.

    Cached files are free: the kernel gives them up before it refuses memory.
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
    """The least limit of the groups; None where none of them has one."""
    if tree is None:
        return None
    limits = [limit_of(place, tree.names) for place in tree.places]
    return min((limit for limit in limits if limit is not None), default=None)


def limit_of(place: Path, names: Names) -> int | None:
    """The limit of one group; None where it has none."""
    return _number(place / names.limit)


def fields(path: Path) -> dict[str, int]:
    """Numbers by name, one a line; empty where the file cannot be read."""
    try:
        pairs = [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return {}
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def _upwards(base: Path, mine: str) -> tuple[Path, ...]:
    """A group and those above it, of those that are to be seen from here."""
    here = base if ".." in Path(mine).parts else base / mine
    above = [here, *here.parents][: len(here.parts) - len(base.parts) + 1]
    return tuple(
        place for place in above if place.is_dir() and not TRIAL_CGROUP.fullmatch(place.name)
    )


def _number(path: Path) -> int | None:
    """The number in a file, if it is one."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
