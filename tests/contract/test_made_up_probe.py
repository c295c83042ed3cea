"""A kind of probe that rightbatch has not: registered once per wing, it goes all the way.

It counts the training examples of the digits, through planner, runner, loop, store, progress and
report.
"""

from dataclasses import dataclass, replace
from io import StringIO
from typing import ClassVar

import pytest
from rich.console import Console

from rightbatch.api.study import run
from rightbatch.cli.progress import StudyProgress
from rightbatch.decide.planners.base import Ask
from rightbatch.measure.probes.table import MEASURES
from rightbatch.records import KINDS, DescribeProbe, Outcome, Probe, Result, Settings, Status
from rightbatch.report.probes import PROBES
from rightbatch.store import open_store


@dataclass(frozen=True, slots=True)
class CountResult(Result):
    examples: int


@dataclass(frozen=True, slots=True)
class CountProbe(Probe):
    kind: ClassVar[str] = "count"
    stage: ClassVar[str] = "speed"
    result: ClassVar[type[Result]] = CountResult

    times: int


def count(subject, probe, progress):
    progress(1.0)
    return Outcome(Status.OK), CountResult(probe.times * subject.train_examples)


MEASURES[CountProbe] = count  # where a trial's own process finds it too: this file's import


class CountTwice:
    """A planner that looks at the workload, counts twice, and concludes with the sum."""

    def ask(self, trials, spent_seconds, under_way=(), capacity=None):
        if under_way or len(trials) > 2:
            return None
        return Ask("speed", CountProbe(len(trials))) if trials else Ask(None, DescribeProbe())

    def is_over(self, trials):
        return False

    def conclude(self, recording):
        return sum(trial.result.examples for trial in recording.trials[1:])


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    monkeypatch.setitem(KINDS, "count", CountProbe)
    monkeypatch.setitem(PROBES, CountProbe, lambda probe: f"counting {probe.times} times")


def test_a_made_up_probe_goes_through_planner_runner_store_progress_and_report(tmp_path):
    screen = Console(file=StringIO(), force_terminal=True, width=100)
    settings = Settings(threads=1, device="cpu")
    with open_store(tmp_path / "studies.db") as store, StudyProgress(screen) as progress:
        made = run("digits", settings, store, planner=CountTwice(), observer=progress)
        progress.asked(Ask("speed", CountProbe(7)))
        kept = store.recording(made.study.name)
    assert kept == replace(made, trials=kept.trials)
    assert [trial.probe for trial in kept.trials[1:]] == [CountProbe(1), CountProbe(2)]
    assert [trial.result for trial in kept.trials[1:]] == [CountResult(1437), CountResult(2874)]
    assert all(trial.hardware is not None for trial in kept.trials)
    assert CountTwice().conclude(kept) == 3 * 1437
    assert kept.study.finished
    assert "counting 7 times" in screen.file.getvalue()
