"""What a belief makes of learning curves: steps to many levels at once."""

import numpy as np
import pytest

from rightbatch.decide.learning.belief import _Way
from rightbatch.records import Goal, step_at


def rising(rng, count):
    return (0.1 + 0.9 * np.sort(rng.random(count))).tolist()


@pytest.mark.parametrize("direction", ["max", "min"])
def test_the_levels_of_a_run_are_met_together_as_one_by_one(direction):
    sign = 1.0 if direction == "max" else -1.0
    goal = Goal("metric", direction, target=sign)
    rng = np.random.default_rng(3)
    path = [(sign * level, 10 * i + 7) for i, level in enumerate([0.1, *rising(rng, 30)])]
    levels = [sign * level for level in (0.05, *rising(rng, 40), 1.5)]
    alone = [step_at(path, level, goal) for level in levels]
    met = _Way(path, goal).steps_to(levels)
    assert met == pytest.approx([at for at in alone if at is not None], rel=1e-12)
    assert len(met) < len(levels)


def test_a_run_without_levels_meets_none_and_none_are_met():
    goal = Goal("accuracy", "max", target=1.0)
    assert _Way([], goal).steps_to([0.5]) == []
    assert _Way([(0.5, 10)], goal).steps_to([]) == []
