"""Studies go out to plain files and come back."""

import csv
import json
import math
from dataclasses import replace

import pytest
from recorded_fixture import study as recorded
from recorded_fixture import write_files

import needs
from rightbatch.api.replay import find_policies, replay_studies
from rightbatch.decide.advise.recommend import advise
from rightbatch.decide.replay.question import questions
from rightbatch.errors import StoreError, StoreTooNew
from rightbatch.exchange import export_study, import_study, read_recorded
from rightbatch.records import (
    Curve,
    Goal,
    Hardware,
    OptimizerFacts,
    Outcome,
    Recording,
    Settings,
    SpeedProbe,
    SpeedResult,
    SpeedSample,
    Status,
    Study,
    TrainingPoint,
    TrainingProbe,
    TrainingResult,
    Trial,
    WorkloadFacts,
    WorkloadReference,
)
from rightbatch.report.html import render
from rightbatch.report.json import advice_json
from rightbatch.report.view import make_view

EXAMPLES = 1000
FACTS = WorkloadFacts(
    title="digits",
    framework="torch",
    train_examples=EXAMPLES,
    valid_examples=200,
    batch_size=10,
    optimizers=(OptimizerFacts("sgd", "linear", 0.1), OptimizerFacts("adam", "square_root", 1e-3)),
    goal=Goal("accuracy", "max", target=0.9),
    parameters=9,
)
HARDWARE = Hardware("cpu", "a processor", 2, 1, 2**33, 2**32, "Linux")
STUDY = Study(
    name="digits-1",
    workload=WorkloadReference("workload", module="zoo", title="digits"),
    settings=Settings(),
    created=1.7e9,
    rightbatch_version="0.1.0",
    facts=FACTS,
    finished=True,
)


def speed(number, samples, optimizer="sgd"):
    taken = tuple(SpeedSample(size, 5, s, 0.0, turn) for turn, (size, s) in enumerate(samples))
    probe = SpeedProbe(optimizer, tuple({size for size, _ in samples}), 32, seconds=1.0)
    return Trial(number, probe, Outcome(Status.OK), SpeedResult(taken), 1.7e9, 1.0)


def training(
    number, size, metrics, status=Status.OK, seed=0, rate=0.1, optimizer="sgd", result=True
):
    probe = TrainingProbe(optimizer, size, size, rate, seed, 10_000, 60.0, seconds_limit=90.0)
    points = tuple(
        TrainingPoint(50 * i, 50 * i * size, 0.5 * i, metric, 0.1)
        for i, metric in enumerate(metrics, start=1)
    )
    measured = TrainingResult(points, 0.5 * len(points), 0.1) if result else None
    return Trial(
        number,
        probe,
        Outcome(status, advice="" if status == "ok" else "Why."),
        measured,
        1.7e9,
        2.0,
    )


RECORDING = Recording(
    STUDY,
    (
        speed(1, [(10, 0.02), (20, 0.03), (10, 0.01), (20, 0.05), (10, 0.04)]),
        training(2, 10, [0.5, 0.9]),
        training(3, 20, [0.4, math.nan], Status.DIVERGED, seed=1),
        training(4, 20, [0.4], Status.GOAL_NOT_REACHED, rate=0.2, seed=2),
        training(5, 20, [0.4, 0.6, 0.95], rate=0.2, seed=2),  # the run of trial 4, for longer
        training(6, 10, [0.99], optimizer="adam"),
        training(7, 40, [], Status.OUT_OF_MEMORY, result=False),
        training(8, 80, [0.7], Status.GOAL_NOT_REACHED),
    ),
)


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def same(one, other):
    """Whether two recordings are equal, NaN being equal to NaN."""
    return repr(one) == repr(other)


@pytest.fixture
def exported(tmp_path):
    export_study(RECORDING, tmp_path / "study")
    return tmp_path / "study"


def test_an_export_comes_back_without_loss(exported):
    assert same(import_study(exported), RECORDING)


def test_the_files_written_are_told(tmp_path):
    paths = export_study(RECORDING, tmp_path / "a" / "b")
    assert {p.name for p in paths} == {"study.json", "training.csv", "speed.csv", "trials.jsonl"}
    assert sorted(paths) == sorted((tmp_path / "a" / "b").iterdir())


def test_training_rows_are_evaluations_of_the_first_optimizer(exported):
    table = rows(exported / "training.csv")
    assert list(table[0]) == ["batch_size", "seed", "learning_rate", "step", "epoch", "metric"]
    assert [tuple(row.values()) for row in table] == [
        ("10", "0", "0.1", "50", "0.5", "0.5"),
        ("10", "0", "0.1", "100", "1.0", "0.9"),
        ("20", "1", "0.1", "50", "1.0", "0.4"),
        ("20", "1", "0.1", "100", "2.0", "nan"),
        ("20", "2", "0.2", "50", "1.0", "0.4"),
        ("20", "2", "0.2", "100", "2.0", "0.6"),
        ("20", "2", "0.2", "150", "3.0", "0.95"),
        ("80", "0", "0.1", "50", "4.0", "0.7"),
    ]


def test_a_study_of_another_optimizer_exports_the_runs_it_made(tmp_path):
    study = replace(STUDY, settings=Settings(optimizers=("adam",)))
    trials = (
        speed(1, [(10, 0.02), (20, 0.03)], "adam"),
        training(2, 10, [0.5, 0.9], optimizer="adam"),
    )
    export_study(Recording(study, trials), tmp_path)
    assert [row["batch_size"] for row in rows(tmp_path / "training.csv")] == ["10", "10"]
    assert [row["step_seconds"] for row in rows(tmp_path / "speed.csv")] == ["0.02", "0.03"]
    told = json.loads((tmp_path / "study.json").read_text())
    assert (told["optimizer"], told["batch_sizes"]) == ("adam", [10])
    assert "optimizer adam only;" in told["reading"]


def test_step_times_are_medians_or_those_of_training(exported):
    table = {int(r["batch_size"]): float(r["step_seconds"]) for r in rows(exported / "speed.csv")}
    assert table == {10: 0.02, 20: pytest.approx(0.04), 80: 0.01}


def test_study_json_has_the_fields_of_a_published_study(exported):
    data = json.loads((exported / "study.json").read_text())
    assert data["name"] == "digits-1"
    assert data["optimizer"] == "sgd"
    assert data["metric"] == {"name": "accuracy", "direction": "max"}
    assert data["targets"] == [0.9]
    assert data["examples_per_epoch"] == EXAMPLES
    # Size 10 arrives after 2 s, in which size 80, stopped sooner, trains 16 epochs.
    assert data["longest_run_epochs"] == pytest.approx(16.0)
    assert data["batch_sizes"] == [10, 20, 80]
    assert data["runs_per_batch_size"] == {"10": 1, "20": 2, "80": 1}
    assert "optimizer sgd only; those of adam are in trials.jsonl" in data["reading"]
    assert {"task", "dataset", "model", "hardware", "devices", "source"} <= data.keys()


def test_a_goal_without_a_target_is_given_the_best_level_reached(tmp_path):
    facts = replace(FACTS, goal=Goal("loss", "min", within_epochs=3))
    export_study(replace(RECORDING, study=replace(STUDY, facts=facts)), tmp_path)
    assert json.loads((tmp_path / "study.json").read_text())["targets"] == [0.4]


def test_where_no_run_reached_the_goal_the_target_is_the_best_level_reached(tmp_path):
    alone = Recording(STUDY, (RECORDING.trials[0], training(2, 10, [0.5, 0.7, 0.6])))
    export_study(alone, tmp_path)
    told = json.loads((tmp_path / "study.json").read_text())
    assert (told["targets"], told["longest_run_epochs"]) == ([0.7], 1.5)
    assert "no run reached accuracy >= 0.9: the target is the best level" in told["reading"]
    (asked,) = questions(read_recorded(tmp_path))
    assert asked.seconds_to_target == {10: pytest.approx(100 * 0.02)}
    assert import_study(tmp_path).study.facts.goal.target == 0.9


def test_a_run_that_stopped_short_never_looks_faster_than_the_fastest(exported):
    (asked,) = questions(read_recorded(exported))
    assert asked.seconds_to_target[10] == asked.best_seconds == pytest.approx(2.0)
    assert asked.seconds_to_target[80] >= 2.0


def test_the_plain_files_alone_tell_the_same_runs(exported):
    (exported / "trials.jsonl").unlink()
    recording = import_study(exported)
    assert recording.study.facts.goal == FACTS.goal
    assert recording.study.facts.framework == "recorded"
    assert recording.study.facts.optimizers == (OptimizerFacts("sgd", "linear", 0.1),)
    speeds, *runs = recording.trials
    assert {s.batch_size: s.step_seconds for s in speeds.result.samples}[10] == 0.02
    told = [
        (r.probe.batch_size, r.probe.learning_rate, r.probe.seed, r.outcome.status) for r in runs
    ]
    assert told == [
        (10, 0.1, 0, Status.OK),
        (20, 0.1, 1, Status.GOAL_NOT_REACHED),
        (20, 0.2, 2, Status.OK),
        (80, 0.1, 0, Status.GOAL_NOT_REACHED),
    ]
    assert [p.metric for p in runs[2].result.points] == [0.4, 0.6, 0.95]
    assert [p.examples for p in runs[2].result.points] == [1000, 2000, 3000]
    assert runs[1].probe.max_steps == 16 * EXAMPLES / 20
    assert runs[1].result.train_seconds == pytest.approx(800 * 0.04)


def test_a_run_without_rows_never_reached_any_level(exported):
    (exported / "trials.jsonl").unlink()
    path = exported / "study.json"
    data = json.loads(path.read_text())
    data["runs_per_batch_size"]["10"] = 3
    path.write_text(json.dumps(data))
    trials = import_study(exported).trials[1:]
    silent = [t for t in trials if all(math.isnan(p.metric) for p in t.result.points)]
    assert [(t.probe.batch_size, t.probe.seed) for t in silent] == [(10, 1), (10, 2)]
    assert all(t.outcome.status is Status.GOAL_NOT_REACHED for t in silent)
    given_up = 16 * EXAMPLES // 10
    assert [[p.step for p in t.result.points] for t in silent] == [[given_up], [given_up]]


def test_a_candidate_without_rows_and_counts_had_one_run_and_is_not_as_good(tmp_path):
    told = recorded({10: 1.0, 20: 1.5, 40: 2.0}, {10: [100], 20: [40], 40: [None]})
    folder = write_files(tmp_path / "told", told)
    rows_of = (folder / "training.csv").read_text().splitlines(keepends=True)
    (folder / "training.csv").write_text(
        "".join(row for row in rows_of if not row.startswith("40,"))
    )
    data = json.loads((folder / "study.json").read_text())
    del data["runs_per_batch_size"]
    (folder / "study.json").write_text(json.dumps(data))
    read = read_recorded(folder)
    assert [run.curve for run in read.runs if run.batch_size == 40] == [Curve()]
    (asked,) = questions(read)
    assert asked.seconds_to_target[40] == 2.0 * 2500
    advice = advise(import_study(folder))
    assert advice.batch_size == 20
    assert 40 not in advice.near_optimal


def test_an_imported_study_knows_of_nobodys_present_settings(tmp_path):
    seconds = {10: 1.0, 20: 1.5, 40: 2.0}
    told = recorded(seconds, {10: [100], 20: [60], 40: [90]}, power_watts=dict.fromkeys(seconds, 9))
    recording = import_study(write_files(tmp_path / "told", told))
    advice = advise(recording)
    assert (advice.reference, advice.times_as_fast, advice.time_spent.budget) == (None, None, None)
    data = advice_json(advice)
    assert "without present settings" in data["reference_reason"]
    assert data["times_as_fast_reason"] == data["reference_reason"]
    page = render(recording, advice)
    assert all(words not in page for words in ("you use today", "what you do today", "your 20"))


def test_a_blank_learning_rate_is_nan_and_blank_again_when_exported(exported, tmp_path):
    (exported / "trials.jsonl").unlink()
    path = exported / "training.csv"
    path.write_text(path.read_text().replace(",0.1,", ",,").replace(",0.2,", ",,"))
    recording = import_study(exported)
    assert all(math.isnan(trial.probe.learning_rate) for trial in recording.trials[1:])
    export_study(recording, tmp_path / "again")
    assert {row["learning_rate"] for row in rows(tmp_path / "again" / "training.csv")} == {""}
    assert same(import_study(tmp_path / "again"), recording)


def test_a_learning_rate_that_was_not_recorded_is_left_out_of_a_report(tmp_path):
    seconds, steps = {20: 0.1, 40: 0.15, 80: 0.3}, {20: [100], 40: [60], 80: [50]}
    recording = import_study(write_files(tmp_path / "study", recorded(seconds, steps)))
    advice = advise(recording)
    assert math.isnan(advice.recommended.learning_rate)
    view = make_view(recording, advice)
    assert "Learning rate" not in {row[0] for row in (*view.verdict, *view.tiles)}
    page = render(recording, advice)
    assert "learning rate nan" not in page
    assert "nan with" not in page
    told = advice_json(advice)
    for one in (told, *told["results"], *told["regimes"]):
        assert one["learning_rate"] is None
        assert one["learning_rate_reason"] == "It was not recorded."


def test_an_earlier_export_is_replaced_and_nothing_else_is(exported, tmp_path):
    shorter = Recording(STUDY, RECORDING.trials[:3])
    export_study(shorter, exported)
    assert same(import_study(exported), shorter)
    before = {path: path.read_bytes() for path in exported.iterdir()}
    with pytest.raises(StoreError, match="contains no earlier export of digits-2"):
        export_study(replace(RECORDING, study=replace(STUDY, name="digits-2")), exported)
    assert {path: path.read_bytes() for path in exported.iterdir()} == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(StoreError, match="not empty"):
        export_study(RECORDING, tmp_path / "mine")
    with pytest.raises(StoreError, match="cannot be written"):
        export_study(RECORDING, tmp_path / "mine" / "thesis.txt")


def test_a_study_that_never_began_has_nothing_to_export(tmp_path):
    with pytest.raises(StoreError, match="nothing to export"):
        export_study(Recording(replace(STUDY, facts=None), ()), tmp_path / "study")
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize(
    "trials",
    [
        (),
        RECORDING.trials[:1],
        (RECORDING.trials[0], training(2, 10, [], Status.GOAL_NOT_REACHED)),
    ],
    ids=["nothing", "speeds alone", "a run without an evaluation"],
)
@pytest.mark.parametrize("goal", [FACTS.goal, Goal("loss", "min", within_epochs=3.0)], ids=str)
def test_a_study_without_training_runs_has_nothing_to_replay(tmp_path, trials, goal):
    recording = Recording(replace(STUDY, facts=replace(FACTS, goal=goal)), trials)
    export_study(recording, tmp_path / "study")
    with pytest.raises(StoreError, match=r"nothing to replay, as no training run was recorded"):
        replay_studies([tmp_path / "study"])
    assert same(import_study(tmp_path / "study"), recording)


def test_importing_runs_no_code_of_the_study(tmp_path):
    (tmp_path / "train.py").write_text("open('ran', 'w')\nraise SystemExit('imported!')\n")
    reference = WorkloadReference("workload", file=str(tmp_path / "train.py"), title="train.py")
    mine = replace(RECORDING, study=replace(STUDY, workload=reference))
    export_study(mine, tmp_path / "study")
    assert same(import_study(tmp_path / "study"), mine)


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("trials.jsonl", lambda text: text[:-20], "trials.jsonl, line 9: invalid JSON"),
        (
            "trials.jsonl",
            lambda text: text + text.splitlines()[3] + "\n",
            "line 10: .*the number of trial 3 is taken",
        ),
        (
            "trials.jsonl",
            lambda text: text.replace('"kind": "speed"', '"kind": "x"'),
            "line 2: .*'x'",
        ),
        ("trials.jsonl", lambda text: text.split("\n", 1)[1], "line 1: this is not a study"),
        ("trials.jsonl", lambda _: "", "line 1: invalid JSON"),
        ("trials.jsonl", lambda text: text + "[" * 100_000, "line 10: this is not a trial"),
        (
            "study.json",
            lambda text: text[:50],
            "study.json, line 4: invalid JSON \\(Expecting value\\)",
        ),
        ("study.json", lambda _: "[]", "study.json: this is not a JSON object"),
        ("study.json", lambda text: text.replace('"targets"', '"goals"'), "'targets' is missing"),
        ("study.json", lambda text: text.replace('"max"', '"up"'), 'must be "max" or "min"'),
        ("study.json", lambda text: text.replace('"max"', '["max"]'), 'must be "max" or "min"'),
        ("study.json", lambda text: text.replace("1000,", "-3,"), "'examples_per_epoch' is"),
        ("study.json", lambda text: text.replace("1000,", "Infinity,"), "'examples_per_epoch' is"),
        ("study.json", lambda text: text.replace(": 16.0", ": 1e308"), "'longest_run_epochs' is"),
        ("study.json", lambda text: text.replace("0.9\n", "NaN\n"), "'targets' is"),
        ("study.json", lambda text: text.replace("0.9\n", "Infinity\n"), "'targets' is"),
        (
            "study.json",
            lambda text: text.replace('"10": 1', '"10": 3000000'),
            "runs_per_batch_size is 3000000 at batch size 10",
        ),
        (
            "study.json",
            lambda text: text.replace('"10": 1', '"10": -3'),
            "runs_per_batch_size is -3 at batch size 10",
        ),
        (
            "study.json",
            lambda text: text.replace('"10": 1', '"10": 1.5'),
            "runs_per_batch_size is 1.5 at batch size 10",
        ),
        (
            "study.json",
            lambda text: text.replace('"10": 1', '"10": "1"'),
            "a whole number from 1 to",
        ),
        ("study.json", lambda text: text.replace("[\n    0.9\n  ]", '"1"'), "'targets' is"),
        ("study.json", lambda text: text.replace("0.9\n", "0.9, 0.9\n"), "target 0.9 is listed 2"),
        (
            "study.json",
            lambda text: text.replace("10,\n", "10, 10,\n"),
            "batch size 10 is listed 2",
        ),
        ("study.json", lambda text: text.replace('"digits-1"', "null"), "'name' is missing"),
        (
            "study.json",
            lambda text: text.replace('"dataset": "digits"', '"dataset": 3'),
            "'dataset'",
        ),
        ("study.json", lambda _: "[" * 100_000, "study.json: this does not describe"),
        ("study.json", lambda text: text.replace("1000,", "1" * 5000), "does not describe a study"),
        (
            "study.json",
            lambda text: text.replace("[\n    10,", "[\n    11,"),
            "speed.csv: no row for batch size 11",
        ),
        (
            "training.csv",
            lambda text: text.replace("metric", "score"),
            "line 1: the column 'metric'",
        ),
        (
            "training.csv",
            lambda text: text.replace("0.95", "high"),
            "line 8: metric is 'high', which is not valid",
        ),
        (
            "training.csv",
            lambda text: text.replace(",0.95", ""),
            "line 8: the row has 5 cells, but the table 6",
        ),
        (
            "training.csv",
            lambda text: text.replace("150", "70"),
            "line 8: the steps of a run go back",
        ),
        (
            "training.csv",
            lambda text: text.replace("150", "1" * 400),
            "line 8: step is '1+...1+', which is not valid",
        ),
        (
            "training.csv",
            lambda text: text.replace("20,2,0.2,100", '"20,2,0.2,100'),
            "line 7: invalid CSV",
        ),
        ("training.csv", lambda _: "", "line 1: the file is empty"),
        (
            "speed.csv",
            lambda text: text.replace("0.02", "-0.02"),
            "line 2: step_seconds is '-0.02', which is not valid",
        ),
        (
            "speed.csv",
            lambda text: text.replace("20,", "twenty,"),
            "line 3: batch_size is 'twenty', which is not valid",
        ),
    ],
)
def test_bad_input_is_named_by_file_and_line(exported, file, change, message):
    if file != "trials.jsonl":
        (exported / "trials.jsonl").unlink()
    path = exported / file
    before = path.read_text()
    path.write_text(change(before))
    assert path.read_text() != before
    with pytest.raises(StoreError, match=message) as caught:
        import_study(exported)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("norm", "variance", "message"),
    [
        ("inf", "1.0", "line 2: grad_sqr_norm is 'inf', which is not valid"),
        ("1.0", "-inf", "line 2: grad_variance is '-inf', which is not valid"),
        (
            "1e-300",
            "1e300",
            "line 2: grad_variance 1e.300 and grad_sqr_norm 1e-300 give no plausible noise scale",
        ),
    ],
)
def test_gradient_statistics_that_tell_no_noise_scale_are_refused(
    exported, norm, variance, message
):
    path = exported / "training.csv"
    head, *told = path.read_text().splitlines()
    lines = [f"{head},grad_sqr_norm,grad_variance", *(f"{row},{norm},{variance}" for row in told)]
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(StoreError, match=message):
        read_recorded(exported)


def test_a_byte_order_mark_is_no_part_of_a_study(exported):
    (exported / "trials.jsonl").unlink()
    plain = import_study(exported)
    for path in exported.iterdir():
        path.write_text(path.read_text(), encoding="utf-8-sig")
    assert same(import_study(exported), plain)


@pytest.mark.parametrize("file", ["study.json", "training.csv", "speed.csv"])
def test_a_missing_file_is_named(exported, file):
    (exported / "trials.jsonl").unlink()
    (exported / file).unlink()
    with pytest.raises(StoreError, match=f"{file} cannot be read \\(No such file"):
        import_study(exported)


def test_what_is_no_text_or_no_folder_is_refused(exported, tmp_path):
    with pytest.raises(StoreError, match="is not a folder"):
        import_study(tmp_path / "nowhere")
    (exported / "trials.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StoreError, match=r"trials.jsonl cannot be read \(it is not UTF-8"):
        import_study(exported)


def test_a_newer_export_is_refused(exported):
    path = exported / "trials.jsonl"
    path.write_text(path.read_text().replace('{"version": 2', '{"version": 3', 1))
    with pytest.raises(StoreTooNew, match="newer rightbatch"):
        import_study(exported)


@pytest.fixture(scope="module")
def published():
    """Folders of the published studies that RIGHTBATCH_TRACES names."""
    return needs.published_studies()


def first_step(levels, target, better):
    return next(
        (step for step, metric in levels if metric == target or better(metric, target)), None
    )


def test_every_published_study_tells_the_same_steps_to_every_target(published):
    for folder in published:
        data = json.loads((folder / "study.json").read_text())
        recording = import_study(folder)
        better = recording.study.facts.goal.better
        assert recording.study.facts.goal.target == data["targets"][-1]
        levels = {}
        for row in rows(folder / "training.csv"):
            key = (int(row["batch_size"]), int(row["seed"]))
            levels.setdefault(key, []).append((int(row["step"]), float(row["metric"])))
        runs = {(t.probe.batch_size, t.probe.seed): t.result for t in recording.trials[1:]}
        assert len(runs) == len(recording.trials) - 1
        assert runs.keys() == {key for key in levels if key[0] in data["batch_sizes"]}
        for target in data["targets"]:
            for key, result in runs.items():
                read = [(point.step, point.metric) for point in result.points]
                assert first_step(read, target, better) == first_step(levels[key], target, better)


def test_every_published_study_tells_the_same_step_times(published):
    for folder in published:
        speeds = {
            int(r["batch_size"]): float(r["step_seconds"]) for r in rows(folder / "speed.csv")
        }
        data = json.loads((folder / "study.json").read_text())
        trial = import_study(folder).trials[0]
        told = {sample.batch_size: sample.step_seconds for sample in trial.result.samples}
        assert told == {size: speeds[size] for size in data["batch_sizes"]}


def told_by(folder):
    """All that a recorded study tells, but its micro-batches and gradient statistics."""
    told = read_recorded(folder)
    seen = sorted(each.examples for run in told.runs for each in run.curve.evaluations)
    return replace(
        told,
        speeds=tuple(replace(each, micro_batch_size=0) for each in told.speeds),
        runs=tuple(
            replace(
                run,
                curve=Curve(
                    tuple(
                        replace(each, examples=0, noise_scale=None)
                        for each in run.curve.evaluations
                    )
                ),
            )
            for run in sorted(told.runs, key=lambda run: run.batch_size)
        ),
    ), seen


def test_every_published_study_survives_a_second_export(published, tmp_path):
    for folder in published:
        recording = import_study(folder)
        copy = tmp_path / folder.name
        export_study(recording, copy)
        assert same(import_study(copy), recording)
        (copy / "trials.jsonl").unlink()
        (before, epochs), (after, again) = told_by(folder), told_by(copy)
        assert same(after, before)
        assert again == pytest.approx(epochs, abs=1 / before.examples_per_epoch)
        true = [[asked.seconds_to_target for asked in questions(each)] for each in (before, after)]
        assert true[0] == true[1]


def test_studies_of_one_data_set_are_of_one_data_set_after_a_second_export(tmp_path):
    for name, seconds in (("here", 1.0), ("there", 2.0)):
        told = replace(
            recorded({10: seconds}, {10: [100, None]}, targets=(1.0, 0.5), dataset="shared"),
            name=name,
        )
        export_study(import_study(write_files(tmp_path / name, told)), tmp_path / "again" / name)
    assert [read_recorded(path).targets for path in (tmp_path / "again").iterdir()] == (
        [(1.0, 0.5)] * 2
    )
    rows = replay_studies([tmp_path / "again"], find_policies(["exhaustive"]), 1)
    assert len(rows) == 4
    assert {row.dataset for row in rows} == {"shared"}
