"""Which study `--resume` goes on with."""

import pytest
from report_fixture import digits
from simulated_world import World, carry_out

from rightbatch.api.settings import make_settings
from rightbatch.api.study import Observer, carry_on, newest_study
from rightbatch.api.verbs import tune
from rightbatch.cli.stored import import_files
from rightbatch.decide.advise.recommend import advise
from rightbatch.decide.planners.recommend import Recommend
from rightbatch.errors import RunnerError, UsageError
from rightbatch.exchange import export_study
from rightbatch.measure.ports import Ended
from rightbatch.records import (
    DescribeProbe,
    MemoryProbe,
    Outcome,
    Status,
    Study,
    WorkloadReference,
)
from rightbatch.store import open_store

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
    with pytest.raises(UsageError, match=r"cannot be resumed.* top level of a file"):
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


class Simulated:
    """A runner of a simulated world whose first look is killed so many times."""

    def __init__(self, killed):
        self.killed = killed

    def capacity(self):
        return None

    def start(self, probe, progress):
        self.probe = probe

    def next_ended(self):
        if self.killed:
            self.killed -= 1
            killed = Outcome(Status.KILLED, advice="It was ended by SIGKILL.")
            return Ended(self.probe, killed, None, None)
        trial = carry_out(World(), self.probe, 1)
        return Ended(self.probe, trial.outcome, trial.result, None)


def test_a_first_look_that_was_killed_is_made_again_on_resuming(tmp_path):
    settings = make_settings(stages=("memory",))
    with open_store(tmp_path / "studies.db") as store:
        study = store.create_study(Study("", MINE, settings, 1.0, "0.1.0"))
        with pytest.raises(RunnerError, match="could not be described"):
            carry_on(store, study, Recommend(settings), Simulated(killed=1), Observer())
        ended = carry_on(
            store, store.study(study.name), Recommend(settings), Simulated(killed=0), Observer()
        )
    assert ended.study.finished
    assert advise(ended).fits.memory.largest_batch_size
    kinds = [type(trial.probe) for trial in ended.trials]
    assert kinds[:3] == [DescribeProbe, DescribeProbe, MemoryProbe]
