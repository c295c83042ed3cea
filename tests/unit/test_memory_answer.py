"""From memory trials to the answer: what fits, what is safe, and how a batch size is kept."""

from dataclasses import replace

import pytest
from simulated_world import MIB, World, run_study

from rightbatch.decide.advise.recommend import advise
from rightbatch.decide.stages.memory.accumulation import accumulation_caveats, micro_batches
from rightbatch.decide.stages.memory.fit import largest_on_all, safe_size, smallest
from rightbatch.decide.stages.memory.tried import LONG_STEPS, tried
from rightbatch.decide.study.situation import DEFAULT_CAP, DEFAULT_TIMES
from rightbatch.records import MemoryProbe, MemoryResult, Outcome, Settings, Status, Trial
from rightbatch.report.sentences import say, say_all
from rightbatch.report.stages import stage_lines

MEMORY = Settings(stages=("memory",))
HEAVY = World(bytes_per_example=3_000_000)


def found(world, **changes):
    recording = run_study(world, replace(MEMORY, **changes))
    return advise(recording).fits.memory, recording


def trial(number, size, peak, seconds=0.1, status=Status.OK):
    probe = MemoryProbe("sgd", size, 4096 * MIB)
    result = None if peak is None else MemoryResult(peak, 0, seconds)
    return Trial(number, probe, Outcome(status), result, 0.0, 1.0)


# ---- what is safe ----


@pytest.mark.parametrize("margin", [0.0, 0.05, 0.2])
def test_the_safe_size_keeps_the_margin_and_is_no_larger_than_one_that_ran(margin):
    fit, _ = found(HEAVY, margin=margin)
    assert fit.safe_batch_size <= fit.largest_batch_size
    free = HEAVY.limit_bytes - HEAVY.fixed_bytes - 3_000_000 * fit.safe_batch_size
    assert free >= margin * HEAVY.limit_bytes - 21 * MIB  # allocator blocks
    assert fit.safe_batch_size >= 0.9 * (1 - margin) * fit.largest_batch_size


def test_a_single_size_that_fits_without_margin_is_followed_by_a_smaller_one():
    world = World(fixed_bytes=900 * MIB, bytes_per_example=400_000_000)
    fit, _ = found(world)
    assert fit.largest_batch_size == world.largest_micro_batch()
    assert fit.safe_batch_size


def test_slowed_sizes_do_not_fit():
    trials = [trial(1, 8, 10), trial(2, 16, 20, status=Status.SLOWED)]
    seen = tried(trials, 4096 * MIB, "cpu")
    assert (seen.fitting, seen.failed) == ((8,), (16,))


def test_on_a_gpu_a_step_that_is_suddenly_slow_does_not_fit():
    trials = [trial(1, 8, 10, 0.1), trial(2, 16, 20, 0.15), trial(3, 32, 30, 1.5)]
    assert tried(trials, 4096 * MIB, "cuda:0").failed == (32,)
    assert tried(trials, 4096 * MIB, "cpu").failed == ()


def test_the_least_answer_of_several_devices_is_the_one_all_can_use():
    fit, _ = found(HEAVY)
    less = replace(fit, safe_batch_size=fit.safe_batch_size - 1)
    assert smallest([fit, less, fit]) == 1
    assert smallest([fit, replace(fit, safe_batch_size=None)]) == 1
    assert smallest([fit, None]) == 1


def test_the_largest_on_all_devices_need_not_be_that_of_the_least():
    fit, _ = found(HEAVY)
    one = replace(fit, largest_batch_size=200, safe_batch_size=100)
    other = replace(fit, largest_batch_size=150, safe_batch_size=110)
    assert smallest([one, other]) == 0
    assert largest_on_all([one, other]) == 150
    assert largest_on_all([one, None]) is None


@pytest.mark.parametrize("status", [Status.HUNG, Status.KILLED])
def test_a_first_trial_without_an_end_is_no_lack_of_memory(status):
    _, recording = found(HEAVY)
    look, broken = recording.trials[0], trial(2, 8, None, status=status)
    (fit,) = advise(replace(recording, trials=(look, broken))).fits.memories
    assert (fit.largest_batch_size, fit.capped_by) == (None, "broken")


def long(number, size, peak, status=Status.OK):
    return replace(
        trial(number, size, peak, status=status),
        probe=MemoryProbe("sgd", size, 4096 * MIB, steps=LONG_STEPS),
    )


def test_the_safe_size_ran_for_many_steps_where_memory_limits_it():
    fit, recording = found(HEAVY)
    last = recording.trials[-1].probe
    assert last.steps == LONG_STEPS
    assert fit.safe_batch_size <= last.batch_size == fit.lasted_batch_size
    told = " ".join(stage_lines("memory", recording, advise(recording)))
    assert "It ran for 20 steps." in told


def test_a_limit_without_room_for_the_margin_is_told():
    _, recording = found(HEAVY)
    (fit,) = advise(recording).fits.memories
    smallest_peak = min(peak for _, peak in fit.points)
    told = advise(recording, memory_limit_bytes=smallest_peak + 1)
    assert told.fits.memory.safe_batch_size is None
    assert any("without a safety margin" in text for text in say_all(told.remarks.warnings))


def test_a_stored_study_under_a_limit_that_nothing_fits_binds_memory():
    _, recording = found(HEAVY)
    told = advise(recording, memory_limit_bytes=MIB)
    assert told.binding_constraint == "memory"
    assert told.remarks.headline.code in ("no_recommendation", "train_where_more_fits")


def test_a_safe_size_that_had_no_time_for_many_steps_is_told_as_such():
    fit, recording = found(HEAVY)
    short = replace(recording, trials=recording.trials[:-1])
    (fit,) = advise(short).fits.memories
    assert (fit.capped_by, fit.lasted_batch_size) == ("memory", None)
    assert "did not run for 20 steps" in " ".join(stage_lines("memory", short, advise(short)))


def test_what_many_steps_need_more_counts():
    before = (trial(1, 100, 1000 * MIB), trial(2, 380, 3600 * MIB), trial(3, 420, 4000 * MIB))
    safe = safe_size(tried(before, 4096 * MIB, "cpu"), 4096 * MIB, MEMORY)
    assert 380 < safe < 420
    after = (*before, long(4, safe, 4050 * MIB))
    growth = 4050 * MIB - (3600 * MIB + (safe - 380) * 10 * MIB)
    less = safe_size(tried(after, 4096 * MIB, "cpu"), 4096 * MIB, MEMORY)
    assert less == pytest.approx(safe - growth / (10 * MIB), abs=6)


def test_a_size_that_fails_after_many_steps_is_not_safe():
    before = (trial(1, 100, 1000 * MIB), trial(2, 380, 3600 * MIB), trial(3, 420, 4000 * MIB))
    after = (*before, long(4, 390, None, Status.OUT_OF_MEMORY))
    assert safe_size(tried(after, 4096 * MIB, "cpu"), 4096 * MIB, MEMORY) == int(0.95 * 390)


# ---- bounds ----


def test_sizes_are_multiples_where_asked_for():
    fit, recording = found(HEAVY, multiple_of=8)
    sizes = [t.probe.batch_size for t in recording.trials if isinstance(t.probe, MemoryProbe)]
    assert all(size % 8 == 0 for size in sizes)
    assert fit.largest_batch_size % 8 == fit.safe_batch_size % 8 == 0
    assert fit.largest_batch_size >= 0.95 * HEAVY.largest_micro_batch()


def test_the_search_ends_by_itself_where_memory_is_plentiful():
    world = World(bytes_per_example=1, train_examples=10**9)
    fit, recording = found(world)
    assert fit.capped_by == "default_cap"
    assert fit.largest_batch_size == max(DEFAULT_CAP, DEFAULT_TIMES * world.batch_size)
    told = " ".join(stage_lines("memory", recording, advise(recording)))
    assert "search capped at 65,536 examples" in told


def test_trials_and_seconds_are_counted():
    fit, recording = found(HEAVY)
    assert fit.trials == len(recording.trials) - 1
    assert fit.seconds == pytest.approx(sum(t.wall_seconds for t in recording.trials[1:]))


# ---- accumulation ----


@pytest.mark.parametrize(
    ("batch_size", "most", "unit", "expected"),
    [
        (4096, 1368, 8, (1024, 4)),
        (4096, 2048, 1, (2048, 2)),
        (1000, 300, 1, (250, 4)),
        (97, 50, 1, (49, 2)),
        (100, 100, 1, (100, 1)),
    ],
)
def test_micro_batches_are_even_where_a_few_more_make_them_so(batch_size, most, unit, expected):
    assert micro_batches(batch_size, most, unit) == expected


def test_a_batch_that_does_not_fit_is_kept_by_micro_batches_that_ran():
    fit, recording = found(HEAVY, batch_size=4096)
    kept = fit.accumulation
    assert kept.micro_batch_size * kept.accumulation_steps >= 4096
    assert kept.micro_batch_size <= fit.safe_batch_size
    assert kept.ran
    last = recording.trials[-1].probe
    assert (last.batch_size, last.accumulation_steps) == (kept.micro_batch_size, 2)


def test_a_batch_that_fits_needs_no_accumulation():
    assert found(HEAVY)[0].accumulation is None


def test_unequal_micro_batches_and_batch_norm_have_their_caveats():
    _, recording = found(HEAVY)
    facts = replace(recording.study.facts, train_examples=8192)
    assert accumulation_caveats(4096, 1024, facts) == ()
    (unequal,) = accumulation_caveats(4096, 1366, facts)
    assert "has 1,364 examples, not 1,366" in say(unequal)
    (short,) = accumulation_caveats(4096, 1024, replace(facts, train_examples=9000))
    assert "last batch of an epoch is short" in say(short)
    (norm,) = accumulation_caveats(
        4096, 1024, replace(facts, batch_dependent_layers=("BatchNorm2d",))
    )
    assert "accumulation changes the model" in say(norm)


@pytest.mark.parametrize(("batch_size", "examples"), [(4097, 8194), (4096, 12289 + 1024)])
def test_a_micro_batch_of_one_example_has_a_caveat_with_batch_norm(batch_size, examples):
    _, recording = found(HEAVY)
    facts = replace(recording.study.facts, train_examples=examples)
    plain = accumulation_caveats(batch_size, 1024, facts)
    assert not any("a single example" in caveat for caveat in say_all(plain))
    normal = replace(facts, batch_dependent_layers=("BatchNorm1d",))
    assert "torch.tensor_split" in say(accumulation_caveats(batch_size, 1024, normal)[-1])
    assert "a single example" in say(accumulation_caveats(batch_size, 1, normal)[-1])
