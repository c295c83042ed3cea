"""Every run of a race compared with the fastest that reached the goal."""

import math

from rightbatch.decide.learning.belief import Belief
from rightbatch.decide.learning.state import FIRST_STEPS, Race, RaceRun
from rightbatch.records import Decision, DecisionKind


def became(race: Race, belief: Belief, reference: RaceRun) -> tuple[Decision, ...]:
    """One for each run but the fastest, which is the reference.

    Runs that only timed a step are left out: those that went no further, and neither arrived nor
    ended within those steps.
    """
    return tuple(
        _compared(run, reference, belief)
        for run in race.runs
        if run.number != reference.number and (run.steps > FIRST_STEPS or run.arrived or run.ended)
    )


def _compared(run: RaceRun, reference: RaceRun, belief: Belief) -> Decision:
    size, against = run.batch_size, reference.batch_size
    if run.arrived:
        return Decision("slower", size, against, run.seconds / reference.seconds - 1)
    comparisons = belief.comparisons(run)
    if not comparisons:
        return Decision("silent", size, against)
    deepest = comparisons[-1]
    seconds = math.exp(deepest.log_steps) * run.step_seconds / reference.step_seconds
    kind: DecisionKind = "behind"
    if seconds < 1:
        kind = "overdue" if run.ended or belief.overdue(run) else "ahead"
    return Decision(kind, size, against, seconds - 1, deepest.level)
