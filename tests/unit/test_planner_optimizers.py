"""Studies of several optimizers: each with its own memory, noise scale and step times."""

from dataclasses import replace

import pytest
from simulated_world import (
    MIB,
    SimulatedOptimizer,
    World,
    next_ask,
    run_side_by_side,
    run_study,
    spent,
)

from rightbatch.decide.advise.recommend import advise, situation_of
from rightbatch.decide.learning.arms import make_arms
from rightbatch.decide.stages.fits import stage_fits
from rightbatch.decide.study import evidence
from rightbatch.records import (
    MemoryProbe,
    NoiseProbe,
    PredictProbe,
    Recording,
    Settings,
    SpeedProbe,
    Status,
    TrainingProbe,
)

NAMES = ("sgd", "adam", "rmsprop")
OPTIMIZERS = (
    SimulatedOptimizer("sgd"),
    SimulatedOptimizer("adam", "square_root", 1e-3, 2e-3, 200.0, 300.0, 600 * MIB, 50.0),
    SimulatedOptimizer("rmsprop", "square_root", 5e-4, 1e-3, 200.0, 350.0, 300 * MIB),
)
WORLD = World(optimizers=OPTIMIZERS, beta=2e-5, bytes_per_example=60 * MIB)
SETTINGS = Settings(optimizers=NAMES, training_budget_seconds=60.0)


@pytest.fixture(scope="module")
def recording() -> Recording:
    return run_study(WORLD, SETTINGS)


def probes(recording: Recording, kind: type, optimizer: str | None = None) -> list:
    found = [probe for _, probe in evidence.of_kind(recording.trials, kind)]
    return [probe for probe in found if optimizer in (None, probe.optimizer)]


# ---- memory ----


def test_the_more_an_optimizer_keeps_the_smaller_its_largest_batch(recording):
    found = {fit.optimizer: fit for fit in advise(recording).fits.memories}
    assert set(found) == set(NAMES)
    assert found["adam"].largest_batch_size < found["rmsprop"].largest_batch_size
    assert found["rmsprop"].largest_batch_size < found["sgd"].largest_batch_size
    for name, fit in found.items():
        truth = WORLD.largest_micro_batch(name)
        assert 0.96 * truth <= fit.largest_batch_size <= truth
        assert fit.safe_batch_size <= fit.largest_batch_size
        assert fit.capped_by == "memory"
        assert {size for size, _ in fit.points} == {
            probe.batch_size
            for probe in probes(recording, MemoryProbe, name)
            if probe.batch_size not in fit.failed
        }


def test_a_choice_keeps_to_what_fits_with_its_own_optimizer(recording):
    advice = advise(recording)
    safe = {fit.optimizer: fit.safe_batch_size for fit in advice.fits.memories}
    assert {choice.optimizer for choice in advice.by_optimizer} == set(NAMES)
    for choice in advice.by_optimizer:
        assert choice.micro_batch_size <= safe[choice.optimizer]
    for kind in (SpeedProbe, TrainingProbe):
        for probe in probes(recording, kind):
            assert probe.micro_batch_size <= safe[probe.optimizer]
    assert {probe.micro_batch_size for probe in probes(recording, SpeedProbe)} == {*safe.values()}


def test_what_is_told_first_is_of_the_recommended_optimizer(recording):
    advice = advise(recording)
    name = advice.recommended.optimizer
    fits = advice.fits
    assert {fits.memory.optimizer, fits.noise.optimizer, fits.speed.optimizer} == {name}


def test_what_the_first_optimizer_took_tells_the_others_where_to_look(recording):
    counts = [len(probes(recording, MemoryProbe, name)) for name in ("adam", "rmsprop", "sgd")]
    assert counts[0] > 2
    assert counts[1:] == [2, 2]


def test_another_memory_limit_is_held_against_the_trials_of_each_optimizer(recording):
    fits = advise(recording, memory_limit_bytes=2700 * MIB).fits  # 32 examples take adam 2,820
    assert fits.memory_of("adam").largest_batch_size is None
    assert fits.memory_of("rmsprop").safe_batch_size == 32
    assert fits.memory_of("sgd").safe_batch_size == 32


def test_two_trials_each_do_where_everything_fits():
    world = replace(WORLD, bytes_per_example=1000)
    recording = run_study(world, replace(SETTINGS, stages=("memory",)))
    for name in NAMES:
        assert len(probes(recording, MemoryProbe, name)) <= 3 if name == "adam" else 2
    assert {fit.capped_by for fit in advise(recording).fits.memories} == {"data_set_size"}


def test_an_optimizer_whose_state_leaves_no_room_is_told_beside_one_that_fits():
    heavy = replace(OPTIMIZERS[1], state_bytes=5000 * MIB)
    world = replace(WORLD, optimizers=(OPTIMIZERS[0], heavy))
    recording = run_study(world, replace(SETTINGS, optimizers=("sgd", "adam")))
    fits = advise(recording).fits
    assert fits.memory_of("adam").largest_batch_size is None
    assert fits.memory_of("sgd").largest_batch_size >= 0.96 * world.largest_micro_batch()
    assert {probe.micro_batch_size for probe in probes(recording, TrainingProbe, "adam")} <= {1}


def test_one_prediction_does_for_all_optimizers():
    recording = run_study(WORLD, replace(SETTINGS, stages=("memory",), budget_seconds=600.0))
    assert len(probes(recording, PredictProbe)) == 1
    for name in NAMES:
        found = advise(recording).fits.memory_of(name)
        assert found.largest_batch_size >= 0.96 * WORLD.largest_micro_batch(name)


def test_runs_side_by_side_have_their_own_optimizers_part_of_the_memory():
    settings = replace(SETTINGS, workers=2, budget_seconds=60.0)
    recording, _ = run_side_by_side(replace(WORLD, batch_size=8), settings)
    beside = [probe for probe in probes(recording, TrainingProbe) if probe.at_once == 2]
    assert beside
    for probe in beside:
        assert WORLD.peak_bytes(probe.micro_batch_size, probe.optimizer) <= WORLD.limit_bytes // 2


# ---- noise ----


def test_each_optimizer_has_a_noise_run_at_its_own_settings(recording):
    runs = probes(recording, NoiseProbe)
    assert [probe.optimizer for probe in runs] == list(NAMES)
    assert [probe.learning_rate for probe in runs] == [0.1, 1e-3, 5e-4]
    assert {probe.batch_size for probe in runs} == {WORLD.batch_size}
    wall = sum(t.wall_seconds for t in recording.trials if isinstance(t.probe, NoiseProbe))
    assert wall <= 0.08 * SETTINGS.budget_seconds


def test_each_optimizer_is_guided_by_its_own_noise_scale(recording):
    now = situation_of(recording)
    arms = make_arms(now, stage_fits(now), "time")
    guess = {arm.optimizer.name: arm.model.critical_guess for arm in arms}
    assert guess["adam"] == pytest.approx(2 * 50, rel=0.3)
    assert guess["sgd"] == pytest.approx(2 * 200, rel=0.3)


def test_a_noise_scale_that_is_not_known_is_not_taken_from_another_optimizer():
    world = replace(WORLD, noise_scale=None)  # adam's own is 50
    now = situation_of(run_study(world, replace(SETTINGS, budget_seconds=60.0)))
    guess = {
        a.optimizer.name: a.model.critical_guess for a in make_arms(now, stage_fits(now), "time")
    }
    assert guess["sgd"] is None
    assert guess["adam"] == pytest.approx(2 * 50, rel=0.3)


# ---- budgets and resuming ----


@pytest.mark.parametrize("budget", [10.0, 60.0])
@pytest.mark.parametrize("slowness", [1, 10])
def test_the_wall_clock_budget_is_kept(budget, slowness):
    world = replace(WORLD, alpha=slowness * 1e-3, beta=slowness * 2e-5)
    recording = run_study(world, Settings(budget_seconds=budget, optimizers=NAMES))
    assert spent(recording.trials) <= 1.1 * budget


def test_the_share_of_a_stage_is_that_of_all_optimizers_together():
    world = replace(WORLD, beta=1e-3, bytes_per_example=100_000)  # large sizes are slow to try
    recording = run_study(
        world, replace(SETTINGS, stages=("memory", "speed"), budget_seconds=300.0)
    )
    seconds = {
        name: sum(
            trial.wall_seconds
            for trial, probe in evidence.of_kind(recording.trials, MemoryProbe)
            if probe.optimizer == name
        )
        for name in NAMES
    }
    assert sum(seconds.values()) <= 1.1 * 0.08 * 300.0
    assert min(seconds.values()) >= 0.5 * max(seconds.values())


def test_a_resumed_study_asks_the_same_next_probe(recording):
    for count in range(len(recording.trials)):
        prefix = recording.trials[:count]
        assert next_ask(SETTINGS, prefix).probe == recording.trials[count].probe
    assert next_ask(SETTINGS, recording.trials) is None


def test_a_hung_memory_trial_leaves_the_study_time_to_go_on():
    world = replace(WORLD, hangs=tuple(range(33, 30_000)))
    recording = run_study(world, replace(SETTINGS, budget_seconds=60.0))
    assert [t.outcome.status for t in recording.trials].count(Status.HUNG) == 1
    assert all(probes(recording, TrainingProbe, name) for name in NAMES)
    assert spent(recording.trials) <= 66


# ---- studies of before, which measured memory and noise with one optimizer ----


def of_before(recording: Recording) -> Recording:
    """The recording with memory trials of adam alone, and the noise run of sgd alone."""
    kept = []
    for trial in recording.trials:
        only = {MemoryProbe: "adam", PredictProbe: "adam", NoiseProbe: "sgd"}.get(type(trial.probe))
        if only in (None, getattr(trial.probe, "optimizer", None)):
            kept.append(trial)
    return replace(recording, trials=tuple(kept))


def test_a_study_of_before_gives_advice_for_all_its_optimizers(recording):
    old = of_before(recording)
    advice = advise(old)
    assert len(old.trials) < len(recording.trials)
    (memory,), (noise,) = advice.fits.memories, advice.fits.noises
    assert {choice.optimizer for choice in advice.by_optimizer} == set(NAMES)
    for choice in advice.by_optimizer:
        assert choice.micro_batch_size <= memory.safe_batch_size
        assert advice.fits.noise_of(choice.optimizer) == noise


def test_a_study_of_before_goes_on_where_it_was(recording):
    old = of_before(recording).trials
    first = next(i for i, trial in enumerate(old) if isinstance(trial.probe, TrainingProbe))
    assert isinstance(next_ask(SETTINGS, old[: first + 1]).probe, TrainingProbe)
