"""The planner of a race: what it asks next, what it believes, and how well it does."""

import math
from dataclasses import replace
from itertools import islice, pairwise
from typing import get_args

import numpy as np
import pytest
from recorded_fixture import question, study

import needs
from rightbatch.decide.learning.belief import Belief
from rightbatch.decide.learning.race import next_move
from rightbatch.decide.learning.state import (
    Candidate,
    Choose,
    Race,
    RaceRun,
    Train,
    Tuning,
)
from rightbatch.decide.replay.figures import replay, summarise
from rightbatch.decide.replay.ours import OURS, our_policies, tell_race
from rightbatch.decide.replay.ours import moves as play
from rightbatch.decide.replay.question import Oracle, questions
from rightbatch.decide.replay.rivals import RIVALS
from rightbatch.exchange import read_recorded
from rightbatch.records import Curve, Decision, DecisionKind, Evaluation, Goal, Run, Status
from rightbatch.report.decisions import sentence, story
from rightbatch.science.relative_cost import CostPosterior, CostPrior, CostSeen

GOAL = Goal("accuracy", "max", target=1.0)
SIZES = (8, 16, 32, 64, 128)
TUNING = Tuning()
PRIOR = CostPrior()


def curve(*told: tuple[int, float]) -> Curve:
    return Curve(tuple(Evaluation(step, 32.0 * step, metric) for step, metric in told))


def run(number: int, size: int, told, steps: int | None = None, ended: bool = False) -> RaceRun:
    seen = curve(*told)
    arrived = seen.arrival(GOAL) is not None
    trained = Run(size, 0.1, number, seen)
    return RaceRun(number, trained, 1.0, steps or seen.steps, arrived, ended or arrived)


def race(*runs: RaceRun, seconds=None, sizes=SIZES) -> Race:
    return Race(GOAL, sizes, 10_000, seconds or dict.fromkeys(sizes, 1.0), runs)


def moves(oracle: Oracle, mode) -> list:
    """Every move of a whole race."""
    told = list(islice(play(oracle, mode, TUNING), 1000))
    assert isinstance(told[-1], Choose), "the race does not come to an end"
    return told


# ---- step times ----


def test_speed_is_asked_from_the_cheap_end_two_octaves_apart_until_it_stops_growing():
    sizes = (8, 16, 32, 64, 128, 256, 512, 1024, 2048)
    real = dict(zip(sizes, (1, 1, 1, 1, 1.2, 2, 4, 8, 16), strict=True))
    begun: list[RaceRun] = []
    while True:
        seconds = {seen.batch_size: seen.step_seconds for seen in begun}
        move = next_move(Race(GOAL, sizes, 10_000, seconds, tuple(begun)), "recurring", TUNING)
        assert isinstance(move, Train)
        if move.decision.kind != "time":
            break
        step = real[move.batch_size]
        begun.append(RaceRun(len(begun), Run(move.batch_size, 0.1, 0), step, 20))
    asked = [seen.batch_size for seen in begun]
    assert asked == [8, 32, 128, 512, 2048]


def test_steps_that_were_not_timed_lie_on_a_line_between_those_that_were():
    belief = Belief(race(seconds={8: 1.0, 32: 2.0}), TUNING)
    assert belief.step_seconds == {8: 1.0, 16: pytest.approx(4 / 3), 32: 2.0, 64: 4.0, 128: 8.0}


# ---- before any run arrived ----


def test_the_first_run_is_where_speed_and_prior_say_and_goes_on():
    first = next_move(race(), "one-off", TUNING)
    assert isinstance(first, Train)
    assert (first.run, first.limit) == (None, 20)
    assert first.batch_size >= 64  # equal step times: throughput is proportional to batch size
    begun = race(run(0, first.batch_size, [(10, 0.1)], steps=20))
    going = next_move(begun, "one-off", TUNING)
    assert (going.batch_size, going.run, going.limit) == (first.batch_size, 0, 21)


def test_a_stalled_run_is_raced_by_a_quarter_of_its_size_once():
    stalled = run(0, 128, [(50, 0.3), (100, 0.5)], steps=260)
    move = next_move(race(stalled), "one-off", TUNING)
    assert (move.batch_size, move.run) == (32, None)
    assert move.decision == Decision("challenge", 32, 128)
    behind = run(1, 32, [(60, 0.3)], steps=80)
    assert next_move(race(stalled, behind), "one-off", TUNING).run == 1
    ahead = run(1, 32, [(60, 0.3), (90, 0.6)], steps=120)
    assert next_move(race(stalled, ahead), "one-off", TUNING).run == 1
    beaten = run(1, 32, [(60, 0.3)], steps=261)
    assert next_move(race(stalled, beaten), "one-off", TUNING).run == 0


def test_levels_that_rise_by_little_of_what_is_missing_are_no_progress():
    """The best of noisy levels goes on rising where a run has come to stand."""
    creeping = [(50, 0.3), (100, 0.5), *((100 + 20 * n, 0.5 + 0.001 * n) for n in range(1, 9))]
    move = next_move(race(run(0, 128, creeping)), "one-off", TUNING)
    assert (move.batch_size, move.run) == (32, None)
    rising = [*creeping[:-1], (260, 0.53)]
    assert next_move(race(run(0, 128, rising)), "one-off", TUNING).run == 0


def test_a_run_without_any_level_is_raced_after_some_epochs():
    waiting = race(run(0, 128, [], steps=100))
    epoch = waiting.examples_per_epoch / 128
    assert next_move(waiting, "one-off", TUNING).run == 0
    silent = race(run(0, 128, [], steps=math.ceil(13 * epoch)))
    assert next_move(silent, "one-off", TUNING).batch_size == 32


def test_the_run_that_arrives_is_the_one_that_was_going():
    made = study({8: 1.0, 16: 1.0, 32: 1.0}, {8: [900], 16: [500], 32: [300]})
    oracle = Oracle(questions(made)[0])
    told = moves(oracle, "one-off")
    assert isinstance(told[-1], Choose)
    arrived = [seen for seen in oracle.runs if seen.arrived]
    assert len(arrived) == 1
    assert told[-1].batch_size == arrived[0].batch_size
    starts = [move for move in told if isinstance(move, Train) and move.run is None]
    assert len(starts) == len(oracle.runs)  # nothing was ever restarted


# ---- after a first arrival ----


def test_only_neighbours_of_the_best_are_raced():
    arrived = run(0, 32, [(100, 0.5), (200, 1.0)])
    move = next_move(race(arrived), "recurring", TUNING)
    assert isinstance(move, Train)
    assert move.batch_size in (16, 64)
    assert move.decision == Decision("race", move.batch_size, 32)


def test_a_run_clearly_behind_is_given_up_with_a_sentence_that_says_where():
    best = run(0, 32, [(25, 0.3), (50, 0.5), (100, 0.8), (200, 1.0)])
    slow = run(1, 16, [(60, 0.3), (120, 0.5)], steps=150)
    fast = run(2, 64, [(50, 0.3), (110, 0.5), (190, 0.8)], steps=239)
    told = next_move(race(best, slow, fast), "recurring", TUNING)
    assert isinstance(told, Choose)
    assert told.batch_size == 32
    assert story(told.decisions, "accuracy") == (
        "16: stopped at accuracy 0.5, 2.4× the time of 32",
        "64: stopped at accuracy 0.8, 1.9× the time of 32",
        "Chose 32: no further run was expected to be worth its time",
    )


def test_a_run_that_was_ahead_and_then_stood_still_is_told_as_such():
    best = run(0, 32, [(25, 0.3), (50, 0.5), (100, 0.8), (200, 1.0)])
    stood = run(1, 64, [(20, 0.3), (40, 0.5)], steps=241)
    slow = run(2, 16, [(60, 0.3), (120, 0.5)], steps=241)
    told = next_move(race(best, stood, slow), "recurring", TUNING)
    assert isinstance(told, Choose)
    assert story(told.decisions, "accuracy")[0] == (
        "64: stalled after accuracy 0.5, 0.8× the time of 32"
    )


def test_another_seed_of_the_best_is_told_as_such():
    best = run(0, 32, [(100, 0.5), (200, 1.0)], ended=True)
    again = run(1, 32, [(150, 0.5), (300, 1.0)], ended=True)
    alone = replace(race(best, again), batch_sizes=(32,), step_seconds={32: 1.0})
    told = next_move(alone, "recurring", TUNING)
    assert isinstance(told, Choose)
    assert told.decisions == (Decision("slower", 32, 32, 0.5), Decision("choose", 32))
    assert sentence(told.decisions[0], "accuracy") == ("32: 1.5× the time of another seed")


def test_a_run_is_never_carried_beyond_a_good_deal_more_than_the_best_time():
    asked = question(dict.fromkeys(SIZES, 1.0), {size: [None] for size in SIZES} | {32: [200]})
    told = moves(Oracle(asked), "recurring")
    raced = [move.limit for move in told[:-1] if move.decision.kind == "race"]
    assert raced
    assert max(raced) <= 1.35 * 200


def test_more_trainings_to_come_never_make_the_search_shorter():
    steps = (900, 500, 300, 210, 205)
    arrivals = {size: [step] for size, step in zip(SIZES, steps, strict=True)}
    asked = question(dict.fromkeys(SIZES, 1.0), arrivals)
    charged = []
    for worth in (0.3, 0.03, 0.003):
        row = replay([asked], our_policies(replace(TUNING, worth=worth))[:1], 1)[0]
        charged.append(row.search_cost)
    assert charged == sorted(charged)


# ---- learning rates ----

OCTAVES = tuple(k / 2 for k in range(-8, 13))


def searching(*runs: RaceRun, **told) -> Race:
    """A race that looks for learning rates as well, with time for 100,000 steps at 32.

    Steps take as long as their examples.
    """
    seconds = {size: size / 32 for size in SIZES}
    left = {size: 100_000 / times for size, times in seconds.items()}
    runs = tuple(replace(run, step_seconds=seconds[run.batch_size]) for run in runs)
    made = race(*runs, seconds=seconds)
    return replace(made, octaves=OCTAVES, steps_left=left, present=32, **told)


def test_short_looks_at_learning_rates_to_both_sides_come_before_the_first_arrival():
    begun: list[RaceRun] = []
    for _ in range(3):
        move = next_move(searching(*begun), "recurring", TUNING)
        assert (move.run, move.decision.kind) == (None, "look" if begun else "begin")
        told = [(100, 0.1), (move.limit, 0.3)]
        begun.append(replace(run(len(begun), move.batch_size, told), octaves=move.octaves))
    assert [each.octaves for each in begun] == [0.0, -2.0, 2.0]
    assert len({each.batch_size for each in begun}) == 1
    assert begun[0].steps * begun[0].batch_size / 32 == pytest.approx(7000, rel=0.01)
    assert next_move(searching(*begun), "recurring", TUNING).decision.kind not in ("begin", "look")


def test_a_first_rate_that_diverges_is_looked_for_below():
    hot = run(0, 64, [(20, math.nan)], ended=True)
    hot = replace(hot, run=replace(hot.run, status=Status.DIVERGED))
    first = next_move(searching(hot, ceilings={64: 0.0}), "recurring", TUNING)
    assert (first.batch_size, first.octaves) == (64, -2.0)
    cooler = replace(run(1, 64, [(100, 0.1), (7000, 0.3)]), octaves=-2.0)
    second = next_move(searching(hot, cooler, ceilings={64: 0.0}), "recurring", TUNING)
    assert second.octaves == -4.0


def test_the_rate_that_looked_best_is_gone_on_with():
    slow = run(0, 64, [(2000, 0.1), (7000, 0.3)])
    slower = replace(run(1, 64, [(7000, 0.1)]), octaves=-2.0)
    fast = replace(run(2, 64, [(700, 0.1), (2000, 0.3), (7000, 0.7)]), octaves=2.0)
    move = next_move(searching(slow, slower, fast), "recurring", TUNING)
    assert 2.0 <= move.octaves <= 3.0


def test_a_rate_far_beyond_those_looked_at_is_not_gone_on_with():
    slow = run(0, 64, [(3000, 0.1), (7000, 0.3)])
    slower = replace(run(1, 64, [(7000, 0.1)]), octaves=-2.0)
    fast = replace(run(2, 64, [(300, 0.1), (700, 0.3), (7000, 0.31)]), octaves=2.0)
    assert next_move(searching(slow, slower, fast), "recurring", TUNING).octaves <= 3.0


def raced_pairs(tuning: Tuning) -> set[tuple[int, float]]:
    """What is raced where the first run arrived at 32, an octave above the rule, the rest later."""
    best = replace(run(0, 32, [(100, 0.5), (200, 1.0)]), octaves=1.0)
    runs, asked = [best], set()
    while isinstance(move := next_move(searching(*runs), "recurring", tuning), Train):
        asked.add((move.batch_size, move.octaves))
        told = [(3520 // move.batch_size, 0.5), (7040 // move.batch_size, 1.0)]
        runs.append(replace(run(len(runs), move.batch_size, told), octaves=move.octaves))
        assert len(runs) < 50
    return asked


def test_the_best_batch_size_is_raced_at_other_rates_and_its_neighbours_at_its_own():
    asked = raced_pairs(TUNING)
    assert asked >= {(16, 1.0), (64, 1.0), (32, 0.0), (32, 2.0)}
    assert all(size == 32 or octaves == 1.0 for size, octaves in asked)


def test_crosswise_neighbours_are_raced_at_other_rates_too():
    asked = raced_pairs(replace(TUNING, worth=0.005, crosswise=True))
    assert any(size != 32 and octaves != 1.0 for size, octaves in asked)
    assert all(16 <= size <= 64 and 0.0 <= octaves <= 2.0 for size, octaves in asked)


@pytest.mark.parametrize(("reach", "raced"), [(1.0, {16, 32, 64}), (2.0, {8, 16, 32, 64, 128})])
def test_batch_sizes_within_reach_are_raced(reach, raced):
    open_minded = replace(TUNING.prior, wiggle_sds=(2.0,))
    tuning = replace(TUNING, worth=1e-9, reach=reach, prior=open_minded)
    alike = {size: size / 32 for size in SIZES}
    runs, asked = [replace(run(0, 32, [(100, 0.5), (200, 1.0)]), step_seconds=1.0)], set()
    for number in range(1, 20):
        move = next_move(race(*runs, seconds=alike), "recurring", tuning)
        asked.add(move.batch_size)
        told = [(4000 // move.batch_size, 0.5), (8000 // move.batch_size, 1.0)]
        made = run(number, move.batch_size, told)
        runs.append(replace(made, step_seconds=alike[move.batch_size]))
    assert asked == raced


def test_learning_rates_by_the_rule_alone_change_nothing():
    told = [CostSeen(1, 7.0), CostSeen(3, 7.2, 0.3)]
    alone = CostPosterior(SIZES, told, 10_000, 50.0, PRIOR)
    ruled = CostPosterior(SIZES, told, 10_000, 50.0, PRIOR, [0.0] * len(SIZES), present=32)
    assert np.array_equal(alone.mean, ruled.mean)
    assert np.array_equal(alone.variances(), ruled.variances())
    assert np.array_equal(alone.covariances(2), ruled.covariances(2))


# ---- what is told ----


@pytest.mark.parametrize("kind", get_args(DecisionKind))
def test_every_decision_is_one_sentence_about_its_batch_size(kind):
    told = sentence(Decision(kind, 1024, 256, 0.22, 0.9), "accuracy")
    assert "1,024" in told
    assert "{" not in told
    assert "\n" not in told


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("slower", "1.2× the time of 128"),
        ("behind", "stopped at accuracy 0.75, 1.2× the time of 128"),
        (
            "ahead",
            "stopped at accuracy 0.75, 1.2× the time of 128; continuing was not worth its time",
        ),
        ("overdue", "stalled after accuracy 0.75, 1.2× the time of 128"),
    ],
)
def test_what_became_of_a_run_is_told_as_a_multiple_of_the_best(kind, told):
    decision = Decision(kind, 256, 128, 0.22, 0.75)
    assert sentence(decision, "accuracy") == f"256: {told}"
    assert "energy of 128" in sentence(decision, "accuracy", "energy")


def test_a_race_is_told_from_its_step_times_to_its_choice():
    arrivals = {8: [900], 16: [500], 32: [300], 64: [210], 128: [205]}
    asked = question(dict.fromkeys(SIZES, 1.0) | {128: 1.6}, arrivals)
    made = tell_race(asked, "rightbatch")
    told = story(made.decisions, made.metric)
    assert told[0].startswith("Timed steps at 8, 32 and 128")
    assert told[1].startswith("Started at ")
    assert told[-1].startswith("Chose 64: ")
    assert any(line.startswith("128: ") and " of 64" in line for line in told)
    assert len(set(told)) == len(told) < len(made.decisions)


def test_runs_that_arrived_or_ended_within_the_steps_of_a_timing_are_told():
    seconds = {8: 1.0, 16: 1.0, 32: 1.2, 64: 1.5, 128: 3.0}
    arrivals = {8: [40], 16: [18], 32: [13], 64: [12], 128: [None]}
    asked = question(seconds, arrivals, examples=200, longest=1.5)
    made = tell_race(asked, "rightbatch")
    told = story(made.decisions, made.metric)
    assert told[-1].startswith("Chose 32: ")
    assert told[1:-1] == (
        "128: stalled after accuracy 0.5, 0.83× the time of 32",
        "64: 1.2× the time of 32",
    )


def test_a_raced_run_of_which_nothing_tells_what_became_of_it_is_told_as_raced():
    asked = (Decision("begin", 32), Decision("race", 64, 32), Decision("race", 64, 32))
    told = story((*asked, Decision("race", 16, 32), Decision("choose", 16)), "accuracy")
    assert told[1:] == (
        "Ran 64, which might beat 32",
        "Chose 16: no further run was expected to be worth its time",
    )


# ---- what is believed ----


def test_a_run_at_the_same_pace_is_believed_to_take_as_long():
    best = run(0, 32, [(50, 0.5), (100, 0.8), (200, 1.0)])
    twin = run(1, 64, [(50, 0.5), (100, 0.8)])
    late = run(1, 64, [(100, 0.5), (180, 0.8)])
    before = Belief(race(best), TUNING).log_seconds(Candidate(64))
    same = Belief(race(best, twin), TUNING).log_seconds(Candidate(64))
    slower = Belief(race(best, late), TUNING).log_seconds(Candidate(64))
    assert before < same < slower


def test_silence_counts_against_a_run():
    best = run(0, 32, [(50, 0.5), (100, 0.8), (200, 1.0)])
    waits = [run(1, 64, [(40, 0.5)], steps=steps) for steps in (60, 150, 200, 300)]
    told = [Belief(race(best, wait), TUNING).log_seconds(Candidate(64)) for wait in waits]
    assert all(a <= b for a, b in pairwise(told))
    assert told[-1] > told[0] + 0.2


def test_one_arrival_sets_the_level_and_leaves_the_shape_open():
    told = CostPosterior(SIZES, [CostSeen(2, math.log(5000))], 10_000, None, PRIOR)
    assert told.mean[2] == pytest.approx(math.log(5000), abs=0.01)
    sd = np.sqrt(told.variances())
    assert sd[2] == pytest.approx(PRIOR.seed_sd, rel=0.05)
    assert sd[0] > sd[1] > sd[2] < sd[3] < sd[4]


def test_a_curve_is_recovered_from_its_ends():
    def examples(size):
        return math.log(1000 * (1 + size / 64))

    seen = [CostSeen(i, examples(SIZES[i])) for i in (0, 2, 4)]
    told = CostPosterior(SIZES, seen, 10_000, None, PRIOR)
    for i in (1, 3):
        assert told.mean[i] == pytest.approx(examples(SIZES[i]), abs=0.1)


def test_the_noise_scale_moves_the_prior():
    seen = [CostSeen(0, math.log(1000))]
    rises = [
        float(np.diff(CostPosterior(SIZES, seen, 10_000, scale, PRIOR).mean)[-1])
        for scale in (10.0, 100.0, 10_000.0)
    ]
    assert rises == sorted(rises, reverse=True)
    assert rises[0] > 0.25  # beyond the critical batch size examples grow with the batch size
    assert rises[-1] < 0.1


@pytest.mark.parametrize("policy", OURS, ids=lambda policy: policy.name)
def test_nothing_arriving_and_single_candidates_are_coped_with(policy):
    never = question({10: 1.0, 20: 1.5}, {10: [None], 20: [None, None]})
    single = question({16: 1.0}, {16: [50]})
    for asked in (never, single):
        for row in replay([asked], [policy], 2):
            assert row.batch_size in asked.batch_sizes
            assert math.isfinite(row.time_to_model)


# ---- on the published studies ----


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [2, pytest.param(5, marks=pytest.mark.long)])
def test_figures_on_published_studies(seeds):
    asked = [
        each for folder in needs.published_studies() for each in questions(read_recorded(folder))
    ]
    rows = replay(asked, (*OURS, *RIVALS), seeds)
    by_policy = {policy.name: [] for policy in (*OURS, *RIVALS)}
    for row in rows:
        by_policy[row.policy].append(row)
    recurring, one_off = (summarise(by_policy[policy.name]) for policy in OURS)
    assert recurring.rows == one_off.rows == seeds * len(asked)
    assert recurring.regret <= 1.02
    assert recurring.within >= 0.95
    assert recurring.worst_regret <= 1.35
    assert recurring.search_cost <= 2.0
    assert recurring.high_search_cost <= 3.5
    assert one_off.time_to_model <= 1.15
    assert one_off.worst_time_to_model <= 2.0
    for rival in RIVALS:
        rival_rows = by_policy[rival.name]
        played = {(row.study, row.target) for row in rival_rows}
        its = summarise(rival_rows)
        recurring, one_off = (
            summarise([row for row in by_policy[ours.name] if (row.study, row.target) in played])
            for ours in OURS
        )
        paid = its.search_cost / recurring.search_cost
        assert recurring.regret < its.regret or paid >= 2, rival.name
        assert one_off.time_to_model < its.time_to_model, rival.name


def test_learning_rates_that_differ_are_told_with_the_batch_sizes():
    told = Decision("slower", 512, 256, 1.33, learning_rate=0.212, against_rate=0.696)
    assert sentence(told, "accuracy") == ("512 (lr 0.212): 2.3× the time of 256 (lr 0.696)")
    alike = Decision("slower", 256, 256, 0.92, learning_rate=0.174, against_rate=0.696)
    assert sentence(alike, "accuracy") == ("256 (lr 0.174): 1.9× the time of 256 (lr 0.696)")
