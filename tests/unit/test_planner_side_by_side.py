"""The planner with several training runs under way, on simulated worlds."""

import math
from dataclasses import replace

import numpy as np
import pytest
from simulated_world import (
    MIB,
    SimulatedOptimizer,
    World,
    carry_out,
    next_ask,
    run_side_by_side,
    run_study,
    spent,
)

from rightbatch.api.settings import make_settings
from rightbatch.decide.advise.recommend import advise
from rightbatch.decide.learning.belief import Belief
from rightbatch.decide.learning.state import Candidate, Race, RaceRun, Tuning
from rightbatch.decide.planners.asking import ask, is_over
from rightbatch.decide.planners.recommend import how_it_ended
from rightbatch.decide.study import evidence
from rightbatch.errors import UsageError
from rightbatch.records import (
    Curve,
    Evaluation,
    Goal,
    MemoryProbe,
    Outcome,
    Remark,
    Run,
    Settings,
    Status,
    TrainingProbe,
    TrainingResult,
    Trial,
)

WORLD = World(beta=2e-5)
ONE = Settings(training_budget_seconds=20.0)
TWO = replace(ONE, workers=2)
THREE = replace(ONE, workers=3, training_budget_seconds=None, budget_seconds=60.0)


@pytest.fixture(scope="module", params=[TWO, THREE], ids=["two", "three, by the clock"])
def study(request):
    return run_side_by_side(WORLD, request.param)


def learned(recording) -> list[Trial]:
    return [trial for trial in recording.trials if isinstance(trial.probe, TrainingProbe)]


def trained(recording) -> float:
    return evidence.training_seconds(recording.trials)


def test_training_runs_alone_go_side_by_side_as_many_as_asked_for(study):
    recording, seen = study
    workers = recording.study.settings.workers
    assert max(len(probes) for probes in seen) == workers
    for probes in seen:
        assert len(probes) == 1 or all(isinstance(probe, TrainingProbe) for probe in probes)
    assert {probe.at_once for *_, probe in seen if isinstance(probe, TrainingProbe)} == {workers}


def test_runs_under_way_are_different_runs_at_different_settings(study):
    _, seen = study
    together = [probes for probes in seen if len(probes) > 1]
    assert all(len({probe.run for probe in probes}) == len(probes) for probes in together)
    pairs = [{(probe.batch_size, probe.learning_rate) for probe in probes} for probes in together]
    assert np.mean([len(pair) > 1 for pair in pairs]) > 0.8


def test_a_run_goes_on_only_when_its_trial_is_known(study):
    recording, _ = study
    told: dict[object, Trial] = {}
    for trial in learned(recording):
        before = told.get(trial.probe.run)
        if before is not None:
            assert before.outcome.status is Status.GOAL_NOT_REACHED
            assert trial.started >= before.started + before.wall_seconds
        told[trial.probe.run] = trial


def test_budgets_are_kept_and_used_unless_nothing_more_is_worth_its_time(study):
    recording, _ = study
    settings = recording.study.settings
    wall = evidence.wall_seconds(recording.trials)
    assert wall < 1.06 * settings.budget_seconds
    if settings.training_budget_seconds is not None:
        assert 0.5 * settings.training_budget_seconds < trained(recording)
        assert trained(recording) < 1.05 * settings.training_budget_seconds
    else:
        finished = replace(recording, study=replace(recording.study, finished=True))
        assert wall > 0.8 * settings.budget_seconds or how_it_ended(finished).kind == "worth"
        assert wall > 0.5 * settings.budget_seconds
        assert trained(recording) > 1.3 * wall


def test_with_nothing_under_way_the_same_run_is_asked_for_as_by_one_worker():
    recording = run_study(WORLD, replace(THREE, workers=1))
    for count in range(len(recording.trials)):
        prefix = recording.trials[:count]
        alone = ask(replace(THREE, workers=1), prefix, spent(prefix))
        beside = ask(THREE, prefix, spent(prefix))
        if isinstance(alone.probe, TrainingProbe):
            assert beside.probe.micro_batch_size <= alone.probe.micro_batch_size
            of_one = {"at_once": 1, "micro_batch_size": alone.probe.micro_batch_size}
            beside = replace(beside, probe=replace(beside.probe, **of_one))
        assert beside == alone


def test_no_more_are_asked_for_than_workers_and_none_beside_another_kind():
    recording = run_study(WORLD, TWO)
    runs = [trial.probe for trial in learned(recording)]
    first = recording.trials.index(learned(recording)[0])
    prefix = recording.trials[:first]
    assert ask(TWO, prefix, spent(prefix), runs[:1]) is not None
    assert ask(TWO, prefix, spent(prefix), runs[:2]) is None
    assert ask(ONE, prefix, spent(prefix), runs[:1]) is None
    other = prefix[-1].probe
    assert ask(TWO, prefix[:-1], spent(prefix), [other]) is None


def test_a_second_worker_begins_with_a_pilot_beside_the_first_run():
    before = tuple(
        t for t in run_study(WORLD, TWO).trials if not isinstance(t.probe, TrainingProbe)
    )
    first = ask(TWO, before, spent(before)).probe
    second = ask(TWO, before, spent(before), [first]).probe
    assert first.batch_size == second.batch_size
    assert math.log2(first.learning_rate / second.learning_rate) == pytest.approx(2.0)


def test_training_time_is_promised_once():
    before = tuple(
        t for t in run_study(WORLD, TWO).trials if not isinstance(t.probe, TrainingProbe)
    )
    first = ask(TWO, before, spent(before)).probe
    whole = replace(first, max_seconds=ONE.training_budget_seconds)
    assert ask(TWO, before, spent(before), [whole]) is None


@pytest.mark.parametrize("count", [9, 14])
def test_a_study_resumes_without_what_was_under_way(study, count):
    recording, _ = study
    settings = recording.study.settings
    again, _ = run_side_by_side(WORLD, settings, recording.trials[:count])
    assert again.trials[:count] == recording.trials[:count]
    wall = evidence.wall_seconds(again.trials)
    assert wall < 1.06 * settings.budget_seconds
    assert advise(again).recommended.seconds_to_goal is not None


def test_a_one_off_is_over_with_the_first_model_whatever_is_under_way():
    settings = replace(TWO, one_off=True)
    recording, _ = run_side_by_side(WORLD, settings)
    over = [is_over(settings, recording.trials[:n]) for n in range(len(recording.trials) + 1)]
    assert over.index(True) == 1 + next(
        i
        for i, t in enumerate(recording.trials)
        if t.outcome.status is Status.OK and t in learned(recording)
    )
    first = recording.trials[: over.index(True)]
    assert ask(settings, first, 1.0, [learned(recording)[-1].probe]) is None
    assert not is_over(TWO, recording.trials)


@pytest.mark.parametrize(("limit", "at_once"), [(2048 * MIB, 3), (900 * MIB, 2), (500 * MIB, 1)])
def test_runs_share_the_memory_limit_or_are_fewer(limit, at_once):
    """300 MiB are needed whatever the batch size: a third of 900 MiB does not hold that."""
    world = World(beta=2e-5, limit_bytes=limit, bytes_per_example=200_000)
    recording, _ = run_side_by_side(world, replace(THREE, budget_seconds=30.0))
    probes = [trial.probe for trial in learned(recording)]
    assert {probe.at_once for probe in probes} == {at_once}
    used = {world.peak_bytes(min(p.batch_size, p.micro_batch_size)) for p in probes}
    assert max(used) <= limit / at_once


def test_the_advice_says_that_runs_were_side_by_side_and_that_they_were_fewer_than_asked():
    world = World(beta=2e-5, limit_bytes=900 * MIB, bytes_per_example=200_000)
    three = advise(run_side_by_side(world, replace(THREE, budget_seconds=30.0))[0])
    assert Remark.of("runs_side_by_side", at_once=2) in three.remarks.reasons
    assert Remark.of("fewer_side_by_side", at_once=2, workers=3) in three.remarks.warnings
    alone = advise(run_study(WORLD, ONE))
    said = (*alone.remarks.reasons, *alone.remarks.warnings)
    assert not any("side_by_side" in remark.code for remark in said)
    assert alone.time_spent.overlapped == pytest.approx(0.0, abs=1e-9)


def test_the_time_spent_is_that_of_each_run_and_what_they_share(study):
    recording, _ = study
    spent = advise(recording).time_spent
    assert spent.overlapped > 1
    assert spent.wall == pytest.approx(evidence.wall_seconds(recording.trials))


def test_no_worker_at_all_is_refused():
    with pytest.raises(UsageError, match="`workers` is 0; it must be at least 1"):
        make_settings(workers=0)
    assert make_settings(workers=3).workers == 3
    assert make_settings(workers=2, learning_rates="rule").workers == 2


RULE = Settings(budget_seconds=300.0, learning_rates="rule")


def test_batch_sizes_at_the_rules_rates_race_side_by_side_to_the_same_choice_in_less_time():
    alone = run_study(WORLD, RULE)
    beside, seen = run_side_by_side(WORLD, replace(RULE, workers=2))
    assert advise(beside).batch_size == advise(alone).batch_size
    assert evidence.wall_seconds(beside.trials) < evidence.wall_seconds(alone.trials)
    assert max(len(probes) for probes in seen) == 2
    rates = {probe.batch_size: probe.learning_rate for *_, probe in seen if in_training(probe)}
    assert all(t.probe.learning_rate == rates[t.probe.batch_size] for t in learned(beside))


def in_training(probe) -> bool:
    return isinstance(probe, TrainingProbe)


def test_before_any_arrival_other_batch_sizes_are_begun_beside_the_cheapest():
    _, seen = run_side_by_side(WORLD, replace(RULE, workers=3))
    first = next(probes for probes in seen if sum(map(in_training, probes)) == 3)
    assert len({probe.batch_size for probe in first}) == 3
    assert {probe.seed for probe in first} == {0}
    assert [probe.decision.kind for probe in first] == ["begin", "race", "race"]
    assert {probe.decision.against for probe in first[1:]} == {first[0].batch_size}


def test_with_one_batch_size_to_try_a_second_worker_waits_for_the_first_arrival():
    settings = replace(RULE, workers=2, batch_sizes=(64,))
    _, seen = run_side_by_side(WORLD, settings)
    until = [probes for probes in seen if in_training(probes[-1])]
    assert len(until[0]) == len(until[1]) == 1


def test_a_one_off_at_the_rules_rates_ends_with_the_first_of_the_runs_side_by_side():
    recording, _ = run_side_by_side(WORLD, replace(RULE, workers=2, one_off=True))
    assert is_over(recording.study.settings, recording.trials)


def test_without_a_memory_stage_as_many_run_as_asked_for():
    settings = replace(TWO, stages=("speed", "learning"))
    recording, _ = run_side_by_side(WORLD, settings)
    assert not any(isinstance(trial.probe, MemoryProbe) for trial in recording.trials)
    assert {trial.probe.at_once for trial in learned(recording)} == {2}


def test_two_optimizers_are_trained_side_by_side():
    world = World(beta=2e-5, optimizers=(SimulatedOptimizer("sgd"), SimulatedOptimizer("momentum")))
    settings = replace(TWO, optimizers=("sgd", "momentum"), training_budget_seconds=40.0)
    recording, seen = run_side_by_side(world, settings)
    together = [{probe.optimizer for probe in probes} for probes in seen if len(probes) > 1]
    assert sum(len(names) == 2 for names in together) > len(together) / 2
    assert trained(recording) < 1.05 * 40.0


def test_steps_slowed_by_each_other_do_not_change_what_a_step_is_said_to_take():
    slow, _ = run_side_by_side(replace(WORLD, crowding=1.8), TWO)
    choice = advise(slow).recommended
    truth = WORLD.seconds(choice.batch_size, choice.learning_rate)
    assert choice.seconds_to_goal.value == pytest.approx(truth, rel=0.25)


def test_choices_are_as_good_as_those_of_one_worker():
    regrets = []
    for seed in range(4):
        world = World(beta=2e-5, seed=seed)
        recording, _ = run_side_by_side(world, replace(TWO, training_budget_seconds=40.0))
        choice = advise(recording).recommended
        cost = world.seconds(choice.batch_size, choice.learning_rate)
        regrets.append(cost / world.best()[1])
    assert np.mean(regrets) < 1.15
    assert max(regrets) < 1.4


# ---- time ----


def run_at(started, wall, at_once=2):
    probe = TrainingProbe(
        "sgd", 8, 8, 0.1, int(started), 9, 9.0, seconds_limit=20.0, at_once=at_once
    )
    result = TrainingResult((), wall, 0.0)
    return Trial(1, probe, Outcome(Status.OK), result, started, wall)


def test_wall_clock_time_of_runs_side_by_side_counts_once():
    beside = [run_at(100.0, 10.0), run_at(102.0, 3.0), run_at(108.0, 4.0), run_at(120.0, 1.0)]
    assert evidence.wall_seconds(beside) == pytest.approx(13.0)
    assert evidence.wall_seconds(reversed(beside)) == pytest.approx(13.0)


def test_wall_clock_time_of_trials_alone_is_their_sum_whatever_clocks_say():
    alone = [run_at(0.0, 2.0, at_once=1), run_at(0.0, 3.0, at_once=1)]
    assert evidence.wall_seconds(alone) == pytest.approx(5.0)


# ---- what is believed of runs under way ----


def test_a_believed_run_leaves_the_mean_and_narrows_what_is_known_beside_it():
    goal, sizes = Goal("accuracy", "max", target=1.0), (16, 32, 64, 128)
    curve = Curve(tuple(Evaluation(step, 32.0 * step, step / 100) for step in (50, 100)))
    best = RaceRun(0, Run(32, 0.1, 0, curve), 1.0, 100, arrived=True, ended=True)
    beside = RaceRun(1, Run(64, 0.1, 0), 1.0, octaves=0.5, going=True)
    alone = replace(beside, going=False)
    octaves, seconds = (-0.5, 0.0, 0.5), {size: size / 32 for size in sizes}
    then, known = (
        Belief(Race(goal, sizes, 10_000, seconds, (best, run), octaves=octaves), Tuning())
        for run in (beside, alone)
    )
    assert then.candidates == known.candidates
    for candidate in known.candidates:
        assert then.log_seconds(candidate) == pytest.approx(known.log_seconds(candidate))
    assert then.gain(beside.candidate) < 0.5 * known.gain(beside.candidate)
    near, far = Candidate(64, 0.0), Candidate(32, -0.5)
    assert then.gain(near) < 0.8 * known.gain(near)
    assert then.gain(near) / known.gain(near) < then.gain(far) / known.gain(far)


def test_carried_out_studies_of_one_worker_are_what_the_loop_of_one_makes():
    recording, _ = run_side_by_side(WORLD, ONE)
    assert all(trial.probe.at_once == 1 for trial in learned(recording))
    assert next_ask(ONE, recording.trials) is None
    assert carry_out(WORLD, recording.trials[1].probe, 2).result == recording.trials[1].result
