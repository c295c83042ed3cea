"""Before a run arrives: which learning rate to train at, by short looks at some far apart."""

import math
from dataclasses import replace

from rightbatch.decide.learning.belief import Belief
from rightbatch.decide.learning.state import Candidate, Race, RaceRun, Train, Tuning
from rightbatch.records import Decision, Goal, best_level

LOOKS = 3
"""Learning rates looked at, those that diverge left out: they cost little."""
_APART = 2.0
"""Octaves between them: a first learning rate far off would use up the time."""
_LOWEST = -20.0
"""Octaves below which nothing is looked for: what diverges there would diverge at any."""
_REACH = 1.0
"""Octaves from those tried within which one that no run has tried is gone on with."""
_CLEARLY = math.log(1.2)
"""Log time by which a learning rate that no run has tried is to be better than those tried."""


def next_look(race: Race, size: int, tuning: Tuning) -> Train | None:
    """A short run at a batch size; None after the last, or where there is no level to reach.

    The first is at the rule's learning rate, the next below all others, then above.
    """
    if race.steps_left is None or race.goal.target is None:
        return None
    looked = [run for run in race.runs if run.batch_size == size]
    if sum(not run.diverged for run in looked) >= LOOKS:
        return None
    octaves = _next_octaves(looked)
    if not _LOWEST <= octaves <= max(race.octaves):
        return None
    done = sum(run.seconds for run in race.runs) / race.step_seconds[size]
    limit = math.ceil(tuning.look * (race.steps_left[size] + done))
    decision = Decision("look", size, size) if looked else Decision("begin", size)
    return Train(size, None, max(1, limit), decision, octaves)


def _next_octaves(looked: list[RaceRun]) -> float:
    octaves = [run.octaves for run in looked]
    if not octaves:
        return 0.0
    below = any(run.diverged for run in looked) or min(octaves) > -_APART
    return min(octaves) - _APART if below else max(octaves) + _APART


def leading_octaves(race: Race, size: int, tuning: Tuning) -> float:
    """The learning rate to go on with at a batch size, judged at the best level reached so far.

    Learning rates at which a run is under way are left alone.
    """
    alike = [run for run in race.runs if run.batch_size == size]
    going = {run.octaves for run in alike if run.going}
    tried_at = {run.octaves for run in alike if not run.diverged}
    near = {each for each in race.octaves for at in tried_at if abs(each - at) <= _REACH}
    free = [
        octaves
        for octaves in sorted(near.union(tried_at) or race.octaves)
        if octaves not in going and race.may_begin(Candidate(size, octaves))
    ]
    belief = _belief_so_far(race, tuning)
    if not free or belief is None:
        return max((octaves for octaves in free if octaves <= 0.0), default=0.0)

    def cost(octaves: float) -> float:
        return belief.log_seconds(Candidate(size, octaves))

    best = min(free, key=cost)
    tried = min((run.octaves for run in alike if run.octaves in free), key=cost, default=best)
    return best if cost(best) < cost(tried) - _CLEARLY else tried


def _belief_so_far(race: Race, tuning: Tuning) -> Belief | None:
    """What is believed of the time to the best level that any run has reached; None before one."""
    best = best_level((run.run for run in race.runs), race.goal)
    if best is None:
        return None
    goal = replace(race.goal, target=best)
    runs = tuple(_until(run, goal) for run in race.runs)
    return Belief(replace(race, goal=goal, runs=runs), tuning)


def _until(run: RaceRun, goal: Goal) -> RaceRun:
    """A run until it reached a goal; as it is where it did not."""
    there = run.curve.arrival(goal)
    return run if there is None else replace(run, steps=there.step, arrived=True)
