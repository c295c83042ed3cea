"""Control groups that limit memory: version 2, or version 1 where it controls memory."""

import itertools
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

_ROOT = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")
TRIAL_CGROUP = re.compile(r"rightbatch-(?P<parent>\d+)-\d+")
"""Names of the groups of trials: the process that made them, and a number."""
_NUMBERS = itertools.count(1)


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


_VERSION_2 = Names(
    "memory.max", "memory.swap.max", "memory.current", ("active_file", "inactive_file"),
    "memory.events",
)  # fmt: skip
_VERSION_1 = Names(
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


def memory_tree(root: Path = _ROOT, own: Path = _OWN) -> Tree:
    """The groups of this process; without places where there are none.

    Args:
        root: Mount point of control groups.
        own: File that lists the groups of this process.
    """
    lines = [line.split(":", 2) for line in text_of(own).splitlines()]
    mine = {controllers: path.strip("/") for _, controllers, path in lines}
    first = next((path for name, path in mine.items() if "memory" in name.split(",")), None)
    if first is not None:
        return Tree(_VERSION_1, _upwards(root / "memory", first))
    return Tree(_VERSION_2, _upwards(root, mine[""]) if "" in mine else ())


def free_bytes(tree: Tree) -> int | None:
    """Memory left for new work in the groups; None where none of them has a limit.

    Cached files count as free: the kernel drops them before it refuses memory.
    """
    left = []
    for place in tree.places:
        limit, used = _number(place / tree.names.limit), _number(place / tree.names.used)
        if limit is not None and used is not None:
            counts = fields(place / "memory.stat")
            left.append(limit - used + sum(counts.get(name, 0) for name in tree.names.cached))
    return min(left, default=None)


def limit_bytes(tree: Tree) -> int | None:
    """The tightest limit of the groups; None where none of them has one."""
    limits = [_number(place / tree.names.limit) for place in tree.places]
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


@dataclass(frozen=True, slots=True)
class Cgroup:
    """A control group that limits the memory of its processes together.

    Attributes:
        path: Its directory.
        names: Names of its files.
    """

    path: Path
    names: Names

    @classmethod
    def make(cls, limit_bytes: int, root: Path = _ROOT, own: Path = _OWN) -> Self | None:
        """Create a group with a limit and no swap, beside or below this process's own.

        Also removes leftover groups of trials whose parent was killed.

        Args:
            limit_bytes: Limit on the memory of its processes together.
            root: Mount point of control groups.
            own: File that lists the groups of this process.

        Returns:
            The group; None where the kernel or the user's permissions do not allow one.
        """
        tree = memory_tree(root, own)
        for place in _places(tree):
            _clear_away(place)
            group = cls(place / f"rightbatch-{os.getpid()}-{next(_NUMBERS)}", tree.names)
            if group._limit(limit_bytes):
                return group
        return None

    def kills(self) -> int:
        """How many of its processes the kernel killed at the limit."""
        return fields(self.path / self.names.kills).get("oom_kill", 0)

    def remove(self) -> None:
        """Remove the group; its processes must be gone."""
        with suppress(OSError):
            self.path.rmdir()

    def _limit(self, limit_bytes: int) -> bool:
        """Create the group; False, with nothing left behind, where that is not allowed."""
        try:
            self.path.mkdir()
            (self.path / self.names.limit).write_text(str(limit_bytes))
        except OSError:
            self.remove()
            return False
        swap = 0 if self.names is _VERSION_2 else limit_bytes  # version 1: memory and swap together
        with suppress(OSError):  # a kernel without swap accounting
            (self.path / self.names.swap_limit).write_text(str(swap))
        return True


def enter(path: str, own: Path = _OWN) -> bool:
    """Move this process into a group; False where that is not allowed or there is no group.

    Args:
        path: Its directory.
        own: File that lists the groups of this process.
    """
    group = Path(path)
    try:
        (group / "cgroup.procs").write_text("0")
        return any(line.endswith(f"/{group.name}") for line in own.read_text().splitlines())
    except OSError:
        return False


def _upwards(base: Path, mine: str) -> tuple[Path, ...]:
    """A group and its ancestors, as far as they are visible from here."""
    here = base if ".." in Path(mine).parts else base / mine
    above = [here, *here.parents][: len(here.parts) - len(base.parts) + 1]
    return tuple(
        place for place in above if place.is_dir() and not TRIAL_CGROUP.fullmatch(place.name)
    )


def _number(path: Path) -> int | None:
    """The number in a file; None where it holds none."""
    with suppress(ValueError):
        return int(text_of(path))
    return None


def _places(tree: Tree) -> tuple[Path, ...]:
    """Directories in which groups with a memory limit can be created, the nearest first.

    A version 2 group that holds processes cannot delegate memory to its children (kernel
    documentation, cgroup-v2, "No Internal Process Constraint"), so its parent is tried too, unless
    our own group has a limit, which a trial beside it would escape.
    """
    own, above = tree.places[:1], tree.places[1:2]
    if tree.names is not _VERSION_2:
        return own
    escaped = any(_number(place / tree.names.limit) is not None for place in own)
    near = own if escaped else own + above
    return tuple(
        place for place in near if "memory" in text_of(place / "cgroup.subtree_control").split()
    )


def _clear_away(place: Path) -> None:
    """Remove groups whose parent process is gone."""
    for old in place.glob("rightbatch-*"):
        name = TRIAL_CGROUP.fullmatch(old.name)
        if name and not psutil.pid_exists(int(name["parent"])):
            with suppress(OSError):  # one in use stays
                old.rmdir()
