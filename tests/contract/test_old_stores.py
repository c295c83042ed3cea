"""What version 1 of the store wrote stays readable for ever.

tests/assets/store-v1.db and tests/assets/export-v1 hold the same study, written once by
version 0.1.0; they are never written again. A new version of the tables adds its own pair.
"""

import math
import shutil
from pathlib import Path

import pytest

from rightbatch.exchange import import_study
from rightbatch.records import (
    DescribeResult,
    MemoryResult,
    NoiseResult,
    SpeedResult,
    Status,
    TrainingResult,
)
from rightbatch.report.sentences import outcome_sentence
from rightbatch.store import open_store

ASSETS = Path(__file__).parents[1] / "assets"


@pytest.fixture
def store(tmp_path):
    shutil.copy(ASSETS / "store-v1.db", tmp_path / "studies.db")
    with open_store(tmp_path / "studies.db") as store:
        yield store


def test_an_old_store_opens_with_everything_in_it(store):
    assert [study.name for study in store.studies()] == ["digits-1", "digits-2"]
    study, trials = store.study("digits-1"), store.trials("digits-1")
    assert study.finished
    assert str(study.facts.goal) == "accuracy >= 0.9"
    assert [trial.number for trial in trials] == list(range(1, 12))
    assert [trial.outcome.status for trial in trials[1:7:2]] == [
        Status.OK,
        Status.GOAL_NOT_REACHED,
        Status.OK,
    ]
    assert trials[0].result.samples[1].step_seconds == 0.03
    assert math.isnan(trials[2].result.points[1].metric)
    assert trials[6].result is None
    assert outcome_sentence(trials[6].outcome) == trials[6].outcome.advice != ""
    kinds = (SpeedResult, TrainingResult, DescribeResult, MemoryResult, NoiseResult)
    assert {type(trial.result) for trial in trials} == {*kinds, type(None)}


def test_an_old_store_can_be_worked_on(store):
    study, trials = store.study("digits-2"), store.trials("digits-1")
    with store.writing(study.name):
        for trial in trials:
            store.add_trial(study.name, trial)
    assert repr(store.trials(study.name)) == repr(trials)
    assert store.create_study(study).name == "digits-3"


def test_an_old_export_tells_the_same_study(store):
    assert repr(import_study(ASSETS / "export-v1")) == repr(store.recording("digits-1"))
