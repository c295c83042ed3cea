"""A run and its learning curve: where it arrived, where it improved, when it met a level."""

import math

import pytest

from rightbatch.records import (
    Curve,
    Evaluation,
    Goal,
    Run,
    best_level,
    level_at,
    step_at,
    target_level,
)

GOAL = Goal("accuracy", "max", target=0.8)
LOSS = Goal("loss", "min", target=0.5)


def curve(*told: tuple[int, float]) -> Curve:
    return Curve(tuple(Evaluation(step, 32.0 * step, metric) for step, metric in told))


def test_a_run_arrives_at_the_first_evaluation_that_reached_the_goal():
    assert curve((10, 0.1), (20, 0.7), (30, 0.9), (40, 0.5)).arrival(GOAL).step == 30
    assert curve((5, 0.8), (10, 0.95)).arrival(GOAL).step == 5
    assert curve((10, 2.0), (20, 0.4)).arrival(LOSS).step == 20


@pytest.mark.parametrize("told", [(), ((1, 0.1), (2, 0.2)), ((1, 0.1), (2, math.nan))])
def test_a_goal_that_is_never_reached_has_no_arrival(told):
    assert curve(*told).arrival(GOAL) is None


def test_the_best_within_a_limit_is_no_level_to_arrive_at():
    assert curve((1, 0.9)).arrival(Goal("accuracy", "max", within_epochs=5)) is None


def test_a_path_tells_where_the_metric_improved_and_nothing_that_is_no_level():
    told = ((1, math.nan), (2, 0.3), (3, 0.2), (4, math.nan), (5, 0.3), (6, 0.6))
    assert curve(*told).improvements(GOAL) == [(0.3, 2), (0.6, 6)]
    assert curve((1, math.inf), (2, 3.0), (3, 4.0)).improvements(LOSS) == [(3.0, 2)]
    assert curve((1, 9.0), (2, math.inf)).improvements(GOAL) == [(9.0, 1), (math.inf, 2)]


def test_a_run_shows_what_it_was_paid_for():
    whole = curve((10, 0.1), (20, 0.7), (30, 0.9))
    assert whole.until(29) == curve((10, 0.1), (20, 0.7))
    assert (whole.steps, whole.until(9).steps) == (30, 0)


def test_a_level_is_met_between_the_evaluations_of_the_other():
    path = [(0.2, 10), (0.6, 50), (1.0, 100)]
    assert step_at(path, 0.1, GOAL) == 10
    assert step_at(path, 0.4, GOAL) == pytest.approx(30)
    assert step_at(path, 0.6, GOAL) == pytest.approx(50)
    assert step_at(path, 1.1, GOAL) is None
    assert step_at([(0.9, 10), (0.5, 50)], 0.7, LOSS) == pytest.approx(30)
    assert step_at([(0.9, 10), (math.inf, 50)], 2.0, GOAL) == 50
    assert step_at([], 0.5, GOAL) is None


def test_the_level_by_a_step_is_the_best_so_far():
    path = [(0.2, 10), (0.6, 50)]
    assert [level_at(path, step) for step in (9, 10, 49.5, 70)] == [None, 0.2, 0.2, 0.6]


def test_the_level_to_reach_is_the_best_of_any_run_until_one_reached_the_target():
    short, far = Run(32, 0.1, 0, curve((1, 0.3), (2, 0.6))), Run(64, 0.1, 0, curve((1, 0.9)))
    assert target_level([], GOAL) == 0.8
    assert best_level([], GOAL) is None
    assert target_level([short], GOAL) == 0.6
    assert target_level([short, far], GOAL) == 0.8
    assert target_level([short, far], Goal("accuracy", "max", within_epochs=1)) == 0.9
    assert best_level([short, far], LOSS) == 0.3
