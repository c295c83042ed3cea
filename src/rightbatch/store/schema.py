"""The tables as the newest migration leaves them.

Fields used in queries are plain columns; the bodies of records are JSON text (see `codec`).
"""

from sqlalchemy import (
    Boolean,
    Column,
    Double,
    ForeignKey,
    Integer,
    MetaData,
    Table,
    Text,
)

metadata = MetaData()

migrations = Table(
    "rightbatch_migrations",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
)

studies = Table(
    "rightbatch_studies",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False, unique=True),
    Column("created", Double, nullable=False),
    Column("rightbatch_version", Text, nullable=False),
    Column("finished", Boolean, nullable=False),
    Column("workload", Text, nullable=False),
    Column("settings", Text, nullable=False),
    Column("facts", Text),
    Column("hardware", Text),  # of version 1; later versions store it with each trial
)

trials = Table(
    "rightbatch_trials",
    metadata,
    Column("study_id", Integer, ForeignKey(studies.c.id), primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("started", Double, nullable=False),
    Column("wall_seconds", Double, nullable=False),
    Column("probe", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("result", Text),
    Column("hardware", Text),
)
