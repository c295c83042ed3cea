"""A control group (cgroup v2) around one trial, where this process may make one."""

from contextlib import suppress
from pathlib import Path
from typing import Self

from rightbatch.measure.ports import TRIAL_CGROUP

_ROOT = Path("/sys/fs/cgroup")
_SELF = Path("/proc/self/cgroup")


class Cgroup:
    """A control group whose processes may use a limited amount of memory together.

    Attributes:
        path: Its directory.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def make(
        cls, limit_bytes: int, name: str, root: Path = _ROOT, own: Path = _SELF
    ) -> Self | None:
        """A new group with a limit and no swap, beside or below this process's own.

        Groups of trials whose parent was killed are cleared away on the occasion.

        Args:
            limit_bytes: Memory that its processes may use together.
            name: What to call it, after the common beginning.
            root: Where control groups are mounted.
            own: Where the kernel tells which group this process is in.

        Returns:
            The group; None where the kernel or this user's rights do not allow one.
        """
        for place in _places(root, own):
            for old in place.glob(f"{TRIAL_CGROUP}*"):
                with suppress(OSError):  # one in use stays
                    old.rmdir()
            group = cls(place / f"{TRIAL_CGROUP}{name}")
            try:
                group.path.mkdir()
                (group.path / "memory.max").write_text(str(limit_bytes))
            except OSError:
                group.remove()
                continue
            with suppress(OSError):  # a kernel without swap accounting
                (group.path / "memory.swap.max").write_text("0")
            return group
        return None

    def kills(self) -> int:
        """How many of its processes the kernel ended because the limit was reached."""
        with suppress(OSError):
            for line in (self.path / "memory.events").read_text().splitlines():
                if line.startswith("oom_kill "):
                    return int(line.split()[1])
        return 0

    def remove(self) -> None:
        """Take the group away; its processes must be gone."""
        with suppress(OSError):
            self.path.rmdir()


def enter(path: str) -> bool:
    """Move this process into a group; False where that is not allowed."""
    try:
        (Path(path) / "cgroup.procs").write_text("0")
    except OSError:
        return False
    return True


def _places(root: Path, own: Path) -> list[Path]:
    """Directories below which groups with a memory limit can be made, the nearest first.

    A group that holds processes cannot hand memory on to groups below it (kernel documentation,
    cgroup-v2, "No Internal Process Constraint"), so the group above is tried too.
    """
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return []
    mine = next((line[3:].strip("/") for line in lines if line.startswith("0::/")), None)
    if mine is None:
        return []
    here = root / mine
    places = [here, here.parent] if mine else [here]
    return [place for place in places if "memory" in _handed_on(place)]


def _handed_on(place: Path) -> list[str]:
    """Controllers that a group hands on to those below it."""
    try:
        return (place / "cgroup.subtree_control").read_text().split()
    except OSError:
        return []
