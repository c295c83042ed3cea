"""Why a study ended: told from its settings and trials alone, in one sentence."""

from dataclasses import replace

import pytest
from recorded_fixture import study, write_files
from simulated_world import SimulatedOptimizer, World, next_ask, run_study

from rightbatch.decide.learning.race import next_move
from rightbatch.decide.learning.state import Choose, Race, RaceRun, Tuning
from rightbatch.decide.planners.asking import ask
from rightbatch.decide.planners.recommend import Recommend, how_it_ended
from rightbatch.exchange import import_study
from rightbatch.records import Curve, Evaluation, Goal, Run, Settings
from rightbatch.report.decisions import ending_sentence
from rightbatch.report.json import advice_json
from rightbatch.report.view import make_view

WORLD = World(beta=2e-5)
RULE = Settings(budget_seconds=300.0, learning_rates="rule")


@pytest.fixture(scope="module")
def raced():
    return run_study(WORLD, RULE)


def test_a_race_that_found_nothing_worth_its_time_tells_what_it_had_to_be_worth(raced):
    ending = how_it_ended(raced)
    assert ending.kind == "worth"
    assert ending.worth == Tuning().worth
    told = ending_sentence(ending)
    assert " of the 5 min budget left: " in told
    assert "was not expected to improve the time to goal by even 2.2%" in told


@pytest.mark.parametrize(
    ("world", "settings", "kind", "words"),
    [
        (WORLD, Settings(budget_seconds=8.0), "time", "the end of the budget: 7."),
        (
            WORLD,
            replace(RULE, one_off=True),
            "arrived",
            "that reached the goal",
        ),
        (
            WORLD,
            replace(RULE, learning_rates="search", training_budget_seconds=3.0),
            "training_time",
            "the end of the training budget: 3.0 s of 3.0 s used",
        ),
        (
            WORLD,
            Settings(budget_seconds=30.0, stages=("memory", "speed")),
            "stages",
            "the selected stages are done",
        ),
        (
            World(optimizers=(SimulatedOptimizer(user_rate=100.0),)),
            replace(RULE, budget_seconds=60.0),
            "exhausted",
            "there was nothing else to try",
        ),
    ],
    ids=["time", "one-off", "training budget", "stages", "all diverge"],
)
def test_each_way_to_end_is_told_with_its_numbers(world, settings, kind, words):
    ending = how_it_ended(run_study(world, settings))
    assert ending.kind == kind
    assert words in ending_sentence(ending)


def test_a_study_that_was_stopped_says_so_with_the_time_it_had(raced):
    stopped = replace(raced, study=replace(raced.study, finished=False), trials=raced.trials[:-1])
    told = ending_sentence(how_it_ended(stopped))
    assert told.startswith("Interrupted after ")
    assert told.endswith(" of the 5 min budget; resume the study to continue.")


def test_where_the_planner_would_go_on_and_little_was_left_it_was_time_that_ended_the_study(raced):
    trials = raced.trials[:8]
    spent = sum(trial.wall_seconds for trial in trials)
    settings = replace(RULE, budget_seconds=spent / 0.91)
    study = replace(raced.study, settings=settings)
    assert ask(settings, trials, spent) is not None
    assert how_it_ended(replace(raced, study=study, trials=trials)).kind == "time"


def test_a_study_of_another_version_that_would_go_on_is_not_said_to_have_run_out_of_time(raced):
    before = replace(raced, trials=raced.trials[:-1])
    assert next_ask(RULE, before.trials) is not None
    assert how_it_ended(before) is None


def test_a_published_study_was_not_planned_so_that_nothing_ended_it(tmp_path):
    recording = import_study(write_files(tmp_path / "told", study({8: 0.1}, {8: [100]})))
    assert how_it_ended(recording) is None
    told = advice_json(Recommend(recording.study.settings).conclude(recording))
    assert told["ended"] is None
    assert "recorded elsewhere" in told["ended_reason"]


def test_verdict_report_and_json_tell_it(raced):
    advice = Recommend(raced.study.settings).conclude(raced)
    told = ending_sentence(advice.ended)
    assert make_view(raced, advice).ended == told
    assert advice_json(advice)["ended"] == told


@pytest.mark.parametrize(("steps_left", "late"), [(5, True), (10_000, False)])
def test_a_race_tells_whether_time_alone_kept_it_from_a_run(steps_left, late):
    told = (Evaluation(step, 64.0 * step, step / 100) for step in (25, 50, 75, 100))
    arrived = RaceRun(0, Run(64, 0.1, 0, Curve(tuple(told))), 1.0, 100, arrived=True, ended=True)
    race = Race(
        goal=Goal("accuracy", "max", target=1.0),
        batch_sizes=(32, 64, 128),
        examples_per_epoch=1000,
        step_seconds={32: 0.8, 64: 1.0, 128: 1.2},
        runs=(arrived,),
        steps_left=dict.fromkeys((32, 64, 128), float(steps_left)),
    )
    move = next_move(race, "recurring", Tuning(in_time=0.9))
    assert isinstance(move, Choose) == late
    assert not late or move.late
