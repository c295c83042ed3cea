"""Writing files: whole or not at all, and never over anything but a file."""

import os
import secrets
import stat
from pathlib import Path

from rightbatch.errors import UsageError

_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFSOCK: "a socket",
    stat.S_IFBLK: "a block device",
    stat.S_IFCHR: "a character device",
    stat.S_IFIFO: "a pipe",
}
_STREAMS = (stat.S_IFCHR, stat.S_IFIFO)
"""What can be written into, and must never be replaced."""


def kind_of(path: Path) -> str:
    """What a path, or the end of a link, is if not a file, in words; empty for a file or nothing.

    Raises:
        OSError: It cannot be looked at: a loop of links, a name that is too long.
        ValueError: No file has such a name.
    """
    return _KINDS.get(_format_of(path), "")


def _format_of(path: Path) -> int:
    """The format of the file, as in `stat`; 0 where there is none."""
    try:
        return stat.S_IFMT(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return 0


def check_writable(path: Path, what: str) -> None:
    """Refuse a path that cannot be written to, without writing.

    Args:
        path: Where to write. Links are followed.
        what: What is to be written, such as "the report".

    Raises:
        UsageError: It is a folder, a socket or a block device, has a name that no file can have, or
            may not be written.
    """
    try:
        there = _format_of(path)
        target = path.resolve()
    except (OSError, ValueError, RuntimeError) as error:
        cause = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise UsageError(f"{path} cannot hold {what} ({cause}); name another file.") from None
    if there in _KINDS and there not in _STREAMS:
        raise UsageError(f"{path} is {_KINDS[there]}; name a file for {what}.")
    if there in _STREAMS:
        allowed = os.access(path, os.W_OK)
    else:
        above = next(folder for folder in target.parents if folder.exists())
        allowed = above.is_dir() and os.access(above, os.W_OK | os.X_OK)
    if not allowed:
        raise UsageError(f"{path} cannot be written to; name another file for {what}.")


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all.

    The text is written to a new file of an unguessable name beside it, which then takes its place
    with the permissions of the one that it replaces, or else with those that the umask leaves.
    Where the path is a link, its target is replaced. A character device or a pipe is written into.

    Args:
        path: Where to write; missing folders are created.
        text: What to write, as UTF-8.

    Raises:
        OSError: It cannot be written there, or there is a folder, a socket or a block device.
    """
    there = _format_of(path)
    if there in _STREAMS:
        with path.open("w", encoding="utf-8", newline="") as stream:
            stream.write(text)
        return
    if there in _KINDS:
        raise OSError(None, f"it is {_KINDS[there]}", str(path))
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{secrets.token_hex(16)}.part")
    try:
        with part.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
        if there:
            part.chmod(stat.S_IMODE(target.stat().st_mode))
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
