"""Records survive JSON without loss, today's and tomorrow's."""

import dataclasses
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rightbatch.errors import StoreError
from rightbatch.records import (
    Advice,
    Choice,
    Curve,
    DescribeProbe,
    DescribeResult,
    Estimate,
    Evaluation,
    Fits,
    Goal,
    Hardware,
    LearningFit,
    MemoryAlternative,
    MemoryFit,
    MemoryProbe,
    MemoryResult,
    MemoryTarget,
    NoisePoint,
    NoiseProbe,
    NoiseResult,
    OptimizerFacts,
    Outcome,
    PredictResult,
    Probe,
    Recording,
    Remark,
    Remarks,
    Result,
    Run,
    Settings,
    SpeedProbe,
    SpeedResult,
    SpeedSample,
    Status,
    Study,
    TimeSpent,
    TrainingPoint,
    TrainingProbe,
    TrainingResult,
    Trial,
    WorkloadFacts,
    WorkloadReference,
)
from rightbatch.store.codec import dump, load

FACTS = WorkloadFacts(
    title="digits",
    framework="torch",
    train_examples=1400,
    valid_examples=397,
    batch_size=32,
    optimizers=(OptimizerFacts("sgd", "linear", 0.1), OptimizerFacts("adam", "square_root", 1e-3)),
    goal=Goal("accuracy", "max", target=0.96),
    parameters=9000,
    batch_dependent_layers=("BatchNorm1d",),
    notes=("The sampler is left out.",),
    names=(("per_device_train_batch_size", "micro_batch_size"),),
)
HARDWARE = Hardware("cpu", "a processor", 2, 1, 2**33, 2**32, "Linux", (("torch", "2.13"),))
POINT = TrainingPoint(step=10, examples=320, seconds=0.1 + 0.2, metric=0.5, loss=1e-300)
TRAINING = TrainingProbe("sgd", 32, 32, 0.1, 0, 100, 10.0, seconds_limit=20.0, reason="first")
PAIRS: list[tuple[Probe, Result]] = [
    (DescribeProbe(), DescribeResult(FACTS, HARDWARE)),
    (MemoryProbe("sgd", 64, 2**30), MemoryResult(2**29, 2**28, 0.01)),
    (
        SpeedProbe("sgd", (8, 16), 16, seconds=2.0),
        SpeedResult((SpeedSample(8, 5, 0.01, 0.001, 0),), left_out=(16,), other_load=0.3),
    ),
    (
        NoiseProbe("sgd", 32, 0.1, 8, 4, 3, (0, 10), 0, seconds=5.0),
        NoiseResult((NoisePoint(0, 0, 8, 32, (1.0, 2.0), (0.5, 0.25)),)),
    ),
    (TRAINING, TrainingResult((POINT, POINT), 0.3, 0.1)),
]
STUDY = Study(
    "digits-1",
    WorkloadReference("workload", module="zoo", title="digits"),
    Settings(optimizers=("sgd",), batch_sizes=(8, 16)),
    created=1.7e9,
    rightbatch_version="0.1.0",
    facts=FACTS,
)


def trial(probe=TRAINING, result=None, status=Status.OK):
    return Trial(1, probe, Outcome(status), result, started=1.7e9, wall_seconds=0.5)


def there_and_back(record):
    return load(type(record), json.loads(json.dumps(dump(record), allow_nan=False)))


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: type(pair[0]).__name__)
def test_every_kind_of_trial_survives(pair):
    original = trial(*pair)
    back = there_and_back(original)
    assert back == original
    assert hash(back) == hash(original)  # tuples all the way down, nothing turned into a list


@pytest.mark.parametrize("status", Status)
def test_a_status_comes_back_as_a_status(status):
    assert there_and_back(trial(status=status)).outcome.status is status


def test_a_study_and_a_recording_survive():
    recording = Recording(STUDY, (trial(), trial(*PAIRS[2])))
    assert there_and_back(recording) == recording


def test_advice_and_its_fits_survive():
    estimate = Estimate(3.0, low=None, high=math.inf, unit="s", note="fieller")
    curve = Curve((Evaluation(20, 640.0, 0.9),))
    run = Run(32, 0.1, 0, curve, "sgd", Status.OK, 1, 1.5, steps=20)
    fits = Fits(
        memory=MemoryFit(
            ((8, 100), (16, 200)), (), estimate, None, 0.1, 2**30, 16, 16, 0.05, "time"
        ),
        learning=(LearningFit("sgd", "linear", 0.9, (run,), (), None, estimate, None, None),),
    )
    choice = Choice("sgd", 32, 0.1, 32, 1, 44, seconds_to_goal=estimate)
    advice = Advice(
        study="digits-1",
        goal="accuracy >= 0.96",
        objective="time",
        recommended=choice,
        reference=None,
        near_optimal=(16, 32),
        binding_constraint="throughput",
        remarks=Remarks(
            Remark.of("train_with", batch_size=32, learning_rate=math.inf),
            warnings=(Remark.of("may_not_fit", why=Remark.of("no_power"), layers=("a", "b")),),
            missing={"noise": Remark.of("nothing_measured")},
        ),
        fits=fits,
        by_optimizer=(choice,),
        regimes=(("full-batch", choice),),
        time_spent=TimeSpent(1.0, 2.0, 3.0, budget=None),
    )
    assert there_and_back(advice) == advice
    assert there_and_back(fits) == fits


@given(st.floats(allow_nan=True, allow_infinity=True))
@settings(max_examples=300)
def test_every_float_survives_strict_json(value):
    probe = dataclasses.replace(TRAINING, learning_rate=value, milestones=((3, value),))
    back = there_and_back(trial(probe)).probe
    for after in (back.learning_rate, back.milestones[0][1]):
        assert after == value or (math.isnan(after) and math.isnan(value))
        assert math.copysign(1, after) == math.copysign(1, value) or math.isnan(value)


@given(st.text())
def test_every_text_survives(text):
    outcome = Outcome(Status.HUNG, Remark.of("text", text=f"{text}."), advice=text)
    assert there_and_back(outcome) == outcome


def test_a_prediction_that_was_stored_with_its_sentences_is_read():
    target = MemoryTarget("a GPU", "cuda", 2**34)
    told = PredictResult(
        target, "sgd", 32, (), 0.0, 1.0, 0, 2**34, 0.05, 64, 64, "memory", True, "real",
        reason=Remark.of("needs_data", error="TypeError", message="no data"),
        warnings=(Remark.of("operations_differ"),),
        alternatives=(MemoryAlternative("precision", "bf16", None, None, Remark.of("text")),),
    )  # fmt: skip
    assert there_and_back(told) == told
    data = dump(told) | {"reason": "It needs data.", "warnings": ["One.", "Two."]}
    data["alternatives"][0]["reason"] = ""
    back = load(PredictResult, data)
    assert back.reason == Remark.of("text", text="It needs data.")
    assert [warning["text"] for warning in back.warnings] == ["One.", "Two."]
    assert back.alternatives[0].reason is None
    assert load(PredictResult, data | {"reason": ""}).reason is None


def test_tags_are_stable_and_not_class_names():
    kinds = ["describe", "memory", "speed", "noise", "training"]
    for kind, (probe, result) in zip(kinds, PAIRS, strict=True):
        data = dump(trial(probe, result))
        assert (data["probe"]["kind"], data["result"]["kind"]) == (kind, kind)
        assert (dump(probe)["kind"], dump(result)["kind"]) == (kind, kind)


def test_unknown_fields_are_ignored_and_missing_ones_take_their_defaults():
    data = dump(trial(*PAIRS[2]))
    data["colour"] = data["probe"]["colour"] = data["result"]["samples"][0]["colour"] = "blue"
    del data["result"]["other_load"], data["probe"]["seconds_limit"]
    back = load(Trial, data)
    assert back.result == dataclasses.replace(PAIRS[2][1], other_load=None)
    assert back.probe == PAIRS[2][0]


def test_a_pickled_factory_is_dropped():
    workload = WorkloadReference("workload", pickled=b"not at rest", title="cell")
    study = dataclasses.replace(STUDY, workload=workload)
    assert "pickled" not in dump(study)["workload"]
    assert there_and_back(study).workload == WorkloadReference("workload", title="cell")
    assert "pickled" not in dump(Recording(study, ()))["study"]["workload"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"number": "one"}, "'one' is not a whole number @ Trial.number"),
        ({"number": 1.5}, "1.5 is not a whole number"),
        ({"number": True}, "True is not a whole number"),
        ({"started": "soon"}, "'soon' is not a number"),
        ({"probe": {"kind": "hypnosis"}}, "'hypnosis' is missing or unknown @ Trial.probe"),
        ({"probe": {"kind": "memory"}}, "'optimizer' is missing"),
        ({"outcome": {"status": "fine"}}, "'fine' is not a valid Status"),
        ({"outcome": {"status": "ok", "advice": 3}}, "3 is not a str"),
        ({"outcome": {"status": "ok", "reason": 3}}, "3 is not a remark"),
        ({"outcome": {"status": "ok", "reason": {}}}, "'code' is missing"),
        ({"result": [1]}, "Trial.result"),
    ],
)
def test_malformed_data_is_refused_in_one_sentence(change, message):
    with pytest.raises(StoreError, match="This is not a Trial") as caught:
        load(Trial, dump(trial()) | change)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [None, [], "text", 3])
def test_what_is_no_object_is_refused(data):
    with pytest.raises(StoreError, match="not a JSON object"):
        load(Trial, data)
