"""The JSON contract: strict, complete, and just what docs/json.md says."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from report_fixture import digits, memory_only, too_little, two_optimizers

from rightbatch.decide.replay.figures import ReplayRow
from rightbatch.decide.replay.ours import RaceTold
from rightbatch.records import (
    MEMORY_PARTS,
    STAGES,
    BindingConstraint,
    Decision,
    Estimate,
    Fits,
    MemoryAlternative,
    MemoryTarget,
    Note,
    Outcome,
    PredictedPeak,
    PredictResult,
    Remark,
    Status,
)
from rightbatch.records.fits import Cap
from rightbatch.report.json import advice_json
from rightbatch.report.json_stages import stage_json
from rightbatch.report.prediction import prediction_json
from rightbatch.report.replay import races_json, replay_json
from rightbatch.report.sentences import outcome_sentence
from rightbatch.report.sentences.phrases import CAPPED_BY, LIMITED_BY, NOTES

DOCS = Path(__file__).parents[2] / "docs" / "json.md"
STUDIES = [digits, two_optimizers, too_little, memory_only]
ESTIMATE = {"value", "low", "high", "level", "unit", "note"}


def strict(told):
    """Through strict JSON and back."""
    return json.loads(json.dumps(told, allow_nan=False))


def keys(told) -> set[str]:
    """Every key at any depth, estimates and reasons left out."""
    if isinstance(told, list):
        return set().union(*map(keys, told)) if told else set()
    if not isinstance(told, dict) or set(told) == ESTIMATE:
        return set()
    return set(told).union(*map(keys, told.values()))


def nulls(told) -> list[tuple[dict, str]]:
    """Every key that holds null, estimates left out, with the object it is in."""
    if isinstance(told, list):
        return [found for row in told for found in nulls(row)]
    if not isinstance(told, dict) or set(told) == ESTIMATE:
        return []
    here = [(told, name) for name, value in told.items() if value is None]
    return here + [found for value in told.values() for found in nulls(value)]


def documented() -> dict[str, set[str]]:
    """Keys in the tables of docs/json.md, by section."""
    sections = re.split(r"^## (.+)$", DOCS.read_text(), flags=re.M)
    rows = re.compile(r"^\| `(\w+)` \|", re.M)
    told = {name: set(rows.findall(text)) for name, text in zip(sections[1::2], sections[2::2])}  # noqa: B905
    return told | {"estimate": set(rows.findall(sections[0]))}


def everything(schema: str) -> list[dict]:
    stage = schema.split("/")[1]
    if stage == "advice":
        return [advice_json(make()[1]) for make in STUDIES]
    return [stage_json(stage, make()[1].fits, make()[0]) for make in STUDIES]


def a_prediction() -> PredictResult:
    target = MemoryTarget("GPU", "cuda", 2**34, 2**29, 2**23)
    peak = PredictedPeak(32, 32, 2**28, 2**30, tuple((part, 1) for part in MEMORY_PARTS))
    rows = (
        MemoryAlternative("optimizer", "sgd", 2**29, 4000),
        MemoryAlternative(
            "checkpointing", "repeated_blocks", None, None, Remark.of("text", text="None.")
        ),
        MemoryAlternative("device", "another GPU", None, 8000),
    )
    return PredictResult(
        target, "adam", 32, (peak,), 2.0**29, 2.0**20, 2**29, 2**34, 0.05, None, None, "memory",
        verified=True, method="fake", alternatives=rows,
    )  # fmt: skip


def test_a_prediction_is_strict_and_documented():
    told = strict(prediction_json("train.py:workload", a_prediction()))
    named = {name for name in keys(told) if name.removesuffix("_reason") not in keys(told) - {name}}
    assert named == documented()[told["schema"]]
    assert all(f"{name}_reason" in where for where, name in nulls(told))
    assert told["largest_batch_size_reason"] == "Not even one example fits."


SCHEMAS = ["rightbatch/advice/1", *(f"rightbatch/{stage}/1" for stage in STAGES)]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_docs_and_code_name_the_same_keys(schema):
    told = set().union(*map(keys, everything(schema)))
    told = {name for name in told if name.removesuffix("_reason") not in told - {name}}
    assert told == documented()[schema] - {"report"}  # the command line adds it


def test_the_docs_name_the_keys_of_a_replay():
    row = ReplayRow("digits-1", "digits", 0.9, "exhaustive", 0, 32, 1.0, 9.0, 2.0)
    told = strict(replay_json([row]))
    assert keys(told) == documented()["rightbatch/replay/1"]


def test_the_docs_name_the_keys_of_decisions():
    race = RaceTold("digits-1", 0.9, "accuracy", "rightbatch", (Decision("choose", 32),))
    told = strict(races_json([race]))
    assert keys(told) == documented()[told["schema"]]


def test_the_docs_describe_an_estimate():
    assert documented()["estimate"] == ESTIMATE
    assert set(advice_json(digits()[1])["predicted_seconds_to_goal"]) == ESTIMATE


@pytest.mark.parametrize("schema", SCHEMAS)
def test_every_null_has_its_reason_beside_it(schema):
    for told in everything(schema):
        assert told["schema"] == schema
        for where, name in nulls(strict(told)):
            assert where[f"{name}_reason"].strip().endswith("."), name


@pytest.mark.parametrize("schema", SCHEMAS)
def test_what_is_known_has_no_reason(schema):
    for told in everything(schema):
        for name in told:
            base = name.removesuffix("_reason")
            if base != name and base in told:
                assert told[base] is None


def test_the_advice_in_json_is_the_advice():
    told = strict(advice_json(digits()[1]))
    assert (told["batch_size"], told["near_optimal"]) == (128, [64, 128])
    assert told["reference"]["batch_size"] == 32
    assert told["largest_batch_size"] == 1437
    assert told["critical_batch_size"]["value"] == pytest.approx(90)
    assert len(told["results"]) == 9
    assert told["time_spent"]["training_seconds"] == 112.0
    assert told["headline"] == "Train with batch size 128 and learning rate 0.528 (sgd)."


def test_what_was_renamed_stands_under_its_old_name_as_well():
    told = advice_json(digits()[1])
    assert told["limited_by"] == told["binding_constraint"] == "critical_batch_size"
    assert told["time_spent"]["overhead_seconds"] == told["time_spent"]["around_seconds"] == 24.0


def test_every_note_of_an_interval_has_its_words():
    assert set(NOTES) == set(get_args(Note))
    assert set(LIMITED_BY) == set(get_args(BindingConstraint))
    assert set(CAPPED_BY) == set(get_args(Cap))


def test_each_optimizer_compared_has_its_own_figures():
    recording, advice = two_optimizers()
    told = strict(advice_json(advice))
    sgd, adam = told["optimizers"]
    assert (sgd["largest_batch_size"], adam["largest_batch_size"]) == (1437, 512)
    assert (sgd["noise_scale"]["value"], adam["noise_scale"]["value"]) == (95.0, 60.0)
    for name in ("largest_batch_size", "safe_batch_size", "noise_scale", "critical_batch_size"):
        assert told[name] == sgd[name]
    memory = strict(stage_json("memory", advice.fits, recording))
    assert [row["optimizer"] for row in memory["optimizers"]] == ["sgd", "adam"]
    assert [row["capped_by"] for row in memory["optimizers"]] == ["data_set_size", "memory"]
    noise = strict(stage_json("noise", advice.fits, recording))
    assert {row["optimizer"] for row in noise["results"]} == {"sgd", "adam"}


def test_the_reason_that_the_advice_gives_wins():
    advice = too_little()[1]
    missing = {"noise_scale": Remark.of("text", text="Two seeds disagree.")}
    told = advice_json(replace(advice, remarks=replace(advice.remarks, missing=missing)))
    assert told["noise_scale_reason"] == "Two seeds disagree."
    assert told["critical_batch_size_reason"] == "No training run reached the goal."


def test_numbers_that_are_not_finite_become_null_with_a_reason():
    advice = digits()[1]
    endless = Estimate(float("inf"), 1.0, float("inf"), unit="s")
    half_open = Estimate(2.0, 1.0, float("inf"), unit="steps")
    best = replace(advice.recommended, seconds_to_goal=endless, steps_to_goal=half_open)
    told = strict(advice_json(replace(advice, recommended=best)))
    assert told["predicted_seconds_to_goal"] is None
    assert told["predicted_seconds_to_goal_reason"]
    assert told["predicted_steps_to_goal"]["high"] is None


def test_a_memory_trial_that_failed_is_a_row_with_its_advice():
    recording, advice = digits()
    failed = Outcome(Status.OUT_OF_MEMORY, Remark.of("workload_too_large"))
    trials = list(recording.trials)
    trials[3] = replace(trials[3], outcome=failed, result=None)
    told = strict(stage_json("memory", advice.fits, replace(recording, trials=tuple(trials))))
    row = told["results"][2]
    assert (row["status"], row["peak_bytes"]) == ("out_of_memory", None)
    assert row["peak_bytes_reason"] == row["advice"] == outcome_sentence(failed)
    assert told["trials"] == len(told["results"]) == 9


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_without_a_fit_still_answers(stage):
    told = strict(stage_json(stage, Fits(), digits()[0]))
    assert told["schema"] == f"rightbatch/{stage}/1"
