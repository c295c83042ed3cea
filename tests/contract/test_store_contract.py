"""What `rightbatch.store.Store` promises, in SQLite and in PostgreSQL."""

import math
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

from rightbatch.errors import StoreError, StoreLocked, StoreTooNew, StudyNotFound
from rightbatch.records import (
    Goal,
    Hardware,
    OptimizerFacts,
    Outcome,
    Settings,
    Status,
    Study,
    TrainingPoint,
    TrainingProbe,
    TrainingResult,
    Trial,
    WorkloadFacts,
    WorkloadReference,
)
from rightbatch.store import open_store
from rightbatch.store.schema import metadata
from rightbatch.store.sqlite import on_network_disk


def make_study(name="", title="digits", pickled=None):
    workload = WorkloadReference("workload", module="zoo", pickled=pickled, title=title)
    return Study(name, workload, Settings(seed=7), created=1.7e9, rightbatch_version="0.1.0")


def make_trial(number, metric=0.5):
    probe = TrainingProbe("sgd", 32, 32, 0.1, number, 100, 10.0, seconds_limit=20.0, reason="first")
    point = TrainingPoint(step=10, examples=320, seconds=0.1 + 0.2, metric=metric, loss=math.inf)
    result = TrainingResult((point,), 0.3, 0.1)
    return Trial(
        number, probe, Outcome(Status.OK), result, started=1.7e9 + number, wall_seconds=0.7
    )


FACTS = WorkloadFacts(
    "digits",
    "torch",
    1400,
    397,
    32,
    (OptimizerFacts("sgd", "linear", 0.1),),
    Goal("a", "max", 0.9),
    9,
)
HARDWARE = Hardware("cpu", "a processor", 2, 1, 2**33, 2**32, "Linux", (("torch", "2.13"),))


def empty(url):
    engine = create_engine(url)
    with engine.begin() as connection:
        metadata.drop_all(connection)
    engine.dispose()


@pytest.fixture(params=["path", "url", "postgresql"])
def where(request, tmp_path):
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql_url")
        empty(url)
        yield url
        empty(url)
        return
    path = tmp_path / "studies.db"
    yield str(path) if request.param == "path" else f"sqlite+pysqlite:///{path}"


@pytest.fixture
def store(where):
    with open_store(where) as store:
        yield store


def child(code, *arguments):
    """A real Python process that runs `code`."""
    return subprocess.Popen(
        [sys.executable, "-c", CHILD + code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])},
    )


CHILD = """
import sys
from rightbatch.errors import *
from rightbatch.store import open_store
from test_store_contract import make_study, make_trial
"""


def test_a_study_comes_back_as_it_was_stored(where):
    with open_store(where) as store:
        stored = store.create_study(make_study())
        assert stored == replace(make_study(), name="digits-1")
    with open_store(where) as store:
        assert store.study("digits-1") == stored
        assert store.trials("digits-1") == ()


def test_a_new_store_has_no_studies(store):
    assert store.studies() == ()


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("digits", "digits-1"),
        ("train.py:workload", "train.py-workload-1"),
        ("../../etc/passwd", "etc-passwd-1"),
        ("Größe!", "Groe-1"),
        ("数字", "study-1"),
        ("x" * 500, "x" * 60 + "-1"),
    ],
)
def test_a_name_is_safe_as_a_file_name(store, title, name):
    assert store.create_study(make_study(title=title)).name == name


def test_names_are_unique_and_numbered_on(store):
    made = [store.create_study(make_study()).name for _ in range(3)]
    assert made == ["digits-1", "digits-2", "digits-3"]
    assert store.create_study(make_study("mine")).name == "mine"
    assert store.create_study(make_study("mine")).name == "mine-1"
    assert store.create_study(make_study("digits-2")).name == "digits-4"
    assert [study.name for study in store.studies()] == [*made, "mine", "mine-1", "digits-4"]


def test_a_pickled_factory_is_never_at_rest(where, store, tmp_path):
    stored = store.create_study(make_study(pickled=b"SECRET-PICKLE"))
    assert stored.workload.pickled is None
    store.update_study(replace(stored, workload=make_study(pickled=b"SECRET-PICKLE").workload))
    assert store.study(stored.name).workload.pickled is None
    assert all(b"SECRET" not in file.read_bytes() for file in tmp_path.iterdir())


def test_facts_hardware_and_finished_are_updated(store):
    study = store.create_study(make_study())
    changed = replace(study, facts=FACTS, finished=True)
    store.update_study(changed)
    assert store.study(study.name) == changed


def test_trials_come_back_in_order_and_unchanged(store):
    name = store.create_study(make_study()).name
    other = store.create_study(make_study()).name
    for number in (2, 1, 10, 3):
        store.add_trial(name, make_trial(number))
    store.add_trial(other, make_trial(1, metric=0.1))
    assert store.trials(name) == tuple(make_trial(number) for number in (1, 2, 3, 10))
    recording = store.recording(name)
    assert recording.study == store.study(name)
    assert recording.trials == store.trials(name)


def test_a_trial_without_a_result_is_kept(store):
    name = store.create_study(make_study()).name
    trial = replace(make_trial(1), result=None, outcome=Outcome(Status.HUNG, advice="Kill it."))
    store.add_trial(name, trial)
    assert store.trials(name) == (trial,)


def test_a_stored_trial_is_never_overwritten(store):
    name = store.create_study(make_study()).name
    store.add_trial(name, make_trial(1))
    with pytest.raises(StoreError, match="Trial 1 of digits-1"):
        store.add_trial(name, make_trial(1, metric=0.9))
    with pytest.raises(StoreError, match="must be at least 1"):
        store.add_trial(name, make_trial(0))
    assert store.trials(name) == (make_trial(1),)


def test_a_study_is_resumed_at_the_next_number(where):
    with open_store(where) as store:
        name = store.create_study(make_study()).name
        store.add_trial(name, make_trial(1))
    with open_store(where) as store:
        number = len(store.trials(name)) + 1
        store.add_trial(name, make_trial(number))
        assert [trial.number for trial in store.trials(name)] == [1, 2]


def test_an_unknown_name_is_met_with_close_ones(store):
    with pytest.raises(StudyNotFound, match="the store is empty"):
        store.study("digits-1")
    store.create_study(make_study())
    for ask in (
        store.study,
        store.trials,
        store.recording,
        lambda name: store.add_trial(name, make_trial(1)),
        lambda name: store.update_study(make_study(name)),
        lambda name: store.writing(name).__enter__(),
    ):
        with pytest.raises(StudyNotFound, match="did you mean digits-1"):
            ask("digit-1")
    with pytest.raises(StudyNotFound, match="the newest is digits-1"):
        store.study("zebra")


def test_another_process_reads_while_this_one_writes(where, store):
    name = store.create_study(make_study()).name
    reader = child(
        "store = open_store(sys.argv[1])\n"
        "for line in sys.stdin:\n"
        "    trials = store.recording(sys.argv[2]).trials\n"
        "    assert trials == tuple(make_trial(n + 1) for n in range(len(trials)))\n"
        "    print(len(trials), flush=True)\n",
        where,
        name,
    )
    seen = []
    with reader, store.writing(name):
        for number in range(1, 6):
            store.add_trial(name, make_trial(number))
            reader.stdin.write("read\n")
            reader.stdin.flush()
            seen.append(reader.stdout.readline().strip())
        reader.stdin.close()
    assert seen == ["1", "2", "3", "4", "5"]
    assert reader.returncode == 0


def test_kill_9_of_the_writer_loses_no_stored_trial_and_frees_the_lock(where, store):
    name = store.create_study(make_study()).name
    writer = child(
        "store = open_store(sys.argv[1])\n"
        "with store.writing(sys.argv[2]):\n"
        "    for number in range(1, 100000):\n"
        "        store.add_trial(sys.argv[2], make_trial(number))\n"
        "        print(number, flush=True)\n",
        where,
        name,
    )
    with writer:
        while writer.stdout.readline().strip() != "20":
            pass
        writer.send_signal(signal.SIGKILL)
        told = [20, *(int(line) for line in writer.stdout if line.endswith("\n"))]
    store.close()
    with open_store(where) as survivor:
        trials = survivor.trials(name)
        assert len(trials) in (told[-1], told[-1] + 1)
        assert trials == tuple(make_trial(number + 1) for number in range(len(trials)))
        with survivor.writing(name):
            survivor.add_trial(name, make_trial(len(trials) + 1))


def test_one_study_has_one_writer(where, store):
    name = store.create_study(make_study()).name
    other = store.create_study(make_study()).name
    ask = (
        "store = open_store(sys.argv[1])\n"
        "try:\n"
        "    with store.writing(sys.argv[2]): print('mine')\n"
        "except StoreLocked as error: print(error)\n"
    )

    def asked(study):
        return child(ask, where, study).communicate(timeout=60)[0].strip()

    with store.writing(name):
        assert "Another rightbatch is working on the study digits-1" in asked(name)
        assert asked(other) == "mine"
        with open_store(where) as second, pytest.raises(StoreLocked), second.writing(name):
            pass
    assert asked(name) == "mine"


def test_a_lock_ends_with_its_block_even_after_an_error(store):
    name = store.create_study(make_study()).name
    with pytest.raises(ZeroDivisionError), store.writing(name):
        raise ZeroDivisionError
    with store.writing(name):
        pass


def test_two_processes_make_studies_of_different_names(where, store):
    code = (
        "store = open_store(sys.argv[1]); sys.stdin.readline()\n"
        "for _ in range(10): print(store.create_study(make_study()).name)\n"
    )
    makers = [child(code, where) for _ in range(2)]
    for maker in makers:
        maker.stdin.write("go\n")
        maker.stdin.flush()
    names = [name for maker in makers for name in maker.communicate(timeout=60)[0].split()]
    assert sorted(names) == sorted(f"digits-{number}" for number in range(1, 21))


def test_the_tables_are_those_the_queries_expect(store):
    found = inspect(store._engine)
    for table in metadata.sorted_tables:
        columns = {column["name"]: column for column in found.get_columns(table.name)}
        assert columns.keys() == set(table.columns.keys())
        assert all(columns[c.name]["nullable"] == c.nullable for c in table.columns)


def test_a_store_in_memory_works_without_a_file():
    with open_store("sqlite://") as store:
        name = store.create_study(make_study()).name
        with store.writing(name):
            store.add_trial(name, make_trial(1))
        assert store.trials(name) == (make_trial(1),)


def test_a_newer_store_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "studies.db"
    with open_store(path) as store:
        store.create_study(make_study())
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO rightbatch_migrations VALUES (999, 'from the future')")
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = path.read_bytes()
    with pytest.raises(StoreTooNew, match="newer rightbatch"):
        open_store(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["studies.db"]


def test_an_empty_file_is_an_empty_store(tmp_path):
    path = tmp_path / "studies.db"
    path.touch()
    with open_store(path) as store:
        assert store.studies() == ()


def test_what_is_no_store_is_refused_and_left_as_it_is(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("These are notes, and no database at all.")
    foreign = tmp_path / "foreign.db"
    with closing(sqlite3.connect(foreign)) as connection:
        connection.execute("CREATE TABLE studies (id INTEGER)")
        connection.commit()
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(foreign.read_bytes()[:16] + b"\xff" * 8000)
    for path, message in [
        (text, "is not a rightbatch store"),
        (foreign, "another program"),
        (damaged, "cannot be used"),
    ]:
        before = path.read_bytes()
        with pytest.raises(StoreError, match=message):
            open_store(path)
        assert path.read_bytes() == before


def test_a_place_that_cannot_be_a_store_is_refused(tmp_path):
    (tmp_path / "file").touch()
    for place, message in [
        (tmp_path, "is a directory"),
        (tmp_path / "file" / "studies.db", "cannot be created"),
        ("/proc/studies.db", "is not writable|cannot be used"),
        ("mysql://localhost/x", "mysql is not supported as a store"),
        ("sqlite+nonsense:///x.db", "no database driver"),
        ("://", "not a database URL"),
    ]:
        with pytest.raises(StoreError, match=message) as caught:
            open_store(place)
        assert "\n" not in str(caught.value)


def test_a_directory_that_is_missing_is_made(tmp_path):
    with open_store(tmp_path / "a" / "b" / "studies.db") as store:
        store.create_study(make_study())
    assert (tmp_path / "a" / "b" / "studies.db").exists()


def test_a_damaged_trial_is_named(tmp_path):
    path = tmp_path / "studies.db"
    with open_store(path) as store:
        name = store.create_study(make_study()).name
        store.add_trial(name, make_trial(1))
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("""UPDATE rightbatch_trials SET probe = '{"kind": "trai'""")
            connection.commit()
        with pytest.raises(StoreError, match="Trial 1 of digits-1 is damaged"):
            store.trials(name)


@pytest.mark.parametrize(
    "harm", ["workload = '{\"factory\": '", "created = 1e300", "settings = '[]'", "facts = '7'"]
)
def test_a_damaged_study_is_left_out_and_named_and_the_others_are_read(store, where, harm):
    for _ in range(3):
        store.create_study(make_study())
    store.add_trial("digits-2", make_trial(1))
    engine = create_engine(where if "://" in where else f"sqlite:///{where}")
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE rightbatch_studies SET {harm} WHERE name = 'digits-2'"))
    engine.dispose()
    assert [study.name for study in store.studies()] == ["digits-1", "digits-3"]
    ((name, why),) = store.damaged().items()
    assert name == "digits-2"
    assert "The study digits-2 is damaged" in why
    assert store.delete_study("digits-2") == 1
    assert store.damaged() == {}
    assert len(store.studies()) == 2


def test_a_deleted_study_is_gone_with_its_trials_and_the_others_stay(store):
    for _ in range(2):
        name = store.create_study(make_study()).name
        store.add_trial(name, make_trial(1))
    assert store.delete_study("digits-1") == 1
    assert [study.name for study in store.studies()] == ["digits-2"]
    assert store.trial_count("digits-2") == 1
    with pytest.raises(StudyNotFound):
        store.delete_study("digits-1")


def test_a_study_that_is_being_written_is_not_deleted(store, where):
    name = store.create_study(make_study()).name
    with store.writing(name), open_store(where) as other, pytest.raises(StoreLocked):
        other.delete_study(name)
    assert store.study(name).name == name


def test_a_local_file_has_a_write_ahead_log_and_reaches_the_disk(tmp_path):
    path = tmp_path / "studies.db"
    with open_store(path) as store:
        store.create_study(make_study())
        assert (tmp_path / "studies.db-wal").exists()
        with store._engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_network_disks_are_told_from_local_ones():
    mounts = [
        ("/", "ext4"),
        ("/home", "nfs4"),
        ("/home/me/scratch", "xfs"),
        ("/remote", "fuse.sshfs"),
    ]
    assert not on_network_disk(Path("/var/studies.db"), mounts)
    assert on_network_disk(Path("/home/you/studies.db"), mounts)
    assert not on_network_disk(Path("/home/me/scratch/studies.db"), mounts)
    assert on_network_disk(Path("/remote/studies.db"), mounts)
    assert not on_network_disk(Path("/homeless/studies.db"), mounts)


def test_a_study_is_stored_with_all_of_the_trials_it_brings_along_or_not_at_all(store):
    study = store.create_study(make_study(), [make_trial(1), make_trial(2)])
    assert [trial.number for trial in store.trials(study.name)] == [1, 2]
    assert store.trial_count(study.name) == 2
    with pytest.raises(StoreError, match="Trial 1 of digits-2 cannot be stored"):
        store.create_study(make_study(), [make_trial(1), make_trial(1)])
    assert [study.name for study in store.studies()] == ["digits-1"]
