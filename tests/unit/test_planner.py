"""The planner as an ask/tell state machine, run through on simulated worlds."""

import math
from dataclasses import dataclass, replace

import pytest
from simulated_world import (
    MIB,
    SimulatedOptimizer,
    World,
    carry_out,
    next_ask,
    run_study,
    spent,
)

from rightbatch.decide.advise.recommend import advise
from rightbatch.decide.planners.asking import Ask, ask
from rightbatch.decide.study import evidence
from rightbatch.records import (
    DescribeProbe,
    Ending,
    MemoryProbe,
    MemoryResult,
    NoiseProbe,
    Outcome,
    PredictProbe,
    Recording,
    Remark,
    Settings,
    SpeedProbe,
    Status,
    TrainingProbe,
    TrainingResult,
    Trial,
)
from rightbatch.report.decisions import sentence
from rightbatch.report.sentences import say, say_all
from rightbatch.report.view import make_view

WORLD = World(beta=2e-5)
SETTINGS = Settings(training_budget_seconds=20.0)


@pytest.fixture(scope="module")
def recording() -> Recording:
    return run_study(WORLD, SETTINGS)


def probes(recording: Recording, kind: type) -> list:
    return [trial.probe for trial in recording.trials if isinstance(trial.probe, kind)]


def training(recording: Recording) -> list[Trial]:
    return [trial for trial in recording.trials if isinstance(trial.probe, TrainingProbe)]


def trained_seconds(recording: Recording) -> float:
    return sum(
        t.result.train_seconds - t.result.earlier_seconds
        for t in recording.trials
        if isinstance(t.result, TrainingResult)
    )


# ---- the order of things ----


def test_stages_come_in_order(recording):
    order = [DescribeProbe, MemoryProbe, SpeedProbe, NoiseProbe, TrainingProbe]
    places = [order.index(type(trial.probe)) for trial in recording.trials]
    assert places == sorted(places)
    assert set(places) == set(range(5))


def test_only_the_stages_asked_for_are_run():
    recording = run_study(WORLD, replace(SETTINGS, stages=("memory", "speed")))
    assert {type(t.probe) for t in recording.trials} == {DescribeProbe, MemoryProbe, SpeedProbe}


def test_every_run_has_a_reason(recording):
    decisions = [probe.decision for probe in probes(recording, TrainingProbe)]
    assert decisions
    assert all(len(sentence(decision, "accuracy").split()) >= 3 for decision in decisions)
    fit = advise(recording).fits.learning[0]
    assert all(run.decisions and run.compared is not None for run in fit.runs)


def test_a_seed_comes_back_only_where_its_run_goes_on(recording):
    told: dict[object, Trial] = {}
    for trial in recording.trials:
        if isinstance(trial.probe, TrainingProbe):
            before = told.get(trial.probe.run)
            if before is not None:
                assert before.outcome.status is Status.GOAL_NOT_REACHED
                assert trial.probe.max_steps > before.result.points[-1].step
                assert trial.result.earlier_seconds == before.result.train_seconds
            told[trial.probe.run] = trial


def test_one_off_ends_with_the_first_run_that_reaches_the_goal_and_goes_on_with_pilots():
    went_on = 0
    for seed in range(6):
        world = World(seed=seed, optimizers=(SimulatedOptimizer(user_rate=0.05),))
        once = run_study(world, replace(SETTINGS, one_off=True))
        arrived = [t for t in once.trials if t.outcome.status is Status.OK and learned(t)]
        assert arrived == [once.trials[-1]]
        went_on += sum(t.result.earlier_seconds > 0 for t in once.trials if learned(t))
        advice = advise(once)
        assert advice.batch_size == arrived[0].probe.batch_size
        wall = sum(trial.wall_seconds for trial in once.trials)
        assert advice.time_spent.to_model == pytest.approx(wall)
        again = advise(run_study(world, SETTINGS)).time_spent
        assert again.to_model < again.training + again.measuring + again.overhead
    assert went_on > 0


def test_a_one_off_on_an_accelerator_ends_with_the_first_arrival_and_starts_no_run_anew():
    for seed in range(4):
        world = World(seed=seed, device="cuda:0", optimizers=(SimulatedOptimizer(user_rate=0.05),))
        once = run_study(world, replace(SETTINGS, one_off=True))
        runs = [t for t in once.trials if learned(t)]
        assert [t for t in runs if t.outcome.status is Status.OK] == [once.trials[-1]]
        assert sum(t.result.earlier_seconds == 0 for t in runs) == len({t.probe.run for t in runs})
        assert advise(once).batch_size == runs[-1].probe.batch_size


def learned(trial: Trial | Ask) -> bool:
    return isinstance(trial.probe, TrainingProbe)


def test_a_run_that_went_on_is_one_run_with_the_time_of_all_its_parts():
    world = World(seed=1)
    once = run_study(world, replace(SETTINGS, one_off=True))
    last = once.trials[-1].probe
    half = replace(last, max_steps=once.trials[-1].result.points[-1].step // 2)
    parts: tuple[Trial, ...] = ()
    for probe in (half, last):
        parts = (*parts, carry_out(world, probe, len(parts) + 1, 0.0, parts))
    (run,) = evidence.runs(parts, "sgd")
    assert (run.trial, run.status) == (2, Status.OK)
    assert evidence.training_seconds(parts) == pytest.approx(run.train_seconds)


def test_a_run_whose_process_was_lost_is_told_by_its_longest_trial_and_all_its_time_counts():
    world = World(seed=1)
    last = run_study(world, replace(SETTINGS, one_off=True)).trials[-1].probe
    whole = carry_out(world, last, 1).result.points[-1].step
    paused = carry_out(world, replace(last, max_steps=whole // 2), 1)
    anew = carry_out(world, replace(last, max_steps=whole // 3), 2)
    (run,) = evidence.runs((paused, anew), "sgd")
    assert run.trial == 1
    spent_on_both = paused.result.train_seconds + anew.result.train_seconds
    assert evidence.training_seconds((paused, anew)) == pytest.approx(spent_on_both)


def test_a_one_off_of_several_optimizers_ends_with_the_first_that_reaches_the_goal():
    world = World(optimizers=(SimulatedOptimizer("sgd"), SimulatedOptimizer("momentum")))
    once = run_study(world, replace(SETTINGS, optimizers=("sgd", "momentum"), one_off=True))
    arrived = [t for t in once.trials if t.outcome.status is Status.OK and learned(t)]
    assert arrived == [once.trials[-1]]


def test_a_one_off_measures_less_before_it_trains():
    again, once = (run_study(WORLD, replace(SETTINGS, one_off=off)) for off in (False, True))
    assert evidence.measuring_seconds(once.trials) < 0.5 * evidence.measuring_seconds(again.trials)


@pytest.mark.parametrize(
    ("goal", "waits"), [(WORLD.goal, True), ("best accuracy within 2s", False)]
)
def test_a_run_that_ends_at_its_limit_does_not_wait(goal, waits):
    recording = run_study(replace(WORLD, goal=goal), SETTINGS)
    assert {probe.pause for probe in probes(recording, TrainingProbe)} == {waits}


def test_milestones_ascend_in_steps_and_in_levels():
    recording = run_study(World(beta=2e-5, goal="best accuracy within 2s"), SETTINGS)
    raced = [probe for probe in probes(recording, TrainingProbe) if probe.milestones]
    assert raced
    for probe in raced:
        steps = [step for step, _ in probe.milestones]
        levels = [level for _, level in probe.milestones]
        assert steps == sorted(steps)
        assert levels == sorted(levels)


def test_a_resumed_study_asks_the_same_next_probe(recording):
    for count in range(len(recording.trials)):
        prefix = recording.trials[:count]
        asked = next_ask(SETTINGS, prefix)
        assert asked is not None
        assert asked.probe == recording.trials[count].probe
    assert next_ask(SETTINGS, recording.trials) is None


def test_a_first_look_that_failed_is_made_again():
    trial = Trial(1, DescribeProbe(), Outcome(Status.HUNG, advice="It hung."), None, 0.0, 60.0)
    assert isinstance(ask(Settings(), (trial,), 0.0).probe, DescribeProbe)


@pytest.mark.parametrize("budget", [3.0, 30.0, 180.0])
def test_a_first_look_may_take_all_of_the_budget_and_hardly_more(budget):
    probe = ask(Settings(budget_seconds=budget), (), 0.0).probe
    assert isinstance(probe, DescribeProbe)
    assert budget < probe.seconds_limit < 1.1 * budget


def test_progress_is_a_share_that_never_passes_one(recording):
    for count in range(1, len(recording.trials)):
        asked = next_ask(SETTINGS, recording.trials[:count])
        assert 0 <= asked.done <= asked.then <= 1
        assert asked.seconds_left >= 0


# ---- memory ----


@pytest.mark.parametrize("bytes_per_example", [250_000, 3_000_000, 60_000_000])
@pytest.mark.parametrize("fixed_bytes", [20 * MIB, 900 * MIB])
def test_the_memory_search_finds_the_limit_in_few_trials(bytes_per_example, fixed_bytes):
    world = World(bytes_per_example=bytes_per_example, fixed_bytes=fixed_bytes)
    recording = run_study(world, Settings(stages=("memory",)))
    ran = [t.probe.batch_size for t in recording.trials if isinstance(t.result, MemoryResult)]
    truth = world.largest_micro_batch()
    assert truth < world.train_examples
    assert max(ran) <= truth
    assert max(ran) >= min(0.96 * truth, truth - 1)
    assert len(probes(recording, MemoryProbe)) <= 8


class HeapThatDiffers(World):
    """Adam takes 12% more than SGD told; what takes up to a tenth more than fits tells its peak."""

    def peak_bytes(self, batch_size, optimizer="sgd"):
        more = 1.12 if optimizer == "adam" else 1.0
        return int(more * super().peak_bytes(batch_size, optimizer))

    def _memory(self, probe):
        peak = self.peak_bytes(probe.batch_size, probe.optimizer)
        if not self.limit_bytes < peak < 1.1 * self.limit_bytes:
            return super()._memory(probe)
        result = MemoryResult(peak, self.fixed_bytes, self.step_seconds(probe.batch_size))
        return (
            Outcome(Status.OUT_OF_MEMORY, advice="It does not fit; use a smaller one."),
            result,
            1.0,
        )


def test_a_peak_above_the_limit_tells_where_the_limit_is():
    world = HeapThatDiffers(
        fixed_bytes=400 * MIB, bytes_per_example=180_000, limit_bytes=1024 * MIB,
        optimizers=(SimulatedOptimizer(), SimulatedOptimizer("adam", state_bytes=240 * MIB)),
        alpha=1e-4,
    )  # fmt: skip
    settings = Settings(stages=("memory",), optimizers=("sgd", "adam"))
    recording = run_study(world, settings)
    sizes = [p.batch_size for p in probes(recording, MemoryProbe) if p.optimizer == "adam"]
    assert len(sizes) <= 5, sizes
    assert {fit.capped_by for fit in advise(recording).fits.memories} == {"memory"}


@dataclass(frozen=True)
class Unlucky(World):
    """A size that fails although it fits: its heap had more holes than others'."""

    unlucky: int = 0

    def _memory(self, probe):
        outcome, result, wall = super()._memory(probe)
        if probe.batch_size == self.unlucky:
            return Outcome(Status.OUT_OF_MEMORY, advice="It does not fit; use less."), None, wall
        return outcome, result, wall


@pytest.mark.parametrize(("device", "found"), [("cpu", 0.96), ("cuda", 0.9)])
def test_a_size_that_failed_against_what_others_say_is_looked_beyond_once_on_a_cpu(device, found):
    plain = Unlucky(bytes_per_example=700_000, predicted_share=0.94, device=device)
    asked = Settings(stages=("memory",))
    truth = plain.largest_micro_batch()
    lucky = run_study(plain, asked)
    first = next(p.batch_size for p in probes(lucky, MemoryProbe) if p.batch_size > 0.8 * truth)
    recording = run_study(replace(plain, unlucky=first), asked)
    largest = advise(recording).fits.memory.largest_batch_size
    assert found * truth <= largest <= truth
    assert len(recording.trials) <= len(lucky.trials) + 4


def test_the_memory_search_stops_at_the_training_set():
    recording = run_study(World(train_examples=3000), Settings(stages=("memory",)))
    sizes = [p.batch_size for p in probes(recording, MemoryProbe)]
    assert max(sizes) == 3000
    assert advise(recording).fits.memory.capped_by == "data_set_size"


def test_the_memory_search_stops_at_the_largest_size_allowed():
    settings = Settings(stages=("memory",), max_batch_size=500)
    recording = run_study(World(), settings)
    assert max(p.batch_size for p in probes(recording, MemoryProbe)) == 500
    assert advise(recording).fits.memory.capped_by == "max_batch_size"


def test_a_reference_batch_that_does_not_fit_is_searched_below():
    world = World(batch_size=256, bytes_per_example=100 * MIB)
    recording = run_study(world, replace(SETTINGS, training_budget_seconds=10.0))
    first = next(t for t in recording.trials if isinstance(t.probe, MemoryProbe))
    assert first.outcome.status is Status.OUT_OF_MEMORY
    memory = advise(recording).fits.memory
    assert memory.largest_batch_size == world.largest_micro_batch()
    assert all(
        p.micro_batch_size <= memory.largest_batch_size for p in probes(recording, TrainingProbe)
    )


def test_nothing_fits_at_all():
    recording = run_study(World(fixed_bytes=9000 * MIB), Settings(stages=("memory",)))
    assert {t.outcome.status for t in recording.trials[1:]} == {Status.OUT_OF_MEMORY}
    advice = advise(recording)
    assert advice.recommended is None
    assert advice.binding_constraint == "memory"
    assert advice.remarks.missing["largest_batch_size"] == Remark.of("no_micro_batch_fits")
    assert say(advice.remarks.headline).startswith("Not enough data")


@pytest.mark.parametrize("share", [1.1, 1.0, 0.85, 0.7])
def test_a_prediction_saves_trials_even_where_it_is_rough(share):
    world = World(bytes_per_example=700_000, predicted_share=share)
    recording = run_study(world, Settings(stages=("memory",)))
    fit = advise(recording).fits.memory
    assert len(probes(recording, PredictProbe)) == 1
    assert fit.largest_batch_size >= 0.96 * world.largest_micro_batch()
    assert fit.trials == len(recording.trials) - 1 <= 6
    assert fit.predicted.code == "memory_predicted"


def test_inference_is_asked_for_in_every_trial_and_keeps_no_batch_size():
    settings = Settings(stages=("memory",), inference=True, batch_size=20_000)
    recording = run_study(World(bytes_per_example=700_000), settings)
    assert all(trial.probe.inference for trial in recording.trials[1:])
    assert advise(recording).fits.memory.accumulation is None
    assert {p.accumulation_steps for p in probes(recording, MemoryProbe)} == {1}


def test_where_steps_cannot_be_followed_small_sizes_tell_where_to_look():
    world = World(bytes_per_example=700_000, predicted_share=None)
    recording = run_study(world, Settings(stages=("memory",)))
    fit = advise(recording).fits.memory
    assert len(probes(recording, PredictProbe)) == 1
    assert fit.largest_batch_size >= 0.96 * world.largest_micro_batch()
    assert fit.predicted in advise(recording).remarks.reasons
    assert "could not be predicted" in say(fit.predicted)


def test_nothing_is_predicted_where_everything_fits_or_time_is_short():
    roomy = run_study(World(bytes_per_example=1000), Settings(stages=("memory",)))
    assert not probes(roomy, PredictProbe)
    heavy = replace(WORLD, bytes_per_example=700_000)
    short = run_study(heavy, replace(SETTINGS, budget_seconds=60.0))
    assert not probes(short, PredictProbe)
    assert probes(run_study(heavy, replace(SETTINGS, budget_seconds=600.0)), PredictProbe)


def test_where_the_first_memory_trial_hangs_it_is_not_said_that_nothing_fits():
    world = World(beta=2e-5, hangs=(32,))
    advice = advise(run_study(world, replace(SETTINGS, stages=("memory",))))
    assert advice.reference.micro_batch_size == 32
    assert advice.remarks.missing["largest_batch_size"] == Remark.of("no_memory_trial_finished")


class Cramped(World):
    """A world in which no step can be timed either."""

    def _speed(self, probe):
        return Outcome(Status.OUT_OF_MEMORY, advice="It does not fit; use less."), None, 0.1


def test_where_nothing_fits_the_study_comes_to_an_end_and_says_what_to_do():
    recording = run_study(Cramped(limit_bytes=100 * MIB), SETTINGS)
    assert [probe.batch_sizes for probe in probes(recording, SpeedProbe)] == [(1,)]
    told = make_view(recording, advise(recording))
    assert told.recommended is None
    assert "Nothing tried fits" in told.next_step


def test_a_hung_memory_trial_leaves_the_study_time_to_go_on():
    world = World(beta=2e-5, hangs=tuple(range(33, 30_000)))
    recording = run_study(world, replace(SETTINGS, budget_seconds=60.0))
    hung = [t for t in recording.trials if t.outcome.status is Status.HUNG]
    assert len(hung) == 1
    assert advise(recording).recommended.seconds_to_goal is not None
    assert spent(recording.trials) <= 66


def test_a_hung_training_run_leaves_the_study_time_to_go_on():
    settings = replace(SETTINGS, budget_seconds=60.0)
    first = probes(run_study(World(), settings), TrainingProbe)[0]

    class Stuck(World):
        def _training(self, probe):
            if (probe.batch_size, probe.learning_rate) == (first.batch_size, first.learning_rate):
                return Outcome(Status.HUNG, advice="It hung."), None, probe.seconds_limit
            return super()._training(probe)

    recording = run_study(Stuck(), settings)
    assert any(t.outcome.status is Status.HUNG for t in recording.trials)
    assert advise(recording).recommended.seconds_to_goal is not None
    assert spent(recording.trials) <= 66


def test_a_hung_memory_trial_ends_the_search():
    _, second, *more = probes(run_study(World(), Settings(stages=("memory",))), MemoryProbe)
    assert more
    hangs = World(hangs=(second.batch_size,))
    recording = run_study(hangs, Settings(stages=("memory",)))
    assert probes(recording, MemoryProbe)[-1].batch_size == second.batch_size
    assert any("hung" in warning for warning in say_all(advise(recording).remarks.warnings))


# ---- budgets ----


@pytest.mark.parametrize("budget", [5.0, 30.0, 180.0])
@pytest.mark.parametrize("slowness", [1, 10])
def test_the_wall_clock_budget_is_kept(budget, slowness):
    world = World(alpha=slowness * 1e-3, beta=slowness * 2e-5)
    recording = run_study(world, Settings(budget_seconds=budget))
    assert spent(recording.trials) <= 1.1 * budget


@pytest.mark.parametrize("budget", [2.0, 15.0, 60.0])
def test_the_training_budget_is_kept(budget):
    settings = Settings(budget_seconds=1000.0, training_budget_seconds=budget)
    recording = run_study(World(beta=2e-5), settings)
    step = max(
        World(beta=2e-5).step_seconds(p.batch_size) for p in probes(recording, TrainingProbe)
    )
    assert trained_seconds(recording) <= budget + 2 * step


def test_the_training_budget_is_kept_where_runs_that_waited_are_lost():
    settings = Settings(budget_seconds=1000.0, training_budget_seconds=10 * WORLD.best()[1])
    trials: tuple[Trial, ...] = ()
    again = 0
    while asked := next_ask(settings, trials):
        told = (t.probe.run for t in trials if learned(t))
        again += learned(asked) and asked.probe.run in told
        trials = (*trials, carry_out(WORLD, asked.probe, len(trials) + 1, spent(trials)))
    assert again > 0
    step = max(WORLD.step_seconds(t.probe.batch_size) for t in trials if learned(t))
    assert evidence.training_seconds(trials) <= settings.training_budget_seconds + 2 * step


def test_no_time_left_asks_for_nothing(recording):
    assert ask(SETTINGS, recording.trials[:6], SETTINGS.budget_seconds) is None


# ---- learning rates ----


def test_a_rate_that_diverged_is_not_asked_for_again_nor_one_above_it():
    hot = SimulatedOptimizer(user_rate=1.6, best_rate=0.1)
    recording = run_study(World(optimizers=(hot,), beta=2e-5), SETTINGS)
    ceilings: dict[int, float] = {}
    diverged = 0
    for trial in training(recording):
        size, rate = trial.probe.batch_size, trial.probe.learning_rate
        assert rate < ceilings.get(size, math.inf)
        if trial.outcome.status is Status.DIVERGED:
            ceilings[size], diverged = rate, diverged + 1
    assert diverged >= 1
    assert advise(recording).recommended.seconds_to_goal is not None


@pytest.mark.parametrize("times", [1 / 8, 8])
def test_a_learning_rate_eight_times_off_is_recovered_from(times):
    world = World(optimizers=(SimulatedOptimizer(user_rate=0.1 * times),), beta=2e-5)
    choice = advise(run_study(world, SETTINGS)).recommended
    off = math.log2(choice.learning_rate / world.best_rate(choice.batch_size))
    assert abs(off) < 1.6


SCARCE = Settings(training_budget_seconds=10 * WORLD.best()[1])
"""Time for about ten of the best runs."""


@pytest.mark.parametrize("times", [1 / 4, 1, 4])
def test_where_time_is_short_the_best_learning_rate_is_mostly_checked_to_both_sides(times):
    checked = []
    for seed in range(4):
        own = SimulatedOptimizer(user_rate=0.1 * times)
        recording = run_study(replace(WORLD, optimizers=(own,), seed=seed), SCARCE)
        choice = advise(recording).recommended
        near = [
            math.log2(probe.learning_rate / choice.learning_rate)
            for probe in probes(recording, TrainingProbe)
            if abs(math.log2(probe.batch_size / choice.batch_size)) <= 1
        ]
        below = any(-1.5 < octaves < -0.4 for octaves in near)
        checked.append(below and any(0.4 < octaves < 1.5 for octaves in near))
    assert sum(checked) >= 3


def test_where_time_is_short_runs_stay_beside_the_best():
    rivals = 0
    for seed in range(4):
        recording = run_study(replace(WORLD, seed=seed), SCARCE)
        for probe in probes(recording, TrainingProbe):
            if probe.decision.kind == "race":
                rivals += 1
                assert abs(math.log2(probe.batch_size / probe.decision.against)) <= 1.1
    assert rivals > 0


# ---- what the user restricts ----


def test_exactly_the_batch_sizes_asked_for_are_tried():
    world = World(train_examples=500, critical=40.0)
    settings = Settings(batch_sizes=(1, 32, 0), training_budget_seconds=60.0)
    recording = run_study(world, settings)
    tried = {p.batch_size for p in probes(recording, TrainingProbe)}
    assert tried == {1, 32, 500}
    advice = advise(recording)
    assert [name for name, _ in advice.regimes] == ["stochastic", "mini-batch", "full batch"]
    assert [choice.batch_size for _, choice in advice.regimes] == [1, 32, 500]


def test_sizes_asked_for_are_run_again_where_the_best_learning_rate_is_far_from_the_rule():
    own = SimulatedOptimizer(user_rate=0.01, best_rate=0.16, rate_scale=1e9)
    world = World(train_examples=500, critical=40.0, optimizers=(own,), alpha=2e-5, beta=1e-7)
    settings = Settings(batch_sizes=(1, 32, 0), training_budget_seconds=60.0)
    recording = run_study(world, settings, most=3000)
    for size in (1, 32, 500):  # the user's rate, by the rule, is four octaves off
        rates = [p.learning_rate for p in probes(recording, TrainingProbe) if p.batch_size == size]
        off = min(abs(math.log2(rate / world.best_rate(size))) for rate in rates)
        assert off < 2, (size, rates)


def test_each_regime_is_told_with_the_optimizer_that_reaches_the_goal_soonest():
    pair = (SimulatedOptimizer(), SimulatedOptimizer("adam", "square_root", 1e-3, 2e-3, 1e9, 250.0))
    settings = Settings(
        batch_sizes=(1, 32, 0), optimizers=("sgd", "adam"), training_budget_seconds=60.0
    )
    recording = run_study(World(train_examples=500, critical=40.0, optimizers=pair), settings)
    advice = advise(recording)
    rows = [row for fit in advice.fits.learning for row in fit.predictions if row.runs_reached]
    for _, choice in advice.regimes:
        least = min(r.seconds.value for r in rows if r.batch_size == choice.batch_size)
        assert choice.seconds_to_goal.value == pytest.approx(least)


class HoldsLess(World):
    """Steps that are timed need more memory than the memory stage saw."""

    def _speed(self, probe):
        if probe.micro_batch_size > 16:
            return Outcome(Status.OUT_OF_MEMORY, advice="Use a smaller micro-batch."), None, 0.5
        return super()._speed(probe)


def test_steps_that_run_out_of_memory_are_timed_at_smaller_sizes_until_they_fit():
    recording = run_study(HoldsLess(beta=2e-5), SETTINGS)
    told = advise(recording)
    assert told.fits.speed is not None
    assert any("ran out of memory although" in text for text in say_all(told.remarks.warnings))


def test_where_no_step_fits_memory_binds_and_the_remedy_is_not_time():
    class HoldsNothing(HoldsLess):
        def _speed(self, probe):
            return Outcome(Status.OUT_OF_MEMORY, advice="Use a smaller micro-batch."), None, 0.5

    recording = run_study(HoldsNothing(beta=2e-5), SETTINGS)
    told = advise(recording)
    assert (told.recommended, told.binding_constraint) == (None, "memory")
    told = replace(told, ended=Ending("untimed"))
    assert "Use a smaller micro-batch." in make_view(recording, told).next_step


def test_every_optimizer_asked_for_gets_runs():
    pair = (
        SimulatedOptimizer(),
        SimulatedOptimizer("adam", "square_root", 1e-3, 2e-3, steps_min=250.0),
    )
    settings = replace(SETTINGS, optimizers=("sgd", "adam"), training_budget_seconds=30.0)
    recording = run_study(World(optimizers=pair, beta=2e-5), settings)
    tried = [p.optimizer for p in probes(recording, TrainingProbe)]
    assert tried.count("sgd") >= 2
    assert tried.count("adam") >= 2
    advice = advise(recording)
    assert {choice.optimizer for choice in advice.by_optimizer} == {"sgd", "adam"}
    assert advice.recommended.optimizer == "adam"


def slower(trial: Trial, optimizer: str) -> Trial:
    """The trial, with steps of one optimizer taking twice as long where they were timed."""
    if not isinstance(trial.probe, SpeedProbe) or trial.probe.optimizer != optimizer:
        return trial
    samples = trial.result.samples
    twice = tuple(replace(s, compute_seconds=2 * s.compute_seconds) for s in samples)
    return replace(trial, result=replace(trial.result, samples=twice))


def test_each_optimizer_asked_for_is_timed_and_judged_by_its_own_steps():
    pair = (SimulatedOptimizer(), SimulatedOptimizer("adam", "square_root", 1e-3, 1e-3))
    settings = replace(SETTINGS, optimizers=("sgd", "adam"))
    recording = run_study(World(optimizers=pair, beta=2e-5), settings)
    timed = probes(recording, SpeedProbe)
    assert [probe.optimizer for probe in timed] == ["sgd", "adam"]
    assert sum(probe.seconds for probe in timed) <= 0.12 * settings.budget_seconds
    trials = tuple(slower(trial, "adam") for trial in recording.trials)
    before, after = (
        {fit.optimizer: fit.predictions for fit in advise(told).fits.learning}
        for told in (recording, replace(recording, trials=trials))
    )
    for name, times in (("sgd", 1), ("adam", 2)):
        assert before[name]
        for row, then in zip(before[name], after[name], strict=True):
            assert then.seconds.value == pytest.approx(times * row.seconds.value)
    assert advise(replace(recording, trials=trials)).recommended.optimizer == "sgd"


def test_without_being_asked_only_the_workloads_own_optimizer_is_studied():
    pair = (SimulatedOptimizer(), SimulatedOptimizer("adam"))
    recording = run_study(World(optimizers=pair), replace(SETTINGS, training_budget_seconds=5.0))
    assert {p.optimizer for p in probes(recording, TrainingProbe)} == {"sgd"}


# ---- goals and objectives ----


def test_best_within_epochs_keeps_to_the_epochs_with_the_short_last_step_of_each():
    world = World(train_examples=2000, batch_size=300, goal="best accuracy within 10 epochs")
    recording = run_study(world, replace(SETTINGS, batch_sizes=(300, 600, 1200)))
    runs = [(trial.probe.batch_size, trial.probe.max_steps) for trial in training(recording)]
    for size, steps in runs:
        assert steps <= 10 * math.ceil(2000 / size)
    assert runs[0][1] == 10 * math.ceil(2000 / runs[0][0])
    assert advise(recording).recommended.seconds_to_goal is not None


def test_best_within_seconds_keeps_to_the_seconds():
    world = World(beta=2e-5, goal="best accuracy within 2s")
    recording = run_study(world, SETTINGS)
    for trial in training(recording):
        assert trial.result.train_seconds <= 2.0 * 1.25
    advice = advise(recording)
    assert advice.recommended is not None
    assert Remark.of("goal_without_target") in advice.remarks.warnings


def test_fewest_examples_want_smaller_batches_than_fewest_steps():
    chosen = {}
    for objective in ("examples", "time", "steps"):
        settings = replace(SETTINGS, objective=objective)
        chosen[objective] = advise(run_study(WORLD, settings)).batch_size
    assert chosen["examples"] < chosen["steps"]
    assert chosen["examples"] <= chosen["time"] <= chosen["steps"]


def test_least_energy_wants_smaller_batches_where_power_grows_with_them():
    world = replace(WORLD, power_watts=(50.0, 1.0))
    chosen = {}
    for objective in ("time", "energy", "cost"):
        settings = replace(SETTINGS, objective=objective, price_per_hour=2.0)
        advice = advise(run_study(world, settings))
        assert advice.recommended.joules_to_goal is not None
        chosen[objective] = advice.batch_size
    assert chosen["energy"] < chosen["time"] == chosen["cost"]


# ---- odd workloads ----


@pytest.mark.parametrize("examples", [2, 3, 4, 5, 7, 10])
def test_tiny_training_sets_are_no_trouble(examples):
    world = World(train_examples=examples, batch_size=min(4, examples), critical=3.0)
    recording = run_study(world, replace(SETTINGS, budget_seconds=20.0))
    advice = advise(recording)
    assert 1 <= advice.batch_size <= examples
    assert all(p.batch_size <= examples for p in probes(recording, TrainingProbe))


def test_a_reference_of_one_example():
    world = World(train_examples=1000, batch_size=1, critical=30.0)
    advice = advise(run_study(world, SETTINGS))
    assert advice.batch_size > 1
    assert advice.reference.batch_size == 1


def test_a_reference_larger_than_the_training_set():
    world = World(train_examples=100, batch_size=512, critical=30.0)
    recording = run_study(world, SETTINGS)
    assert all(p.batch_size <= 100 for p in probes(recording, MemoryProbe))
    assert 1 <= advise(recording).batch_size <= 100


def test_a_goal_nobody_reaches_still_gives_a_first_guess():
    world = World(top=0.7, beta=2e-5)
    recording = run_study(world, replace(SETTINGS, budget_seconds=60.0))
    assert all(t.outcome.status is not Status.OK for t in training(recording))
    advice = advise(recording)
    assert advice.binding_constraint == "budget"
    assert advice.recommended is not None
    assert advice.recommended.seconds_to_goal is None
    assert say(advice.remarks.headline).startswith("Not enough data")
    assert "predicted_seconds_to_goal" in advice.remarks.missing


def test_a_first_guess_is_never_a_setting_that_diverged():
    hot = SimulatedOptimizer(user_rate=6.4, best_rate=0.1)
    world = World(optimizers=(hot,), top=0.7, beta=2e-5)
    recording = run_study(world, replace(SETTINGS, budget_seconds=60.0))
    diverged = [t.probe for t in training(recording) if t.outcome.status is Status.DIVERGED]
    choice = advise(recording).recommended
    assert diverged
    for probe in diverged:
        assert choice.batch_size != probe.batch_size or choice.learning_rate < probe.learning_rate


def test_a_noise_scale_that_cannot_be_measured_is_done_without():
    recording = run_study(World(noise_scale=None, beta=2e-5), SETTINGS)
    advice = advise(recording)
    assert advice.fits.noise.noise_scale is None
    assert advice.remarks.missing["noise_scale"] == Remark.of("gradient_lost_in_noise")
    assert advice.recommended.seconds_to_goal is not None


def test_a_noisy_machine_is_told():
    advice = advise(run_study(World(timing_noise=0.5, beta=2e-5), SETTINGS))
    assert advice.fits.speed.noisy
    assert any("Noisy" in warning for warning in say_all(advice.remarks.warnings))


def test_speed_stage_skipped_still_leads_to_a_choice():
    advice = advise(run_study(WORLD, replace(SETTINGS, stages=("memory", "learning"))))
    assert advice.fits.speed is None
    why = advice.remarks.missing["knee_batch_size"]
    assert why == Remark.of("stage_not_selected", stage="speed")


def test_sizes_whose_runs_are_lost_are_left_alone(recording):
    """Every run runs out of memory before it measures anything."""
    trials = tuple(t for t in recording.trials if not isinstance(t.probe, TrainingProbe))
    sizes = []
    while asked := next_ask(SETTINGS, trials):
        sizes.append(asked.probe.batch_size)
        lost = Outcome(Status.OUT_OF_MEMORY, advice="It does not fit; use a smaller micro-batch.")
        trials = (*trials, Trial(len(trials) + 1, asked.probe, lost, None, 0.0, 1.0))
    assert len(sizes) == len(set(sizes)) > 3
    assert advise(replace(recording, trials=trials)).recommended.seconds_to_goal is None


def test_a_lost_run_does_not_stop_the_study(recording):
    first = next(i for i, t in enumerate(recording.trials) if isinstance(t.probe, TrainingProbe))
    probe = recording.trials[first].probe
    killed = Trial(
        first + 1, probe, Outcome(Status.KILLED, advice="It was killed."), None, 0.0, 1.0
    )
    resumed = run_study(WORLD, SETTINGS, (*recording.trials[:first], killed))
    assert advise(resumed).recommended.seconds_to_goal is not None
