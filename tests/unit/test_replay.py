"""The oracle of a replay, its figures, and the rivals on studies made by hand."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded_fixture import question, study

from rightbatch.decide.replay.figures import Policy, ReplayRow, replay, summarise
from rightbatch.decide.replay.ours import OURS
from rightbatch.decide.replay.question import NoMoreSeeds, Oracle, questions
from rightbatch.decide.replay.rivals import RIVALS
from rightbatch.records import Run

SPEEDS = {10: 1.0, 20: 1.0, 40: 2.0, 80: 8.0}
ARRIVALS: dict[int, list[int | None]] = {10: [400], 20: [200], 40: [150], 80: [100]}


def rival(name: str) -> Policy:
    return next(policy for policy in RIVALS if policy.name == name)


def play(name: str, asked) -> ReplayRow:
    return replay([asked], [rival(name)], 1)[0]


# ---- the oracle ----


def test_a_speed_is_charged_twenty_steps():
    oracle = Oracle(question(SPEEDS, ARRIVALS))
    assert oracle.speed(40) == 2.0
    assert oracle.charged_seconds == 40.0


def test_a_run_is_charged_its_steps_and_seen_up_to_its_limit():
    oracle = Oracle(question(SPEEDS, ARRIVALS))
    run = oracle.train(10, 125)
    assert [each.step for each in run.curve.evaluations] == [40, 80, 120]
    assert (run.steps, run.arrived, run.ended) == (125, False, False)
    assert oracle.charged_seconds == 125.0
    assert oracle.charged_at_first_arrival is None


def test_a_run_is_charged_twenty_steps_at_the_least_and_only_once():
    oracle = Oracle(question(SPEEDS, ARRIVALS))
    run = oracle.train(10, 5)
    assert oracle.charged_seconds == 20.0
    oracle.carry_on(run.number, 15)
    assert oracle.charged_seconds == 20.0
    oracle.carry_on(run.number, 30)
    assert oracle.charged_seconds == 30.0


def test_a_run_stops_at_the_target():
    oracle = Oracle(question(SPEEDS, ARRIVALS))
    run = oracle.train(20)
    assert (run.steps, run.arrived, run.ended) == (200, True, True)
    oracle.train(10, 50)
    assert oracle.charged_at_first_arrival == 200.0
    assert oracle.charged_seconds == 250.0
    assert oracle.carry_on(run.number, 10_000).steps == 200
    assert oracle.charged_seconds == 250.0


def test_a_run_that_never_arrives_is_given_up_at_the_longest_run_rounded_up():
    asked = question({30: 1.0}, {30: [None]}, examples=1000, longest=1.0)
    run = Oracle(asked).train(30)
    assert (run.steps, run.arrived, run.ended) == (34, False, True)
    assert asked.seconds_to_target == {30: 34.0}


def test_each_probe_gets_the_next_seed_and_there_are_only_so_many():
    oracle = Oracle(question({10: 1.0}, {10: [100, 200, 300]}))
    assert sorted(oracle.train(10).steps for _ in range(3)) == [100, 200, 300]
    charged = oracle.charged_seconds
    with pytest.raises(NoMoreSeeds):
        oracle.train(10)
    assert oracle.charged_seconds == charged


def test_the_order_of_the_seeds_is_drawn_per_repeat():
    asked = question({10: 1.0}, {10: [100, 200, 300]})
    first = {repeat: Oracle(asked, repeat).train(10).steps for repeat in range(20)}
    assert set(first.values()) == {100, 200, 300}
    assert first == {repeat: Oracle(asked, repeat).train(10).steps for repeat in range(20)}


@given(limits=st.lists(st.integers(1, 500), min_size=1, max_size=8))
def test_a_run_in_pieces_costs_and_shows_what_it_does_in_one_piece(limits):
    pieces, whole = (Oracle(question(SPEEDS, ARRIVALS)) for _ in range(2))
    run = pieces.train(10, limits[0])
    for limit in limits[1:]:
        run = pieces.carry_on(run.number, limit)
    assert whole.train(10, max(limits)) == run
    assert whole.charged_seconds == pytest.approx(pieces.charged_seconds)


@given(limit=st.integers(1, 500), size=st.sampled_from(list(SPEEDS)))
def test_nothing_beyond_the_limit_is_seen(limit, size):
    run = Oracle(question(SPEEDS, ARRIVALS)).train(size, limit)
    assert run.steps <= limit
    assert run.curve.steps <= limit


# ---- the truth and the figures ----


def test_the_true_time_is_a_mean_over_seeds_with_the_longest_run_for_those_that_never_arrive():
    asked = question({10: 2.0}, {10: [100, 300, None]}, examples=1000, longest=8.0)
    assert asked.seconds_to_target == {10: 2.0 * (100 + 300 + 800) / 3}


def test_every_target_is_a_question_of_its_own():
    easy, hard = questions(study({10: 1.0}, {10: [100]}, targets=(0.5, 1.0)))
    assert (easy.seconds_to_target, hard.seconds_to_target) == ({10: 50.0}, {10: 100.0})


def test_a_size_is_judged_at_its_best_learning_rate():
    made = study({10: 1.0}, {10: [100, 400]})
    good, bad = made.runs
    other = Run(10, 0.5, 3, bad.curve)
    asked = questions(replace(made, runs=(replace(good, learning_rate=0.1), other)))[0]
    assert asked.seconds_to_target == {10: 100.0}
    assert Oracle(asked).train(10).steps == 100


def test_the_three_figures_by_hand():
    def chooses(oracle: Oracle, repeat: int) -> int:
        oracle.speed(10)
        run = oracle.train(20, 100)
        oracle.train(10, 50)
        oracle.carry_on(run.number)
        oracle.train(40, 25)
        return 40

    row = replay([question(SPEEDS, ARRIVALS)], [Policy("by-hand", "", chooses)], 1)[0]
    assert row.regret == pytest.approx(300 / 200)
    assert row.search_cost == pytest.approx((20 + 100 + 50 + 100 + 50) / 200)
    assert row.time_to_model == pytest.approx((20 + 100 + 50 + 100) / 200)


def test_without_an_arrival_a_full_run_at_the_choice_is_added():
    row = play("largest-that-fits", question(SPEEDS, ARRIVALS))
    assert (row.regret, row.search_cost, row.time_to_model) == (4.0, 0.0, 4.0)


def test_data_sets_weigh_alike_in_the_means():
    many = [ReplayRow("a", "one", 1.0, "p", i, 8, 1.0, 2.0, 3.0) for i in range(9)]
    told = summarise([*many, ReplayRow("b", "two", 1.0, "p", 0, 8, 2.0, 4.0, 6.0)])
    assert (told.regret, told.time_to_model) == (1.5, 4.5)
    assert (told.within, told.worst_regret, told.worst_time_to_model) == (0.9, 2.0, 6.0)
    assert (told.search_cost, told.high_search_cost) == (2.0, pytest.approx(3.1))


# ---- the rivals ----


@pytest.mark.parametrize(
    ("name", "chosen"),
    [
        ("largest-that-fits", 80),
        ("highest-throughput", 20),  # 10, 20, 20 and 10 examples/s; the smaller of two alike
        ("throughput-95", 20),
        ("throughput-90", 20),
        ("throughput-80", 20),
        ("nearest-to-32", 40),  # 0.32 octaves away; 20 is 0.68
        ("exhaustive", 20),
        ("hyperbola", 20),
        ("zeus", 20),
    ],
)
def test_what_each_rival_chooses(name, chosen):
    assert play(name, question(SPEEDS, ARRIVALS)).batch_size == chosen


def test_shares_of_the_highest_throughput():
    asked = question({10: 10 / 80, 20: 20 / 90, 40: 40 / 95, 80: 0.8}, ARRIVALS)
    sizes = [play(f"throughput-{share}", asked).batch_size for share in (80, 90, 95)]
    assert sizes == [10, 20, 40]
    assert play("highest-throughput", asked).search_cost == pytest.approx(
        20 * sum(asked.step_seconds.values()) / asked.best_seconds
    )


def test_exhaustive_pays_a_run_of_every_size():
    asked = question(SPEEDS, ARRIVALS)
    assert play("exhaustive", asked).search_cost == pytest.approx((400 + 200 + 300 + 800) / 200)


def test_the_hyperbola_of_three_runs_predicts_the_fourth():
    def steps(size: int) -> int:
        return round(100 * (1 + 200 / size))

    sizes = (25, 50, 100, 200, 400)
    arrivals: dict[int, list[int | None]] = {size: [steps(size)] for size in sizes}
    asked = question({size: 1 + size / 50 for size in sizes}, arrivals)
    row = play("hyperbola", asked)
    assert asked.seconds_to_target[row.batch_size] == asked.best_seconds
    assert row.batch_size == 100  # where it is √(200·50), between the runs at 25, 100 and 400


def test_zeus_gives_a_run_up_at_twice_the_best_time_and_prunes_beyond_it():
    asked = question({10: 1.0, 20: 1.0, 40: 1.0}, {10: [900], 20: [200, 200], 40: [100, 100]})
    row = play("zeus", asked)
    assert row.batch_size == 40
    # 20 arrives; 10 is given up at 400; 40 arrives; then 40 and 20 once more.
    assert row.search_cost == pytest.approx((200 + 400 + 100 + 100 + 200) / 100)


def test_zeus_goes_straight_to_larger_sizes_where_the_default_fails():
    arrivals: dict[int, list[int | None]] = {10: [100], 20: [None], 40: [200, 300], 80: [240, 240]}
    asked = question(dict.fromkeys(arrivals, 1.0), arrivals)
    row = play("zeus", asked)
    # 20 fails, so that 10 is never tried; 40 and 80 arrive, twice each.
    charged = asked.longest_steps(20) + 200 + 300 + 2 * 240
    assert row.search_cost == pytest.approx(charged / 100)
    assert row.batch_size == 80  # the lowest mean


@pytest.mark.parametrize(("noise_scale", "chosen"), [(1.0, 10), (40.0, 20), (1e6, 40)])
def test_pollux_follows_the_noise_scale(noise_scale, chosen):
    speeds = {10: 1.0, 20: 1.25, 40: 2.0}
    arrivals: dict[int, list[int | None]] = {10: [100], 20: [60], 40: [40]}
    asked = question(speeds, arrivals, noise_scale=noise_scale)
    goodput = {b: b / s / (noise_scale + b) for b, s in speeds.items()}
    assert max(goodput, key=goodput.__getitem__) == chosen
    assert play("pollux", asked).batch_size == chosen


def test_pollux_sits_out_where_no_noise_scale_was_recorded():
    assert replay([question(SPEEDS, ARRIVALS)], [rival("pollux")], 5) == []


@pytest.mark.parametrize("policy", RIVALS, ids=lambda policy: policy.name)
def test_every_policy_copes_when_nothing_ever_arrives(policy):
    asked = question({10: 1.0, 20: 1.5}, {10: [None], 20: [None, None]}, noise_scale=5.0)
    for row in replay([asked], [policy], 3):
        assert row.batch_size in (10, 20)
        assert math.isfinite(row.time_to_model)
        assert row.regret >= 1


@pytest.mark.parametrize("policy", RIVALS, ids=lambda policy: policy.name)
def test_every_policy_copes_with_a_single_candidate(policy):
    asked = question({16: 1.0}, {16: [50]}, noise_scale=5.0)
    assert replay([asked], [policy], 1)[0].batch_size == 16


@pytest.mark.parametrize("policy", (*OURS, *RIVALS), ids=lambda policy: policy.name)
def test_every_policy_copes_with_a_candidate_of_which_no_run_is_told(policy):
    asked = question(SPEEDS, {10: [400], 40: [150]}, noise_scale=5.0)
    assert asked.seconds_to_target[20] == asked.longest_steps(20) * SPEEDS[20]
    for row in replay([asked], [policy], 3):
        assert row.batch_size in SPEEDS
        assert math.isfinite(row.time_to_model)
