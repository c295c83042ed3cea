"""The race of batch sizes as the learning stage of a study, run through on simulated worlds."""

from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import pairwise

import pytest
from simulated_world import SimulatedOptimizer, World, carry_out, next_ask, run_study, spent

from rightbatch.api.settings import make_settings
from rightbatch.decide.advise.recommend import advise
from rightbatch.errors import UsageError
from rightbatch.records import (
    Outcome,
    Placement,
    Recording,
    Settings,
    Status,
    TrainingProbe,
    Trial,
)
from rightbatch.report.view import make_view
from rightbatch.science.evaluations import evaluated_step

CPU = Placement("cpu")
SETTINGS = Settings(training_budget_seconds=20.0, learning_rates="rule")
RULED = SimulatedOptimizer(rate_scale=400.0)
"""Its best learning rate follows the rule with twice the noise scale."""
WORLD = World(beta=2e-5, optimizers=(RULED,))


@cache
def raced(seed: int = 0, one_off: bool = False) -> Recording:
    return run_study(replace(WORLD, seed=seed), replace(SETTINGS, one_off=one_off))


def training(recording: Recording) -> list[Trial]:
    return [trial for trial in recording.trials if isinstance(trial.probe, TrainingProbe)]


def sizes(recording: Recording) -> list[int]:
    """The batch size of each run, in the order begun."""
    return [name[1] for name in dict.fromkeys(trial.probe.run for trial in training(recording))]


def lost(number: int, probe: TrainingProbe, status: Status = Status.OUT_OF_MEMORY) -> Trial:
    return Trial(number, probe, Outcome(status, advice="It was lost; try again."), None, 0.0, 1.0)


# ---- the choice ----


@pytest.mark.parametrize("critical", [40.0, 200.0, 1000.0])
def test_the_choice_is_near_the_best_and_found_in_a_few_trainings(critical):
    own = SimulatedOptimizer(rate_scale=critical)
    world = replace(WORLD, critical=critical, noise_scale=critical / 2, optimizers=(own,))
    recording = run_study(world, replace(SETTINGS, training_budget_seconds=100.0))
    advice = advise(recording)
    _, best = world.best()
    assert world.seconds(advice.batch_size, advice.learning_rate) < 1.15 * best
    assert advice.time_spent.training < 5 * best


def test_learning_rates_follow_the_rule_from_the_users_own():
    rates = {trial.probe.batch_size: trial.probe.learning_rate for trial in training(raced())}
    assert len(rates) > 1
    for size, rate in rates.items():
        assert rate == pytest.approx(WORLD.best_rate(size), rel=0.1)


@pytest.mark.parametrize("seed", range(4))
def test_a_one_off_ends_with_the_first_arrival_and_restarts_nothing(seed):
    trials = training(raced(seed, one_off=True))
    assert [trial.outcome.status for trial in trials[:-1]] == [Status.GOAL_NOT_REACHED] * (
        len(trials) - 1
    )
    assert trials[-1].outcome.status is Status.OK
    advice = advise(raced(seed, one_off=True))
    assert advice.batch_size == trials[-1].probe.batch_size
    assert len(sizes(raced(seed))) > 1  # a workload that is trained again is raced on


def test_fewest_examples_want_smaller_batches_than_fewest_steps():
    chosen = [
        advise(run_study(WORLD, replace(SETTINGS, objective=aim))).batch_size
        for aim in ("examples", "time", "steps")
    ]
    assert chosen == sorted(chosen)
    assert chosen[0] < chosen[-1]


def test_every_optimizer_asked_for_has_a_race():
    adam = SimulatedOptimizer("adam", "square_root", 2e-3, 2e-3, 1e9, steps_min=250.0)
    world = replace(WORLD, optimizers=(RULED, adam))
    settings = replace(SETTINGS, optimizers=("sgd", "adam"), training_budget_seconds=40.0)
    advice = advise(run_study(world, settings))
    assert {choice.optimizer for choice in advice.by_optimizer} == {"sgd", "adam"}
    assert advice.recommended.optimizer == "adam"


# ---- asking and telling ----


def test_a_resumed_study_asks_the_same_next_probe():
    trials = raced().trials
    for count in range(len(trials)):
        assert next_ask(SETTINGS, trials[:count]).probe == trials[count].probe
    assert next_ask(SETTINGS, trials) is None


def test_runs_pause_where_they_are_evaluated_and_go_on_from_there():
    before: dict[object, Trial] = {}
    for trial in training(raced()):
        probe, result = trial.probe, trial.result
        assert probe.pause
        limit = evaluated_step(probe.max_steps, probe.batch_size, WORLD.train_examples)
        assert limit == probe.max_steps
        if probe.run in before:
            assert result.earlier_seconds == before[probe.run].result.train_seconds
            assert probe.max_steps > before[probe.run].probe.max_steps
        before[probe.run] = trial


def test_a_limit_is_the_next_evaluation_short_last_batches_counted():
    assert evaluated_step(1, 100, 3200) == 1
    assert evaluated_step(2, 50, 3200) == 2
    steps = [evaluated_step(step, 64, 1437) for step in range(1, 400)]
    assert all(step <= limit for step, limit in enumerate(steps, start=1))
    assert all(a <= b for a, b in pairwise(steps))
    assert evaluated_step(1, 1437, 1437) == 1
    assert evaluated_step(24, 64, 1437) > 23  # 22.5 batches are 23 steps


@pytest.mark.parametrize("budget", [5.0, 30.0])
@pytest.mark.parametrize("slowness", [1, 10])
def test_the_wall_clock_budget_is_kept(budget, slowness):
    world = replace(WORLD, alpha=slowness * 1e-3, beta=slowness * 2e-5)
    settings = Settings(budget_seconds=budget, learning_rates="rule")
    assert spent(run_study(world, settings).trials) <= 1.1 * budget


def test_the_training_budget_is_kept():
    settings = replace(SETTINGS, training_budget_seconds=3.0)
    recording = run_study(WORLD, settings)
    assert 2.0 < advise(recording).time_spent.training <= 3.2


def test_a_goal_nobody_reaches_ends_with_the_budget():
    quick = replace(RULED, steps_min=50.0)
    world = replace(WORLD, top=0.7, metric_noise=0.0, optimizers=(quick,))
    recording = run_study(world, replace(SETTINGS, budget_seconds=40.0))
    assert len(set(sizes(recording))) > 1  # a run that stalls is challenged
    advice = advise(recording)
    assert advice.recommended.seconds_to_goal is None
    assert spent(recording.trials) <= 1.1 * 40.0


# ---- runs that fail ----


def test_a_race_ends_where_no_run_can_wait_for_another():
    trials: tuple[Trial, ...] = ()
    while asked := next_ask(SETTINGS, trials):
        trials = (*trials, carry_out(WORLD, asked.probe, len(trials) + 1, spent(trials)))
        assert len(trials) < 200
    assert advise(replace(raced(), trials=trials)).recommended.seconds_to_goal is not None


@pytest.mark.parametrize("one_off", [False, True])
@pytest.mark.parametrize("learning_rates", ["rule", "search"])
def test_on_an_accelerator_the_race_is_that_of_a_cpu(learning_rates, one_off):
    settings = replace(SETTINGS, learning_rates=learning_rates, one_off=one_off)
    world = World(beta=2e-5, optimizers=(RULED,))
    on_gpu = run_study(replace(world, device="cuda:0"), settings)
    elsewhere = [replace(t, probe=replace(t.probe, placement=CPU)) for t in training(on_gpu)]
    assert elsewhere == training(run_study(world, settings))


def test_sizes_whose_runs_are_lost_are_left_alone():
    trials = tuple(t for t in raced().trials if not isinstance(t.probe, TrainingProbe))
    asked_for = []
    while asked := next_ask(SETTINGS, trials):
        asked_for.append(asked.probe.batch_size)
        trials = (*trials, lost(len(trials) + 1, asked.probe))
    assert len(asked_for) == len(set(asked_for)) > 3
    assert advise(replace(raced(), trials=trials)).recommended.seconds_to_goal is None


def test_a_run_that_is_lost_as_it_goes_on_ends_its_batch_size():
    recording = raced()
    first, second, *_ = training(recording)
    assert second.probe.run == first.probe.run
    killed = lost(second.number, second.probe, Status.KILLED)
    resumed = run_study(WORLD, SETTINGS, (*recording.trials[: first.number], killed))
    later = training(resumed)[2:]
    assert first.probe.batch_size not in {trial.probe.batch_size for trial in later}
    assert advise(resumed).recommended.seconds_to_goal is not None


def test_a_batch_size_that_arrived_is_kept_though_its_next_run_is_lost():
    recording = raced()
    arrived = next(t for t in training(recording) if t.outcome.status is Status.OK)
    again = replace(arrived.probe, seed=7, max_steps=30)
    killed = lost(arrived.number + 1, again, Status.KILLED)
    resumed = run_study(WORLD, SETTINGS, (*recording.trials[: arrived.number], killed))
    later = [trial.probe for trial in training(resumed) if trial.number > killed.number]
    assert later[0].decision.against == arrived.probe.batch_size
    assert arrived.probe.batch_size not in {probe.batch_size for probe in later}


def test_batch_sizes_whose_rate_diverges_are_raced_no_more():
    steep = SimulatedOptimizer(user_rate=0.1, best_rate=0.1, rate_scale=40.0)
    world = replace(WORLD, optimizers=(steep,), cliff=0.5, noise_scale=400.0)
    recording = run_study(world, replace(SETTINGS, training_budget_seconds=60.0))
    diverged = [t.probe for t in training(recording) if t.outcome.status is Status.DIVERGED]
    assert diverged
    assert len({probe.batch_size for probe in diverged}) == len(diverged)
    choice = advise(recording).recommended
    assert choice.seconds_to_goal is not None
    assert choice.batch_size not in {probe.batch_size for probe in diverged}


# ---- what is told ----


def test_every_decision_is_told_in_the_report():
    recording = raced()
    view = make_view(recording, advise(recording))
    whys = [row[3] for row in view.decisions.rows]
    assert len(whys) == len(sizes(recording)) > 1
    assert whys[0].startswith("the cheapest given its speed")
    assert all(why.startswith("could beat the runs so far") for why in whys[1:])
    compared = {row[-1] for row in view.decisions.rows}
    assert "1.00×" in compared
    assert all("×" in told for told in compared)
    assert view.tried.rows[0][-1] == "recommended"
    assert ("Learning rates", "from the optimizer's scaling rule, not searched") in view.settings


def test_a_study_that_searches_learning_rates_tells_its_race_and_the_rates():
    recording = run_study(WORLD, Settings(training_budget_seconds=20.0))
    view = make_view(recording, advise(recording))
    whys = [row[3] for row in view.decisions.rows]
    assert sum(why.startswith("the cheapest given its speed") for why in whys) == 1
    assert sum("short run to compare learning rates" in why for why in whys) >= 2
    assert len(whys) > 3
    assert len({row[:2] for row in view.tried.rows}) == len(view.tried.rows) > 3
    looks = {trial.probe.learning_rate for trial in training(recording)[:3]}
    assert len(looks) == 3
    for trial in training(recording):
        assert trial.probe.decision.learning_rate == trial.probe.learning_rate


def test_where_runs_are_cheap_settings_that_may_be_the_best_are_told_apart_by_several_seeds():
    quick = World(alpha=1e-4, beta=5e-7, seed_noise=0.3, start_seconds=0.03)
    recording = run_study(quick, Settings(budget_seconds=90.0, training_budget_seconds=30.0))
    seeds = Counter((name[1], name[2]) for name in {t.probe.run for t in training(recording)})
    assert sum(count >= 8 for count in seeds.values()) >= 3
    assert max(seeds.values()) == 24
    advice = advise(recording)
    _, best = quick.best()
    assert quick.seconds(advice.batch_size, advice.learning_rate) < 1.1 * best


def test_the_setting_is_one_of_two_words():
    assert make_settings(learning_rates="rule").learning_rates == "rule"
    assert make_settings().learning_rates == "search"
    with pytest.raises(UsageError, match=r"must be 'search' or 'rule'. Your own rate belongs in"):
        make_settings(learning_rates="0.1")


def test_the_old_name_of_the_setting_is_accepted_with_a_warning():
    with pytest.warns(FutureWarning, match="now called learning_rates"):
        assert make_settings(learning_rate="rule").learning_rates == "rule"
