"""Which study `--resume` goes on with."""

import pytest
from report_fixture import digits

from rightbatch.api.settings import make_settings
from rightbatch.api.verbs import newest_study, tune
from rightbatch.cli.stored import import_files
from rightbatch.errors import UsageError
from rightbatch.records import Study, WorkloadReference
from rightbatch.store import export_study, open_store

DIGITS = WorkloadReference("workload", module="rightbatch.zoo.digits", title="digits")
MINE = WorkloadReference("workload", file="/somewhere/train.py", title="train.py:workload")


def test_the_newest_of_the_same_workload_and_settings(tmp_path):
    short, long = make_settings(budget="1m"), make_settings(budget="2m")
    with open_store(tmp_path / "studies.db") as store:
        assert newest_study(store, DIGITS, short) is None
        for number, (where, settings) in enumerate(
            [(DIGITS, short), (DIGITS, short), (MINE, short), (DIGITS, long)]
        ):
            store.create_study(Study("", where, settings, float(number), "0.1.0"))
        assert newest_study(store, DIGITS, short).created == 1.0
        assert newest_study(store, MINE, short).created == 2.0
        assert newest_study(store, MINE, long) is None


def test_a_workload_of_a_notebook_is_none_to_resume(tmp_path, monkeypatch):
    def workload():
        raise AssertionError("Nothing of it is run.")

    monkeypatch.setattr(workload, "__module__", "__main__")
    with pytest.raises(UsageError, match="Only a function at the top of a file"):
        tune(workload, store=tmp_path / "studies.db", resume=True)


def test_an_imported_study_is_none_to_go_on_with(tmp_path):
    recording, _ = digits()
    export_study(recording, tmp_path / "study")
    where, settings = recording.study.workload, recording.study.settings
    address = tmp_path / "studies.db"
    import_files(tmp_path / "study", str(address), json=False)
    with open_store(address) as store:
        assert len(store.trials(recording.study.name)) == len(recording.trials)
        assert newest_study(store, where, settings) is None
        mine = store.create_study(recording.study)
        assert newest_study(store, where, settings).name == mine.name
