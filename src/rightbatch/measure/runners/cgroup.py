"""A control group for one trial, where this process may create one."""

import itertools
import os
from contextlib import suppress
from pathlib import Path
from typing import Self

import psutil

from rightbatch.measure.control_groups import (
    OWN,
    ROOT,
    TRIAL_CGROUP,
    VERSION_2,
    Names,
    Tree,
    fields,
    memory_tree,
    number_in,
    text_of,
)

_NUMBERS = itertools.count(1)


class Cgroup:
    """A control group that limits the memory of its processes together.

    Attributes:
        path: Its directory.
    """

    def __init__(self, path: Path, names: Names) -> None:
        self.path = path
        self._names = names

    @classmethod
    def make(cls, limit_bytes: int, root: Path = ROOT, own: Path = OWN) -> Self | None:
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
        return fields(self.path / self._names.kills).get("oom_kill", 0)

    def remove(self) -> None:
        """Remove the group; its processes must be gone."""
        with suppress(OSError):
            self.path.rmdir()

    def _limit(self, limit_bytes: int) -> bool:
        """Create the group; False, with nothing left behind, where that is not allowed."""
        try:
            self.path.mkdir()
            (self.path / self._names.limit).write_text(str(limit_bytes))
        except OSError:
            self.remove()
            return False
        swap = 0 if self._names is VERSION_2 else limit_bytes  # version 1: memory and swap together
        with suppress(OSError):  # a kernel without swap accounting
            (self.path / self._names.swap_limit).write_text(str(swap))
        return True


def enter(path: str, own: Path = OWN) -> bool:
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


def _places(tree: Tree) -> tuple[Path, ...]:
    """Directories in which groups with a memory limit can be created, the nearest first.

    A version 2 group that holds processes cannot delegate memory to its children (kernel
    documentation, cgroup-v2, "No Internal Process Constraint"), so its parent is tried too, unless
    our own group has a limit, which a trial beside it would escape.
    """
    own, above = tree.places[:1], tree.places[1:2]
    if tree.names is not VERSION_2:
        return own
    escaped = any(number_in(place / tree.names.limit) is not None for place in own)
    delegated = "cgroup.subtree_control"
    return tuple(
        place
        for place in (own if escaped else own + above)
        if "memory" in text_of(place / delegated).split()
    )


def _clear_away(place: Path) -> None:
    """Remove groups whose parent process is gone."""
    for old in place.glob("rightbatch-*"):
        name = TRIAL_CGROUP.fullmatch(old.name)
        if name and not psutil.pid_exists(int(name["parent"])):
            with suppress(OSError):  # one in use stays
                old.rmdir()
