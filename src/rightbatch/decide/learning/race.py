"""A race of batch sizes: what to time, which run to go on with, which to give up, when to stop.

`next_move` is a pure function of what is known. Step times come first, from the cheap end. The
batch size that looks cheapest is trained until it arrives; if it stalls, one at a quarter of its
size is raced against it. Where learning rates are to be found too, short looks at some come before.
A single model is then there, and all that a `one-off` wants. A `recurring` workload goes on with
the batch sizes next to the best, and with learning rates beside its own: a run goes on for as long
as the knowledge gradient of its arrival is worth the time still to go, compared with the fastest
run at the deepest level both reached; a winner that one lucky seed may have put ahead is run once
more. Step times are those of runs just begun, which may go on. Runs pause and go on at no cost, as
in freeze-thaw Bayesian optimisation (Swersky, Snoek and Adams 2014).
"""

import math
from collections import Counter
from dataclasses import replace
from typing import Literal

from rightbatch.decide.learning.belief import Belief
from rightbatch.decide.learning.looks import leading_octaves, next_look
from rightbatch.decide.learning.race_compared import became
from rightbatch.decide.learning.state import (
    FIRST_STEPS,
    Candidate,
    Choose,
    Move,
    Race,
    RaceRun,
    Train,
    Tuning,
)
from rightbatch.records import Decision, DecisionKind

Mode = Literal["recurring", "one-off"]

_FIRST_LEVEL = 5.0
"""Epochs after which a run is expected to have shown some level."""
_EARLY_EPOCHS, _EARLY_STEPS = 0.25, 200
"""What a run showed in so much of an epoch, or in so many steps if they are fewer, is no stall."""
_SLACK = math.log2(2.1 / 2)
"""The user's own batch size need not lie on the grid."""


def next_move(race: Race, mode: Mode, tuning: Tuning) -> Move:
    """What to do next.

    Args:
        race: All that is known.
        mode: "recurring" where the workload will be trained again, "one-off" where one model is
            wanted.
        tuning: The constants of the race.
    """
    if all(run.steps <= FIRST_STEPS for run in race.runs):
        size = _next_to_time(race, tuning)
        if size is not None:
            return Train(size, None, FIRST_STEPS, Decision("time", size))
    if not race.step_seconds:
        return _choose("choose_untrained", race.batch_sizes[0])
    belief = Belief(race, tuning)
    if belief.reference is None:
        return _first(race, belief, tuning)
    if mode == "one-off":
        return _choose(
            "choose_first", belief.best.batch_size, became(race, belief, belief.reference)
        )
    return _race_on(race, belief, belief.reference, tuning)


def _first(race: Race, belief: Belief, tuning: Tuning) -> Move:
    """Before any run has arrived: which learning rate, then which batch size."""
    if len(race.octaves) == 1:
        return _towards_the_first(race, belief, race.octaves[0], tuning)
    ruled = [Candidate(size) for size in race.batch_sizes]
    size = race.runs[0].batch_size if race.runs else min(ruled, key=belief.log_seconds).batch_size
    look = next_look(race, size, tuning)
    if look is not None:
        return look
    return _towards_the_first(race, belief, leading_octaves(race, size, tuning), tuning)


def _next_to_time(race: Race, tuning: Tuning) -> int | None:
    """The next batch size to time; None once throughput has stopped growing."""
    timed = sorted(race.step_seconds)
    sizes = [size for size in race.batch_sizes if size not in race.exhausted]
    if not timed:
        return next(iter(sizes), None)
    if len(timed) > 1:
        below, top = timed[-2:]
        octaves = math.log2(top / below)
        slower = math.log(race.step_seconds[top] / race.step_seconds[below])
        if octaves * math.log(2) - slower < tuning.knee * octaves:
            return None
    larger = [size for size in sizes if size > timed[-1]]
    near = [size for size in larger if size <= tuning.stride * timed[-1]]
    return near[-1] if near else next(iter(larger), None)


def _towards_the_first(race: Race, belief: Belief, octaves: float, tuning: Tuning) -> Move:
    """Before any run has arrived: the cheapest by what is known, and what to do if it stalls."""
    alike = [run for run in race.runs if run.octaves == octaves and not run.going]
    begun = [run for run in alike if run.steps > FIRST_STEPS and not run.diverged]
    raced = sorted(begun, key=lambda run: -run.batch_size)
    if not raced:
        return _begin(race, belief, octaves)
    leader = raced[0]
    for run in raced[1:]:
        if _level(run, race) is not None and not _ahead(leader, run, race):
            leader = run
    last = raced[-1]
    if last is not leader and not last.ended and last.seconds < leader.seconds:
        return _train(race, last.candidate, _longer(last, tuning), "challenge", leader.candidate)
    stalls_at = _stalls_at(leader, race, tuning, len(raced))
    if not leader.ended and leader.steps < stalls_at:
        steady = leader is last and _level(leader, race) is not None  # no other goes on before
        limit = stalls_at if steady else min(_longer(leader, tuning), stalls_at)
        return _train(race, leader.candidate, limit, "carry_on")
    return _instead_of(leader, raced, race, belief, tuning)


def _begin(race: Race, belief: Belief, octaves: float) -> Move:
    """The first run at a learning rate, at the batch size that is cheapest by what is known.

    Beside runs under way it is the cheapest of the others: it will be raced against them anyway.
    """
    going = _going_at(race, octaves)
    alike = [each for each in belief.candidates if each.octaves == octaves]
    able = [each for each in alike if _can_train(race, each) and each not in going]
    if not able:
        return _choose("choose_untrained", belief.best.batch_size)
    chosen = min(able, key=belief.log_seconds)
    if going:
        return _train(race, chosen, FIRST_STEPS, "race", min(going, key=belief.log_seconds))
    if octaves == 0.0:
        return _train(race, chosen, FIRST_STEPS, "begin")
    return _train(race, chosen, FIRST_STEPS, "settle", Candidate(chosen.batch_size))


def _instead_of(
    leader: RaceRun, raced: list[RaceRun], race: Race, belief: Belief, tuning: Tuning
) -> Move:
    """A batch size to try in place of one that stalled or was given up at its longest."""
    tried = {run.batch_size for run in raced}
    tried |= {each.batch_size for each in _going_at(race, leader.octaves)}
    untried = [
        candidate
        for size in race.batch_sizes
        if size not in tried and _can_train(race, candidate := Candidate(size, leader.octaves))
    ]
    smaller = [each for each in untried if each.batch_size <= min(tried) / 2]
    if smaller:
        quarter = [each for each in smaller if each.batch_size <= min(tried) / 3.9]
        chosen = smaller[-1] if leader.ended or not quarter else quarter[-1]
        return _train(race, chosen, FIRST_STEPS + 1, "challenge", leader.candidate)
    going = [run for run in raced if not run.ended]
    if going:
        run = min(going, key=lambda run: run.seconds)
        return _train(race, run.candidate, _longer(run, tuning), "return")
    if untried:
        chosen = min(untried, key=belief.log_seconds)
        return _train(race, chosen, FIRST_STEPS + 1, "try", leader.candidate)
    return _choose("choose_untrained", belief.best.batch_size)


def _going_at(race: Race, octaves: float) -> set[Candidate]:
    return {run.candidate for run in race.runs if run.going and run.octaves == octaves}


def _race_on(race: Race, belief: Belief, reference: RaceRun, tuning: Tuning) -> Move:
    """After a first arrival: the candidate whose arrival is worth most for its time."""
    best = belief.best
    worth: dict[Candidate, float] = {}
    late = False
    runs = Counter(run.candidate for run in race.runs)
    for candidate in _neighbours(best, race, tuning):
        run = _open(race, candidate)
        given_up = run is not None and belief.given_up(run)
        enough = runs[candidate] >= tuning.seeds or not race.may_begin(candidate)
        if given_up or (run is None and enough):
            continue
        done = 0.0 if run is None else run.seconds / reference.seconds
        expected = math.exp(min(0.0, belief.log_seconds(candidate) - belief.log_seconds(best)))
        to_go = max(expected - done, tuning.chunk)
        gain = belief.gain(candidate) / to_go
        if _in_time(race, candidate, tuning.in_time * to_go * reference.seconds):
            worth[candidate] = gain
        else:
            late = late or gain >= tuning.worth
    going = {run.candidate for run in race.runs if run.going}
    others = [each for each in worth if each not in going and worth[each] >= tuning.worth]
    chosen = max(others or worth, key=worth.__getitem__, default=best)
    if worth.get(chosen, 0.0) < tuning.worth:
        return replace(
            _choose("choose", best.batch_size, became(race, belief, reference)), late=late
        )
    run = _open(race, chosen)
    chunk = math.ceil(tuning.chunk * reference.seconds / belief.step_seconds[chosen.batch_size])
    limit = max(FIRST_STEPS, chunk + (0 if run is None else run.steps))
    return _train(race, chosen, limit, "race" if chosen != best else "repeat", best)


def _in_time(race: Race, candidate: Candidate, seconds: float) -> bool:
    if race.steps_left is None:
        return True
    size = candidate.batch_size
    return race.steps_left[size] * race.step_seconds[size] >= seconds


def _neighbours(best: Candidate, race: Race, tuning: Tuning) -> list[Candidate]:
    """The best, batch sizes within reach and next to it, and learning rates within one octave.

    Crosswise those batch sizes also have those learning rates.
    """
    at, sizes = race.batch_sizes.index(best.batch_size), race.batch_sizes
    middle = Candidate(best.batch_size)
    near = {size for size in sizes if Candidate(size).apart(middle) <= tuning.reach + _SLACK}
    near |= set(sizes[max(0, at - 1) : at + 2])
    return [
        each
        for each in race.candidates
        if each.batch_size in near
        and abs(each.octaves - best.octaves) <= 1.0
        and (tuning.crosswise or best.batch_size == each.batch_size or best.octaves == each.octaves)
    ]


def _train(
    race: Race,
    candidate: Candidate,
    limit: int,
    kind: DecisionKind,
    against: Candidate | None = None,
) -> Train:
    """Go on with the open run of a candidate, else begin one."""
    run = _open(race, candidate)
    other = None if against is None else against.batch_size
    return Train(
        candidate.batch_size,
        None if run is None else run.number,
        limit if run is None else max(limit, run.steps + 1),
        Decision(kind, candidate.batch_size, other),
        candidate.octaves,
        0.0 if against is None else against.octaves,
    )


def _choose(kind: DecisionKind, size: int, comparisons: tuple[Decision, ...] = ()) -> Choose:
    return Choose(size, (*comparisons, Decision(kind, size)))


def _open(race: Race, candidate: Candidate) -> RaceRun | None:
    """The run of a candidate that can go on."""
    able = (run for run in race.runs if not run.ended and not run.going)
    return next((run for run in able if run.candidate == candidate), None)


def _can_train(race: Race, candidate: Candidate) -> bool:
    """Whether a run of a candidate can go on or begin."""
    return _open(race, candidate) is not None or race.may_begin(candidate)


def _longer(run: RaceRun, tuning: Tuning) -> int:
    """Steps to which a run goes on before any arrived."""
    return run.steps + math.ceil(
        max(tuning.chunk * run.steps, tuning.least_seconds / run.step_seconds)
    )


def _level(run: RaceRun, race: Race) -> float | None:
    path = run.curve.improvements(race.goal)
    return path[-1][0] if path else None


def _ahead(run: RaceRun, other: RaceRun, race: Race) -> bool:
    """Whether a run has been strictly better than another."""
    mine, its = _level(run, race), _level(other, race)
    return mine is not None and (its is None or race.goal.better(mine, its))


def _stalls_at(run: RaceRun, race: Race, tuning: Tuning, raced: int) -> int:
    """Steps after which a run is so many times as long as at its last progress.

    A better level is progress where it closes enough of what was missing to the target: the best
    of noisy levels goes on rising by little where a run has come to stand. One without any level
    yet counts as if it had shown one after some epochs. Each other run raced doubles the patience.
    """
    path = run.curve.improvements(race.goal)
    epoch = race.examples_per_epoch / run.batch_size
    last = math.ceil(_FIRST_LEVEL * epoch)
    if path:
        level, last = path[0]
        for metric, step in path[1:]:
            missing = 0.0 if race.goal.target is None else abs(race.goal.target - level)
            if abs(metric - level) >= tuning.progress * missing:
                level, last = metric, step
        last = max(last, math.ceil(min(_EARLY_EPOCHS * epoch, _EARLY_STEPS)))
    return math.ceil(tuning.stall * 2.0 ** (raced - 1) * last)
