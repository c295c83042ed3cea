"""Specifics of SQLite: transactions, durability, files that are not a store."""

import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path

import psutil
from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.engine import URL

from rightbatch.errors import StoreError
from rightbatch.files import kind_of

WRITE = "rightbatch_write"
"""Execution option of a transaction that will write."""

_BUSY_SECONDS = 30.0
_NETWORK_DISKS = ("nfs", "cifs", "smb", "9p", "afs", "ceph", "lustre", "gpfs", "beegfs", "fuse.")


def file_of(url: URL) -> Path | None:
    """The file of a SQLite URL; None for a database in memory."""
    if url.database in {None, "", ":memory:"}:
        return None
    return Path(str(url.database)).expanduser().absolute()


def check_file(path: Path) -> None:
    """Check that a path can be a store without writing to it; create its directory.

    Raises:
        StoreError: It is no file, cannot be written, or holds something else.
    """
    try:
        kind = kind_of(path)
    except (OSError, ValueError) as error:
        cause = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise StoreError(f"{path} cannot be a store ({cause}); name another file.") from None
    if path.is_dir():
        raise StoreError(
            f"The store {path} is a directory; name a file in it, such as {path / 'studies.db'}."
        )
    if kind:
        raise StoreError(f"The store {path} is {kind}; name a file.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"The directory {path.parent} cannot be created ({error.strerror}); name another store."
        ) from None
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise StoreError(f"The directory {path.parent} is not writable; name another store.")
    if not path.exists():
        return
    if not os.access(path, os.R_OK | os.W_OK):
        raise StoreError(f"The file {path} is not writable; name another store.")
    with path.open("rb") as file:
        if file.read(16) not in {b"", b"SQLite format 3\0"}:
            raise StoreError(f"{path} is not a rightbatch store; name another file.")


def check_empty(connection: Connection) -> None:
    """Check that a database without a store's tables has no other tables.

    Raises:
        StoreError: It belongs to another program.
    """
    if inspect(connection).get_table_names():
        raise StoreError(
            f"{connection.engine.url.database} is a database of another program; name another "
            "store."
        )


def engine_for(url: URL) -> Engine:
    """An engine with full transactions whose commits reach the disk.

    Follows SQLAlchemy's recipe for SQLite transactions: the driver starts none, we emit BEGIN. A
    transaction that will write takes the write lock at its start (BEGIN IMMEDIATE), so it cannot
    fail half-way because of another writer. `synchronous = FULL` costs milliseconds per trial,
    which takes seconds to minutes, and lets a stored trial survive a power failure.
    """
    engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def on_connect(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        write = connection.get_execution_options().get(WRITE, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def choose_journal(engine: Engine, path: Path) -> None:
    """Use a write-ahead log, so that readers and the writer never block each other.

    The log needs memory shared between processes, which network disks do not support: on those,
    and where the file system refuses it, SQLite keeps its rollback journal.
    """
    mounts = ((part.mountpoint, part.fstype) for part in psutil.disk_partitions(all=True))
    mode = "DELETE" if on_network_disk(path, mounts) else "WAL"
    with closing(engine.raw_connection()) as connection, suppress(sqlite3.OperationalError):
        connection.cursor().execute(f"PRAGMA journal_mode = {mode}")


def on_network_disk(path: Path, mounts: Iterable[tuple[str, str]]) -> bool:
    """Whether a path lies on a network disk, or on a FUSE file system, which may be one.

    Args:
        path: Absolute path.
        mounts: (mount point, file system type) of all mounts, in order of mounting.
    """
    longest, kind = 0, ""
    for where, mounted in mounts:
        depth = len(Path(where).parts)
        if path.resolve().is_relative_to(where) and depth >= longest:
            longest, kind = depth, mounted
    return kind.lower().startswith(_NETWORK_DISKS)
