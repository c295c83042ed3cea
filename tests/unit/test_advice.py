"""Advice from recordings of simulated worlds and from published studies."""

import math
import re
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simulated_world import MIB, SimulatedOptimizer, World, carry_out, run_study, study_of

import needs
from rightbatch.decide.advise.recommend import advise
from rightbatch.decide.stages.noise import fit_noises
from rightbatch.errors import UsageError
from rightbatch.exchange import import_study
from rightbatch.records import (
    Advice,
    Decision,
    NoisePoint,
    NoiseProbe,
    NoiseResult,
    Outcome,
    Recording,
    Remark,
    Settings,
    Status,
    TrainingProbe,
    TrainingResult,
    Trial,
)
from rightbatch.report.decisions import sentence
from rightbatch.report.figures import make_figures
from rightbatch.report.json import advice_json
from rightbatch.report.sentences import say, say_all
from rightbatch.report.view import make_view

SETTINGS = Settings(training_budget_seconds=20.0)
WORLD = World(beta=2e-5)
TIGHT = World(
    train_examples=60_000,
    critical=3000.0,
    optimizers=(SimulatedOptimizer(rate_scale=3000.0, steps_min=60.0),),
    noise_scale=3000.0,
    alpha=2e-2,
    bytes_per_example=10 * MIB,
)


@pytest.fixture(scope="module")
def recording() -> Recording:
    return run_study(WORLD, SETTINGS)


@pytest.fixture(scope="module")
def tight() -> Recording:
    return run_study(TIGHT, Settings(budget_seconds=1000.0, training_budget_seconds=400.0))


def with_runs(world: World, runs: list[tuple[int, float, int]], stages: Settings) -> Recording:
    """The measuring stages, then training runs at given (batch size, octaves off, seed)."""
    recording = run_study(world, replace(stages, stages=("memory", "speed", "noise")))
    trials = recording.trials
    for size, octaves, seed in runs:
        rate = world.best_rate(size) * 2**octaves
        probe = TrainingProbe(
            "sgd", size, size, rate, seed, 10**6, 1e4, seconds_limit=1e4, reason="by hand"
        )
        trials = (*trials, carry_out(world, probe, len(trials) + 1))
    return Recording(study_of(world, stages), trials)


def seconds(advice: Advice) -> float:
    assert advice.recommended is not None
    assert advice.recommended.seconds_to_goal is not None
    return advice.recommended.seconds_to_goal.value


# ---- what must always hold ----


def test_more_memory_never_makes_it_slower(tight):
    limits = [400 * MIB * 2**k for k in range(6)]
    times = [seconds(advise(tight, memory_limit_bytes=limit)) for limit in limits]
    assert all(later <= sooner * 1.001 for sooner, later in pairwise(times))


@settings(max_examples=12, suppress_health_check=list(HealthCheck))
@given(
    critical=st.floats(10, 3000),
    knee=st.floats(16, 2000),
    batch=st.sampled_from([1, 8, 32, 256]),
    examples=st.integers(50, 30_000),
    off=st.floats(-3, 3),
    limit=st.integers(400, 4000),
    seed=st.integers(0, 5),
)
def test_every_choice_is_coherent(critical, knee, batch, examples, off, limit, seed):
    own = SimulatedOptimizer(user_rate=0.1 * 2**off, rate_scale=critical)
    world = World(
        train_examples=examples,
        batch_size=min(batch, examples),
        critical=critical,
        noise_scale=critical,
        optimizers=(own,),
        beta=1e-3 / knee,
        limit_bytes=limit * MIB,
        bytes_per_example=MIB,
        seed=seed,
    )
    recording = run_study(world, replace(SETTINGS, training_budget_seconds=8.0))
    advice = advise(recording)
    choice = advice.recommended
    assert choice is not None
    assert 1 <= choice.batch_size <= examples
    assert choice.learning_rate > 0
    if advice.near_optimal:
        assert choice.batch_size in advice.near_optimal
        assert list(advice.near_optimal) == sorted(set(advice.near_optimal))
    for one in (choice, advice.reference, *advice.by_optimizer):
        assert one.micro_batch_size * one.accumulation_steps >= one.batch_size
        assert one.micro_batch_size <= max(1, world.largest_micro_batch())
        assert one.steps_per_epoch == math.ceil(examples / one.batch_size)
        for estimate in (one.seconds_to_goal, one.steps_to_goal, one.epochs_to_goal):
            if estimate is not None:
                assert estimate.low <= estimate.value <= estimate.high
        if one.steps_to_goal is not None:
            epochs = one.steps_to_goal.value / one.steps_per_epoch
            assert one.epochs_to_goal.value == pytest.approx(epochs)
    assert all(reason.strip() for reason in say_all(advice.remarks.missing.values()))
    assert (advice.binding_constraint == "budget") or choice.seconds_to_goal is not None


@st.composite
def few_runs(draw) -> Recording:
    """A world drawn at random, its measuring stages and up to eight training runs."""
    critical, memory = draw(st.floats(10, 3000)), draw(st.integers(1, 12))
    world = World(
        train_examples=draw(st.integers(300, 20_000)),
        critical=critical,
        noise_scale=critical,
        optimizers=(SimulatedOptimizer(rate_scale=critical),),
        beta=1e-3 / draw(st.floats(16, 2000)),
        bytes_per_example=memory * MIB,
        seed_noise=draw(st.floats(0, 0.3)),
        seed=draw(st.integers(0, 99)),
    )
    sizes = st.sampled_from([size for size in (8, 32, 128, 300) if size <= world.train_examples])
    run = st.tuples(sizes, st.sampled_from([-2.0, -1.0, 0.0, 0.5]), st.integers(0, 3))
    runs = draw(st.lists(run, min_size=1, max_size=8, unique=True))
    return with_runs(world, runs, SETTINGS)


drawn = settings(max_examples=25, suppress_health_check=list(HealthCheck))


@drawn
@given(recording=few_runs(), limits=st.lists(st.integers(310, 8000), min_size=2, max_size=5))
def test_a_larger_memory_limit_never_lengthens_the_predicted_time(recording, limits):
    told = [advise(recording, memory_limit_bytes=limit * MIB) for limit in sorted(limits)]
    times = [seconds(advice) for advice in told if advice.recommended.seconds_to_goal]
    assert all(later <= sooner * (1 + 1e-9) for sooner, later in pairwise(times))
    for advice in told:
        assert not advice.near_optimal or advice.batch_size in advice.near_optimal


@drawn
@given(recording=few_runs(), order=st.randoms(use_true_random=False), twice=st.booleans())
def test_trials_in_any_order_or_told_twice_give_the_same_advice(recording, order, twice):
    trials = list(recording.trials)
    last = len(trials)
    trials += order.choices(recording.trials, k=5)
    if twice:  # as trials of their own
        trials[last:] = [replace(t, number=last + i) for i, t in enumerate(trials[last:], 1)]
    order.shuffle(trials)
    assert advise(replace(recording, trials=tuple(trials))) == advise(recording)


def test_every_run_once_more_with_the_same_ending_recommends_the_same_and_is_surer():
    """Other seeds that ended alike, at sizes so far apart that no call is close."""
    sizes = [(size, 0.0, seed) for size in (16, 64, 256, 1024) for seed in (0, 1)]
    once = with_runs(WORLD, sizes, SETTINGS)
    count = len(once.trials)
    again: list[Trial] = [
        replace(t, number=t.number + count, probe=replace(t.probe, seed=t.probe.seed + 9))
        for t in once.trials
        if isinstance(t.probe, TrainingProbe)
    ]
    one, two = advise(once), advise(replace(once, trials=(*once.trials, *again)))
    assert (one.batch_size, one.learning_rate) == (two.batch_size, two.learning_rate)
    width = [a.recommended.seconds_to_goal.high / a.recommended.seconds_to_goal.low
             for a in (one, two)]  # fmt: skip
    assert width[1] <= width[0]


def test_the_users_own_settings_are_predicted_beside(recording):
    reference = advise(recording).reference
    assert (reference.batch_size, reference.learning_rate) == (32, 0.1)
    truth = WORLD.seconds(32, 0.1)
    assert reference.seconds_to_goal.low * 0.8 <= truth <= reference.seconds_to_goal.high * 1.25


def test_the_prediction_comes_near_the_truth(recording):
    choice = advise(recording).recommended
    truth = WORLD.seconds(choice.batch_size, choice.learning_rate)
    assert choice.seconds_to_goal.value == pytest.approx(truth, rel=0.25)


# ---- what is not there is said ----


def test_stages_that_were_not_asked_for_are_named():
    advice = advise(run_study(WORLD, replace(SETTINGS, stages=("learning",))))
    for figure, stage in (("largest_batch_size", "memory"), ("noise_scale", "noise")):
        assert advice.remarks.missing[figure] == Remark.of("stage_not_selected", stage=stage)


def test_every_figure_that_is_none_has_a_reason(recording):
    first_look = replace(recording, trials=recording.trials[:1])
    for one in (recording, first_look, replace(recording, trials=recording.trials[:5])):
        advice = advise(one)
        fits = advice.fits
        learning = next(iter(fits.learning), None)
        for name, value in (
            ("largest_batch_size", fits.memory and fits.memory.largest_batch_size),
            ("knee_batch_size", fits.speed),
            ("noise_scale", fits.noise and fits.noise.noise_scale),
            ("critical_batch_size", learning and learning.critical_batch_size),
            ("batch_size", advice.recommended),
            (
                "predicted_seconds_to_goal",
                advice.recommended and advice.recommended.seconds_to_goal,
            ),
        ):
            assert (value is None) == (name in advice.remarks.missing), name


def test_a_study_that_never_saw_its_workload_cannot_be_advised_on(recording):
    blind = Recording(replace(recording.study, facts=None), ())
    with pytest.raises(UsageError, match="run it again"):
        advise(blind)


def test_time_spent_adds_up(recording):
    told = advise(recording).time_spent
    wall = sum(trial.wall_seconds for trial in recording.trials)
    assert told.training + told.measuring + told.overhead == pytest.approx(wall)
    assert told.training == pytest.approx(
        sum(
            t.result.train_seconds - t.result.earlier_seconds
            for t in recording.trials
            if isinstance(t.result, TrainingResult)
        )
    )


# ---- the same recording, asked otherwise ----


def test_another_objective_needs_no_new_trials(recording):
    sizes = {aim: advise(recording, aim).batch_size for aim in ("examples", "time", "steps")}
    assert sizes["examples"] <= sizes["time"] <= sizes["steps"]
    assert advise(recording, "steps").objective == "steps"


def test_a_smaller_memory_limit_accumulates(tight):
    free = advise(tight).recommended
    less = advise(tight, memory_limit_bytes=1200 * MIB).recommended
    assert less.micro_batch_size < free.micro_batch_size
    assert TIGHT.peak_bytes(less.micro_batch_size) <= 1200 * MIB


def test_a_smaller_memory_limit_makes_steps_longer_by_the_passes_it_adds(tight):
    told = [advise(tight), advise(tight, memory_limit_bytes=1200 * MIB)]
    free, less = (
        {row.batch_size: row.seconds.value / row.steps.value for row in fit.predictions}
        for fit in (advice.fits.learning[0] for advice in told)
    )
    micro = [advice.fits.memory.safe_batch_size for advice in told]
    size = max(free.keys() & less.keys())
    assert size > micro[0] > micro[1]
    updates = TIGHT.description().facts.updates(size)
    steps = sum(times for _, times in updates)
    passes = [sum(times * math.ceil(b / m) for b, times in updates) / steps for m in micro]
    alpha = told[0].fits.speed.alpha.value
    assert less[size] - free[size] == pytest.approx(alpha * (passes[1] - passes[0]))


def test_a_limit_that_nothing_fits_is_told(recording):
    advice = advise(recording, memory_limit_bytes=100 * MIB)
    assert any("No micro-batch tried fits" in told for told in say_all(advice.remarks.warnings))
    assert not any("No micro-batch" in told for told in say_all(advise(recording).remarks.warnings))


def test_a_metric_that_is_never_a_number_is_told():
    blind = replace(WORLD, top=math.nan, metric_noise=0.0)
    advice = advise(run_study(blind, replace(SETTINGS, budget_seconds=30.0)))
    assert any("the metric was NaN" in told for told in say_all(advice.remarks.warnings))
    far = replace(WORLD, top=0.7)
    advice = advise(run_study(far, replace(SETTINGS, budget_seconds=30.0)))
    assert not any("NaN" in told for told in say_all(advice.remarks.warnings))


# ---- what became of each run ----


def test_every_run_is_told_next_to_the_best():
    world = replace(WORLD, seed_noise=0.0, metric_noise=0.0, shape_noise=0.0, timing_noise=0.0)
    runs = [(128, 0.0, 0), (8, 0.0, 0), (128, -1.0, 0), (128, 3.0, 0)]
    recording = with_runs(world, runs, SETTINGS)
    short = replace(recording.trials[-3].probe, seed=5, max_steps=400)
    stopped = carry_out(world, short, len(recording.trials) + 1)
    (fit,) = advise(replace(recording, trials=(*recording.trials, stopped))).fits.learning
    best, small, slow, gone, given_up = (run.compared for run in fit.runs)
    assert best == Decision("best", 128, learning_rate=fit.runs[0].learning_rate)
    assert (small.kind, small.batch_size, small.against) == ("slower", 8, 128)
    truth = [world.seconds(b, world.best_rate(b)) for b in (8, 128)]
    assert small.difference == pytest.approx(truth[0] / truth[1] - 1, rel=0.15)
    assert (slow.kind, slow.against) == ("slower", 128)
    assert re.fullmatch(
        r"128 \(lr [\d.]+\): [\d.]+× the time of 128 \(lr [\d.]+\)", sentence(slow, "accuracy")
    )
    assert gone.kind == "diverged"
    assert given_up.kind == "behind"
    assert given_up.difference == pytest.approx(small.difference, rel=0.3)
    assert ": stopped at accuracy 0." in sentence(given_up, "accuracy")


# ---- what binds ----

SEVERAL = [(size, 0.0, seed) for size in (8, 32, 128, 512, 2048) for seed in (0, 1)]


def test_flat_costs_bind_nothing():
    """α is next to nothing and B_crit far away: examples alone count, at every batch size."""
    flat = World(
        critical=1e5,
        optimizers=(SimulatedOptimizer(steps_min=2.0),),
        alpha=1e-6,
        beta=1e-4,
        noise_scale=None,
        seed_noise=0.01,
    )
    advice = advise(with_runs(flat, SEVERAL, SETTINGS))
    assert advice.binding_constraint == "none"
    assert max(advice.near_optimal) >= 16 * min(advice.near_optimal)


@drawn
@given(beta=st.floats(1e-5, 1e-3), seed=st.integers(0, 99), noise=st.floats(0, 0.02))
def test_flat_is_said_to_be_flat(beta, seed, noise):
    flat = World(
        critical=1e5,
        optimizers=(SimulatedOptimizer(steps_min=2.0),),
        alpha=1e-6,
        beta=beta,
        noise_scale=None,
        seed_noise=noise,
        timing_noise=0.01,
        seed=seed,
    )
    assert advise(with_runs(flat, SEVERAL, SETTINGS)).binding_constraint == "none"


def test_costly_examples_bind_by_the_critical_batch_size():
    world = World(critical=30.0, alpha=1e-3, beta=5e-6, noise_scale=30.0, seed_noise=0.02)
    runs = [(size, 0.0, seed) for size in (4, 16, 64, 256, 1024, 8192) for seed in (0, 1)]
    assert advise(with_runs(world, runs, SETTINGS)).binding_constraint == "critical_batch_size"


def test_a_saturated_device_binds_by_throughput():
    world = World(critical=2000.0, alpha=1e-3, beta=1e-4, noise_scale=2000.0, seed_noise=0.02)
    runs = [(size, 0.0, seed) for size in (8, 32, 128, 512, 4096, 20000) for seed in (0, 1)]
    assert advise(with_runs(world, runs, SETTINGS)).binding_constraint == "throughput"


def test_a_small_training_set_binds():
    world = World(train_examples=600, critical=5000.0, noise_scale=5000.0, alpha=1e-2)
    runs = [(size, 0.0, seed) for size in (32, 128, 600) for seed in (0, 1)]
    advice = advise(with_runs(world, runs, SETTINGS))
    assert advice.batch_size == 600
    assert advice.binding_constraint == "data_set_size"


@pytest.mark.parametrize("limit", [{"max_batch_size": 128}, {"batch_sizes": (32, 64, 128)}])
def test_where_the_best_is_the_largest_considered_nothing_else_is_said_to_bind(limit):
    world = World(train_examples=600, critical=5000.0, noise_scale=5000.0, alpha=1e-2)
    runs = [(size, 0.0, seed) for size in (32, 64, 128) for seed in (0, 1)]
    advice = advise(with_runs(world, runs, replace(SETTINGS, **limit)))
    assert advice.batch_size == 128
    assert advice.binding_constraint == "sizes_considered"


def test_little_memory_binds():
    world = World(
        critical=5000.0,
        noise_scale=5000.0,
        alpha=2e-2,
        beta=1e-6,
        bytes_per_example=14 * MIB,
        seed_noise=0.01,
    )
    runs = [(size, 0.0, seed) for size in (16, 64, 128, 256) for seed in (0, 1)]
    advice = advise(with_runs(world, runs, SETTINGS))
    assert advice.binding_constraint == "memory"


def test_too_few_runs_bind_by_the_budget():
    advice = advise(with_runs(WORLD, [(64, 0.0, 0)], SETTINGS))
    assert advice.binding_constraint == "budget"
    assert advice.batch_size == 64


# ---- published studies ----


@pytest.fixture(
    params=needs.named_studies() or [None], ids=lambda path: getattr(path, "name", "none")
)
def directory(request):
    """The folder of one published study."""
    return request.param or needs.published_studies()


def test_the_published_studies_are_there():
    assert len(needs.published_studies()) >= 20


def test_published_studies_give_advice(directory):
    recording = import_study(directory)
    advice = advise(recording)
    choice = advice.recommended
    assert choice.batch_size in recording.study.settings.batch_sizes
    assert math.isfinite(seconds(advice))
    assert choice.batch_size in advice.near_optimal
    assert "nan" not in say(advice.remarks.headline)
    true = true_seconds(recording)
    assert true[choice.batch_size] <= 1.5 * min(true.values())


def test_published_power_tells_the_batch_size_of_the_least_energy(directory):
    recording = import_study(directory)
    power = dict(recording.trials[0].result.power_watts)
    if not power:
        with pytest.raises(UsageError, match="no measurement of power"):
            advise(recording, "energy")
        return
    true = {size: taken * power[size] for size, taken in true_seconds(recording).items()}
    assert true[advise(recording, "energy").batch_size] <= 1.05 * min(true.values())


def true_seconds(recording: Recording) -> dict[int, float]:
    """Mean training seconds to the goal at each batch size, all its seeds counted."""
    by_size: dict[int, list[float]] = {}
    for trial in recording.trials:
        if isinstance(trial.probe, TrainingProbe) and isinstance(trial.result, TrainingResult):
            goal = recording.study.facts.goal
            there = [p.seconds for p in trial.result.points if goal.reached_by(p.metric)]
            by_size.setdefault(trial.probe.batch_size, []).append(
                min(there, default=trial.result.train_seconds)
            )
    return {size: sum(times) / len(times) for size, times in by_size.items()}


def stopped_early(goal: str) -> Recording:
    """The measuring stages, then three training runs that end before accuracy 0.9."""
    world = replace(WORLD, goal=goal)
    trials = run_study(world, replace(SETTINGS, stages=("memory", "speed", "noise"))).trials
    for size, steps in ((16, 40), (16, 20), (64, 30)):
        rate = world.best_rate(size)
        probe = TrainingProbe(
            "sgd", size, size, rate, steps, steps, 1e4, seconds_limit=1e4, reason="by hand"
        )
        trials = (*trials, carry_out(world, probe, len(trials) + 1))
    return Recording(study_of(world, SETTINGS), trials)


def test_no_cost_to_the_goal_is_told_while_no_run_has_reached_it():
    recording = stopped_early("accuracy >= 0.9")
    advice = advise(recording)
    told = advice_json(advice)
    assert "no run reached accuracy >= 0.9" in told["headline"]
    assert {row["batch_size"] for row in told["results"]} == {16, 64}
    for row in told["results"]:
        assert (row["runs_reached"], row["runs_censored"]) == (
            0,
            2 if row["batch_size"] == 16 else 1,
        )
        for figure in ("steps", "examples", "seconds"):
            assert row[f"predicted_{figure}_to_goal"] is None
            assert "No training run" in row[f"predicted_{figure}_to_goal_reason"]
    (fit,) = advice.fits.learning
    assert fit.target == 0.9
    assert fit.critical_batch_size is None
    assert all(run.steps is None for run in fit.runs)
    assert {run.compared.kind for run in fit.runs} <= {"unrivalled", "behind", "ahead"}
    page = make_view(recording, advice)
    assert {row[4] for row in page.sizes.rows} == {"not known"}
    assert {row[5] for row in page.sizes.rows} == {"0 of 1", "0 of 2"}
    assert "time" in make_figures(page)


def test_the_best_level_within_a_limit_counts_as_reached():
    advice = advise(stopped_early("best accuracy within 60s"))
    (fit,) = advice.fits.learning
    assert sum(row.runs_reached for row in fit.predictions) == 1
    assert any(math.isfinite(row.seconds.value) for row in fit.known)
    assert advice.recommended.seconds_to_goal is not None


def test_what_differs_from_the_users_own_training_is_told(recording):
    facts = replace(recording.study.facts, notes=("The sampler is left out.",))
    told = advise(replace(recording, study=replace(recording.study, facts=facts)))
    assert say(told.remarks.warnings[0]) == "The sampler is left out."
    assert told.remarks.warnings[1:] == advise(recording).remarks.warnings


def test_gradients_that_overflow_are_not_called_too_noisy():
    probe = NoiseProbe("adam", 8, 0.1, 4, 4, 2, (0,), 0, seconds=1.0)
    for norms, why in (
        ((math.inf, 1.0), "gradients_overflowed"),
        ((1.0, 2.0), "gradient_lost_in_noise"),
    ):
        result = NoiseResult((NoisePoint(0, 0, 4, 16, norms, norms[::-1]),))
        (fit,) = fit_noises([Trial(1, probe, Outcome(Status.OK), result, 0.0, 1.0)])
        assert fit.noise_scale is None
        assert fit.reason == Remark.of(why)
