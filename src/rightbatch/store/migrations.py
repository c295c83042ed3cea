"""Every change of the tables, in order. A released migration is never edited."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, inspect, select, text

from rightbatch.errors import StoreTooNew
from rightbatch.store import schema


@dataclass(frozen=True, slots=True)
class Migration:
    """One change of the tables: its name and its statements, in SQL common to all databases."""

    name: str
    statements: tuple[str, ...]


MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        "studies and trials",
        (
            """CREATE TABLE rightbatch_migrations (
                version INTEGER NOT NULL PRIMARY KEY,
                name TEXT NOT NULL
            )""",
            """CREATE TABLE rightbatch_studies (
                id INTEGER NOT NULL PRIMARY KEY,
                name TEXT NOT NULL UNIQUE,
                created DOUBLE PRECISION NOT NULL,
                rightbatch_version TEXT NOT NULL,
                finished BOOLEAN NOT NULL,
                workload TEXT NOT NULL,
                settings TEXT NOT NULL,
                facts TEXT,
                hardware TEXT
            )""",
            """CREATE TABLE rightbatch_trials (
                study_id INTEGER NOT NULL REFERENCES rightbatch_studies (id),
                number INTEGER NOT NULL CHECK (number >= 1),
                kind TEXT NOT NULL,
                status TEXT NOT NULL,
                started DOUBLE PRECISION NOT NULL,
                wall_seconds DOUBLE PRECISION NOT NULL,
                probe TEXT NOT NULL,
                outcome TEXT NOT NULL,
                result TEXT,
                PRIMARY KEY (study_id, number)
            )""",
        ),
    ),
    Migration(
        "hardware of trials",
        (
            "ALTER TABLE rightbatch_trials ADD COLUMN hardware TEXT",
            """UPDATE rightbatch_trials SET hardware = (
                SELECT hardware FROM rightbatch_studies
                WHERE rightbatch_studies.id = rightbatch_trials.study_id
            )""",
        ),
    ),
)
NEWEST = len(MIGRATIONS)


def version_of(connection: Connection) -> int:
    """Version of the tables: the number of migrations applied, 0 without tables.

    Raises:
        StoreTooNew: A newer version of rightbatch made them.
    """
    if not inspect(connection).has_table(schema.migrations.name):
        return 0
    version = connection.scalar(select(func.max(schema.migrations.c.version))) or 0
    if version > NEWEST:
        raise StoreTooNew(
            f"The store was written by a newer rightbatch (store version {version}, newest known "
            f"here {NEWEST}); update rightbatch or name another store."
        )
    return version


def migrate(connection: Connection) -> None:
    """Apply missing migrations, within the connection's transaction.

    Raises:
        StoreTooNew: A newer version of rightbatch made the tables.
    """
    version = version_of(connection)
    for number, migration in enumerate(MIGRATIONS[version:], start=version + 1):
        for statement in migration.statements:
            connection.execute(text(statement))
        connection.execute(insert(schema.migrations).values(version=number, name=migration.name))
