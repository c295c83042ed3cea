"""The store in an SQL database: SQLite, or PostgreSQL for a team."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout
from sqlalchemy import (
    Connection,
    Engine,
    Row,
    create_engine,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    SQLAlchemyError,
)

from rightbatch.errors import MissingDependency, StoreError, StoreLocked
from rightbatch.records import Recording, Study, Trial
from rightbatch.store import migrations, schema, sqlite
from rightbatch.store.base import Store
from rightbatch.store.codec import dump, load
from rightbatch.store.naming import study_not_found, unique_name

_Record = TypeVar("_Record")
_STUDY_BODIES = ("workload", "settings", "facts")
_TRIAL_BODIES = ("probe", "outcome", "result", "hardware")
"""Columns whose text is JSON."""
_LOCK_SPACE = 0x72_62  # sets our advisory locks apart from other programs' in the same database


def open_store(url_or_path: str | Path, *, create: bool = True) -> Store:
    """Open a store; create it if it does not exist.

    Args:
        url_or_path: Path of an SQLite file, or an SQLAlchemy URL (sqlite or postgresql).
        create: Whether to create a missing SQLite file, or to refuse it.

    Raises:
        StoreError: It cannot be used as a store; the message says why.
        StoreTooNew: A newer version of rightbatch wrote it.
        MissingDependency: The database's driver is not installed.
    """
    where = str(url_or_path)
    try:
        url = make_url(where) if "://" in where else URL.create("sqlite", database=where)
        dialect = url.get_backend_name()
    except ArgumentError:
        raise StoreError(f"{where} is not a database URL; write sqlite:///FILE.") from None
    if dialect == "sqlite":
        path = sqlite.file_of(url)
        if path is not None:
            if not create and not path.exists():
                raise StoreError(f"There is no store {path}; name an existing one with `store`.")
            sqlite.check_file(path)
            url = url.set(database=str(path))
        with _store_errors(url):
            return SqlStore(sqlite.engine_for(url), path)
    if dialect != "postgresql":
        raise StoreError(
            f"{dialect} is not supported as a store; name an SQLite file or a postgresql:// URL."
        )
    try:
        with _store_errors(url):
            return SqlStore(create_engine(url), None)
    except ModuleNotFoundError as error:
        raise MissingDependency(
            f"The database driver {error.name} is not installed: pip install {error.name}"
        ) from None


class SqlStore(Store):
    """A store in an SQL database, through SQLAlchemy Core."""

    def __init__(self, engine: Engine, path: Path | None) -> None:
        """Check the version of the tables, and migrate them.

        Args:
            engine: The database.
            path: Its file; None for a server or a database in memory.
        """
        self._path = path
        snapshot = {} if _is_sqlite(engine) else {"isolation_level": "REPEATABLE READ"}
        self._engine = engine
        self._readable = engine.execution_options(**snapshot)
        self._writable = engine.execution_options(**{sqlite.WRITE: True})
        try:
            self._prepare()
        except BaseException:
            engine.dispose()
            raise

    def create_study(self, study: Study, trials: Sequence[Trial] = ()) -> Study:
        """See `Store.create_study`."""
        try:
            with self._transaction(self._writable) as connection:
                names = connection.scalars(select(schema.studies.c.name)).all()
                name = unique_name(study.name, study.workload.title, names)
                row = _row(study, _STUDY_BODIES) | {"name": name}
                newest = connection.scalar(select(func.max(schema.studies.c.id))) or 0
                connection.execute(insert(schema.studies).values(id=newest + 1, **row))
                for trial in trials:
                    _insert_trial(connection, newest + 1, name, trial)
                return self._study(connection, name)
        except StoreError as error:
            if isinstance(error.__cause__, IntegrityError):  # another process took the name
                return self.create_study(study, trials)
            raise

    def update_study(self, study: Study) -> None:
        """See `Store.update_study`."""
        row = _row(study, _STUDY_BODIES)
        changed = {name: row[name] for name in ("settings", "facts", "finished")}
        with self._transaction(self._writable) as connection:
            own = schema.studies.c.id == self._study_id(connection, study.name)
            connection.execute(update(schema.studies).where(own).values(**changed))

    def add_trial(self, study_name: str, trial: Trial) -> None:
        """See `Store.add_trial`."""
        with self._transaction(self._writable) as connection:
            _insert_trial(connection, self._study_id(connection, study_name), study_name, trial)

    def trials(self, study_name: str) -> tuple[Trial, ...]:
        """See `Store.trials`."""
        with self._transaction(self._readable) as connection:
            return self._trials(connection, study_name)

    def trial_count(self, study_name: str) -> int:
        """See `Store.trial_count`."""
        with self._transaction(self._readable) as connection:
            own = schema.trials.c.study_id == self._study_id(connection, study_name)
            return connection.scalar(select(func.count()).where(own)) or 0

    def study(self, name: str) -> Study:
        """See `Store.study`."""
        with self._transaction(self._readable) as connection:
            return self._study(connection, name)

    def studies(self) -> tuple[Study, ...]:
        """See `Store.studies`."""
        found = (_study_or_damage(row) for row in self._study_rows())
        return tuple(study for study in found if isinstance(study, Study))

    def damaged(self) -> dict[str, str]:
        """See `Store.damaged`."""
        found = ((str(row.name), _study_or_damage(row)) for row in self._study_rows())
        return {name: str(damage) for name, damage in found if isinstance(damage, StoreError)}

    def delete_study(self, name: str) -> int:
        """See `Store.delete_study`."""
        with self.writing(name), self._transaction(self._writable) as connection:
            number = self._study_id(connection, name)
            trials = connection.execute(
                delete(schema.trials).where(schema.trials.c.study_id == number)
            )
            connection.execute(delete(schema.studies).where(schema.studies.c.id == number))
            return trials.rowcount

    def recording(self, name: str) -> Recording:
        """See `Store.recording`."""
        with self._transaction(self._readable) as connection:
            return Recording(self._study(connection, name), self._trials(connection, name))

    @contextmanager
    def writing(self, name: str) -> Iterator[None]:
        """See `Store.writing`.

        SQLite uses a lock file beside the database file, PostgreSQL an advisory lock; the operating
        system and the server release them when the process dies. A database in memory belongs to
        one process and needs no lock.
        """
        with self._transaction(self._readable) as connection:
            study_id = self._study_id(connection, name)
        if self._path is not None:
            with _file_lock(self._path, name):
                yield
        elif _is_sqlite(self._engine):
            yield
        else:
            with _advisory_lock(self._engine, study_id, name):
                yield

    def close(self) -> None:
        """See `Store.close`."""
        self._engine.dispose()

    def _prepare(self) -> None:
        with self._readable.begin() as connection:
            version = migrations.version_of(connection)
            if version == 0 and _is_sqlite(self._engine):
                sqlite.check_empty(connection)
        if self._path is not None:
            sqlite.choose_journal(self._engine, self._path)
        if version < migrations.NEWEST:
            with self._writable.begin() as connection:
                migrations.migrate(connection)

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Connection]:
        with _store_errors(engine.url), engine.begin() as connection:
            yield connection

    def _study_rows(self) -> Sequence[Row[Any]]:
        with self._transaction(self._readable) as connection:
            return connection.execute(select(schema.studies).order_by(schema.studies.c.id)).all()

    def _study_row_named(self, connection: Connection, name: str) -> Row[Any]:
        row = connection.execute(
            select(schema.studies).where(schema.studies.c.name == name)
        ).one_or_none()
        if row is None:
            names = select(schema.studies.c.name).order_by(schema.studies.c.id)
            raise study_not_found(name, connection.scalars(names).all())
        return row

    def _study_id(self, connection: Connection, name: str) -> int:
        return int(self._study_row_named(connection, name).id)

    def _study(self, connection: Connection, name: str) -> Study:
        return _study_of(self._study_row_named(connection, name))

    def _trials(self, connection: Connection, study_name: str) -> tuple[Trial, ...]:
        own = schema.trials.c.study_id == self._study_id(connection, study_name)
        rows = connection.execute(
            select(schema.trials).where(own).order_by(schema.trials.c.number)
        ).all()
        return tuple(
            _load(Trial, row, _TRIAL_BODIES, f"Trial {row.number} of {study_name}") for row in rows
        )


def _is_sqlite(engine: Engine) -> bool:
    return engine.dialect.name == "sqlite"


@contextmanager
def _store_errors(url: URL) -> Iterator[None]:
    try:
        yield
    except NoSuchModuleError:
        raise StoreError(
            f"There is no database driver {url.drivername}; write sqlite:///FILE."
        ) from None
    except SQLAlchemyError as error:
        where = url.database if url.get_backend_name() == "sqlite" else url.render_as_string()
        cause = str(error.orig if isinstance(error, DBAPIError) else error).partition("\n")[0]
        raise StoreError(
            f"The store {where} cannot be used ({cause}); try again or name another store."
        ) from error


@contextmanager
def _file_lock(path: Path, name: str) -> Iterator[None]:
    lock = FileLock(path.with_name(f".{path.name}.{name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise _locked(name) from None
    except OSError as error:
        raise StoreError(
            f"The lock file {lock.lock_file} cannot be created ({error.strerror}); name another "
            "store."
        ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _advisory_lock(engine: Engine, study_id: int, name: str) -> Iterator[None]:
    with (
        _store_errors(engine.url),
        engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection,
    ):
        key = {"space": _LOCK_SPACE, "study": study_id}
        if not connection.scalar(text("SELECT pg_try_advisory_lock(:space, :study)"), key):
            raise _locked(name)
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:space, :study)"), key)


def _locked(name: str) -> StoreLocked:
    return StoreLocked(
        f"Another rightbatch is working on the study {name}; wait until it has finished, or stop "
        "it."
    )


def _row(record: Study | Trial, bodies: tuple[str, ...]) -> dict[str, Any]:
    """The columns of a record, those of `bodies` as JSON text."""
    data = dump(record)
    filled = [name for name in bodies if data[name] is not None]
    return data | {name: json.dumps(data[name], allow_nan=False) for name in filled}


def _insert_trial(connection: Connection, study_id: int, study_name: str, trial: Trial) -> None:
    row = _row(trial, _TRIAL_BODIES) | {
        "study_id": study_id,
        "kind": trial.probe.kind,
        "status": trial.outcome.status.value,
    }
    try:
        connection.execute(insert(schema.trials).values(**row))
    except IntegrityError:
        raise StoreError(
            f"Trial {trial.number} of {study_name} cannot be stored: its number must be at least 1 "
            "and not be taken."
        ) from None


def _study_of(row: Row[Any]) -> Study:
    return _load(Study, row, _STUDY_BODIES, f"The study {row.name}")


def _study_or_damage(row: Row[Any]) -> Study | StoreError:
    try:
        return _study_of(row)
    except StoreError as error:
        return error


def _load(record_type: type[_Record], row: Row[Any], bodies: tuple[str, ...], what: str) -> _Record:
    data = dict(row._mapping)
    try:
        data |= {name: json.loads(data[name]) for name in bodies if data[name] is not None}
        return load(record_type, data)
    except (ValueError, StoreError) as error:
        raise StoreError(
            f"{what} is damaged in the store ({error}); restore it from a backup."
        ) from error
