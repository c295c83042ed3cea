"""Rooms that rightbatch has not, added by the steps of docs/architecture.md, "Adding a room".

A kind of probe that counts training examples, registered once per wing, goes through planner,
runner, loop, store, progress and report; a planner asks for it; a runner carries it out in this
process; a framework of plain Python numbers is measured by the probes that there are.
"""

from dataclasses import dataclass, replace
from io import StringIO
from typing import ClassVar

import pytest
from rich.console import Console

from rightbatch.api.study import Observer, carry_on, run
from rightbatch.cli.progress import StudyProgress
from rightbatch.decide.planners.base import Ask
from rightbatch.measure.carry_out import MEASURES, carry_out
from rightbatch.measure.devices.cpu import CpuDevice
from rightbatch.measure.frameworks.loading import SUBJECTS
from rightbatch.measure.ports import Ended, Job
from rightbatch.records import (
    KINDS,
    Capacity,
    DescribeProbe,
    OptimizerFacts,
    Outcome,
    Probe,
    Result,
    Settings,
    Status,
    Study,
    TrainingProbe,
    WorkloadFacts,
    WorkloadReference,
    parse_goal,
)
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

    settings = Settings(threads=1, device="cpu")

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
    with open_store(tmp_path / "studies.db") as store, StudyProgress(screen) as progress:
        made = run("digits", CountTwice(), store, observer=progress)
        progress.started(Ask("speed", CountProbe(7)))
        kept = store.recording(made.study.name)
    assert kept == replace(made, trials=kept.trials)
    assert [trial.probe for trial in kept.trials[1:]] == [CountProbe(1), CountProbe(2)]
    assert [trial.result for trial in kept.trials[1:]] == [CountResult(1437), CountResult(2874)]
    assert all(trial.hardware is not None for trial in kept.trials)
    assert CountTwice().conclude(kept) == 3 * 1437
    assert kept.study.finished
    assert "counting 7 times" in screen.file.getvalue()


class InThisProcess:
    """A runner that carries probes out here, one after the other."""

    def __init__(self, workload):
        self.workload, self.under_way = workload, []

    def capacity(self):
        return Capacity((2**30,))

    def start(self, probe, progress):
        self.under_way.append((probe, progress))

    def next_ended(self):
        probe, progress = self.under_way.pop(0)
        outcome, result = carry_out(Job(self.workload, probe), progress)
        return Ended(probe, outcome, result, CpuDevice().hardware(1, None))

    def close(self):
        self.under_way.clear()


@dataclass(frozen=True)
class PlainWorkload:
    """Fit y = w·x by steps of gradient descent, in plain Python."""

    framework: ClassVar[str] = "plain"
    examples: tuple[float, ...] = (1.0, 2.0, 3.0, 4.0)


class PlainSubject:
    """Only what the probes of this test use of a `Subject`."""

    threads = 1

    def __init__(self, workload, title, job, host):
        self.data, self.title, self.device = workload.examples, title, host
        self.train_examples, self.goal = len(self.data), parse_goal("loss <= 0.01")

    def facts(self):
        own = OptimizerFacts("gd", "linear", 0.01)
        return WorkloadFacts(self.title, "plain", 4, 4, 2, (own,), self.goal, 1)

    def versions(self):
        return ()

    def start(self, optimizer, learning_rate, seed):
        self.weight, self.rate = 0.0, learning_rate

    def batches(self, batch_size, seed):
        while True:
            yield from (self.data[at : at + batch_size] for at in range(0, 4, batch_size))

    def size(self, batch):
        return len(batch)

    def warm_up(self, batch_size, micro_batch_size):
        pass

    def step(self, batch, micro_batch_size):
        errors = [self.weight * x - 2 * x for x in batch]
        self.weight -= self.rate * sum(2 * e * x for e, x in zip(errors, batch, strict=True))
        return sum(e * e for e in errors) / len(batch)

    def evaluate(self):
        return (self.weight - 2) ** 2

    def synchronize(self):
        pass

    def is_out_of_memory(self, error):
        return False


def plain_workload():
    return PlainWorkload()


PLAIN = WorkloadReference("plain_workload", module=__name__, title="plain")


def test_a_made_up_runner_serves_the_loop(tmp_path, monkeypatch):
    monkeypatch.setitem(SUBJECTS, "plain", PlainSubject)
    with open_store(tmp_path / "studies.db") as store:
        study = store.create_study(Study("", PLAIN, Settings(), 0.0, "0"))
        made = carry_on(store, study, CountTwice(), InThisProcess(PLAIN), Observer())
    assert CountTwice().conclude(made) == 3 * 4
    assert made.hardware.device == "cpu"


def test_a_made_up_framework_is_trained(monkeypatch):
    monkeypatch.setitem(SUBJECTS, "plain", PlainSubject)
    _, described = carry_out(Job(PLAIN, DescribeProbe()), lambda share: None)
    probe = TrainingProbe("gd", 2, 2, 0.01, 0, 1000, 10.0)
    outcome, result = carry_out(Job(PLAIN, probe), lambda share: None)
    assert described.facts.framework == "plain"
    assert outcome.status is Status.OK
    assert result.points[-1].metric <= 0.01
