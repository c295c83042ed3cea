"""A PostgreSQL server for the contract of the stores."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

import needs


@pytest.fixture(scope="session")
def postgresql_url():
    """An empty database: the one that RIGHTBATCH_TEST_STORE_URL names, else one of our own."""
    named = os.environ.get("RIGHTBATCH_TEST_STORE_URL")
    if named:
        yield named
        return
    programs = needs.postgresql()
    folder = Path(tempfile.mkdtemp(prefix="rightbatch-postgresql-"))  # a socket's path is short
    try:
        yield from _server(programs, folder)
    finally:
        shutil.rmtree(folder)


def _server(programs, folder):
    """Serves on a socket in the folder; as postgres where we are root, which it refuses to be."""
    user = {}
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
        user = {"user": "postgres", "group": "postgres", "extra_groups": []}

    def run(program, *arguments):
        with (folder.parent / f"{folder.name}.log").open("w+") as log:  # the server keeps it open
            Path(log.name).unlink()
            done = subprocess.run(
                [programs / program, "--pgdata", folder / "data", *arguments],
                cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False, **user,
            )  # fmt: skip
            log.seek(0)
            assert done.returncode == 0, log.read()

    run("initdb", "--username=postgres", "--auth=trust", "--no-sync", "--encoding=UTF8")
    options = f"-k {folder} -c listen_addresses='' -c fsync=off"
    run("pg_ctl", "--wait", "--options", options, "start")
    try:
        yield f"postgresql+psycopg://postgres@/postgres?host={folder}"
    finally:
        run("pg_ctl", "--wait", "--mode=immediate", "stop")
