"""Real studies, recorded before the house was rebuilt, are planned and advised as they were then.

tests/assets/recorded holds a store of version 1 with eight studies of `tune` (digits and diamonds;
one optimizer, three, one-off, by rule, side by side, the best within a limit, regimes in little
memory), and what was asked for after every trial, advised and exported. Text is left out of it.
What is counted otherwise since was written anew: benchmarks/results/arrival.md has old and new.
"""

import gzip
import json
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest

import needs
from differences import differences
from rightbatch.api.replay import replay_studies
from rightbatch.decide.planners.asking import ask
from rightbatch.decide.planners.recommend import Recommend
from rightbatch.decide.replay.ours import OURS
from rightbatch.decide.study import evidence
from rightbatch.exchange.csv_export import plain_files
from rightbatch.report.json import advice_json
from rightbatch.report.json_stages import stage_json
from rightbatch.store import open_store
from rightbatch.store.codec import dump

RECORDED = Path(__file__).parents[1] / "assets" / "recorded"
KNOWN = json.loads(gzip.decompress((RECORDED / "decisions.json.gz").read_bytes()))
each_study = pytest.mark.parametrize("name", KNOWN["studies"])


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    path = tmp_path_factory.mktemp("recorded") / "studies.db"
    with gzip.open(RECORDED / "studies.db.gz") as packed, path.open("wb") as file:
        shutil.copyfileobj(packed, file)
    with open_store(path) as store:
        yield {study.name: store.recording(study.name) for study in store.studies()}


@each_study
def test_the_same_probes_are_asked_for_in_the_same_order(recordings, name):
    study, trials = recordings[name].study, recordings[name].trials
    for number, before in enumerate(KNOWN["studies"][name]["asks"]):
        known = trials[:number]
        now = ask(study.settings, known, evidence.wall_seconds(known))
        assert (now is None) == (before is None), number
        if now is not None:
            found = {"stage": now.stage, "probe": dump(now.probe)}
            assert not differences(before, found), number


@each_study
def test_the_same_is_advised_and_found_by_each_stage(recordings, name):
    recording, before = recordings[name], KNOWN["studies"][name]
    advice = Recommend(recording.study.settings).conclude(recording)
    assert not differences(before["advice"], advice_json(advice))
    assert not differences(before["ending"], dump(advice.ended))
    for stage, found in before["stages"].items():
        assert not differences(found, stage_json(stage, advice.fits, recording))


@each_study
def test_the_same_is_exported(recordings, name):
    files, before = plain_files(recordings[name]), KNOWN["studies"][name]["files"]
    assert files["training.csv"] == before.pop("training.csv")
    assert files["speed.csv"] == before.pop("speed.csv")
    assert not differences(before, json.loads(files["study.json"]))


def test_replays_give_the_same_figures():
    rows = [asdict(row) for row in replay_studies(needs.published_studies(), OURS, 1)]
    assert not differences(KNOWN["replay"], rows)
