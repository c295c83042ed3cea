"""A race of batch sizes: what to time, which run to go on with, which to give up, when to stop.

`next_move` is a pure function of what is known. Step times come first, from the cheap end. The
batch size that looks cheapest is trained until it arrives; if it stalls, one at a quarter of its
size is raced against it. A single model is then there, and all that a `one-off` wants. A
`recurring` workload goes on with the batch sizes next to the best: a run goes on for as long as
the knowledge gradient of its arrival is worth the time still to go, compared with the fastest run
at the deepest level both reached; a winner that one lucky seed may have put ahead is run once
more. Step times are those of runs just begun, which may go on. Runs pause and go on at no cost, as
in freeze-thaw Bayesian optimisation (Swersky, Snoek and Adams 2014).
"""

import math
import sys
from collections.abc import Sequence
from typing import Literal

from rightbatch.decide.planning.race_belief import Belief
from rightbatch.decide.planning.race_state import (
    FIRST_STEPS,
    Choose,
    Move,
    Race,
    RaceRun,
    Train,
    Tuning,
    improvements,
)
from rightbatch.decide.planning.race_verdicts import verdicts
from rightbatch.records import Decision, DecisionKind

Mode = Literal["recurring", "one-off"]

_CHUNK = 0.1
"""A run goes on by a tenth: of its own time before any arrived, of the best time after."""
_STRIDE = 4.1
"""Batch sizes are timed two octaves apart."""
_NEIGHBOUR = 2.1
"""Batch sizes up to one octave from the best, and those next to it, are raced against it."""


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
        return _towards_the_first(race, belief, tuning)
    if mode == "one-off":
        return _choose("choose_first", belief.best, verdicts(race, belief))
    return _race_on(race, belief, belief.reference, tuning)


def _next_to_time(race: Race, tuning: Tuning) -> int | None:
    """The next batch size to time; None once throughput has stopped growing."""
    timed = sorted(race.step_seconds)
    sizes = [size for size in race.batch_sizes if size not in race.exhausted]
    if not timed:
        return next(iter(sizes), None)
    if len(timed) > 1:
        below, top = timed[-2:]
        octaves = math.log2(top / below)
        growth = octaves * math.log(2)
        growth -= math.log(race.step_seconds[top] / race.step_seconds[below])
        if growth < tuning.knee * octaves:
            return None
    larger = [size for size in sizes if size > timed[-1]]
    near = [size for size in larger if size <= _STRIDE * timed[-1]]
    return near[-1] if near else next(iter(larger), None)


def _towards_the_first(race: Race, belief: Belief, tuning: Tuning) -> Move:
    """Before any run has arrived: the cheapest by what is known, and what to do if it stalls."""
    begun = [run for run in race.runs if run.steps > FIRST_STEPS]
    raced = sorted(begun, key=lambda run: -run.batch_size)
    if not raced:
        return _train(race, FIRST_STEPS, Decision("begin", belief.best))
    leader = raced[0]
    for run in raced[1:]:
        if _level(run, race) is not None and not _ahead(leader, run, race):
            leader = run
    last = raced[-1]
    if last is not leader and not last.ended and last.seconds < leader.seconds:
        return _train(
            race, _longer(last), Decision("challenge", last.batch_size, leader.batch_size)
        )
    factor = tuning.stall * 2 ** (len(raced) - 1)
    stalls_at = _stalls_at(leader, race, factor)
    if not leader.ended and leader.steps < stalls_at:
        steady = leader is last and _level(leader, race) is not None  # no other goes on before
        limit = stalls_at if steady else min(_longer(leader), stalls_at)
        return _train(race, limit, Decision("carry_on", leader.batch_size))
    return _instead_of(leader, raced, race, belief)


def _instead_of(leader: RaceRun, raced: list[RaceRun], race: Race, belief: Belief) -> Move:
    """A batch size to try in place of one that stalled or was given up at its longest."""
    tried = {run.batch_size for run in raced}
    untried = [size for size in race.batch_sizes if size not in tried]
    smaller = [size for size in untried if size <= min(tried) / 2]
    if smaller:
        quarter = [size for size in smaller if size <= min(tried) / 3.9]
        size = smaller[-1] if leader.ended or not quarter else quarter[-1]
        return _train(race, FIRST_STEPS + 1, Decision("challenge", size, leader.batch_size))
    going = [run for run in raced if not run.ended]
    if going:
        run = min(going, key=lambda run: run.seconds)
        return _train(race, _longer(run), Decision("return", run.batch_size))
    if untried:
        size = min(untried, key=belief.log_seconds)
        return _train(race, FIRST_STEPS + 1, Decision("try", size, leader.batch_size))
    return _choose("choose_untrained", belief.best)


def _race_on(race: Race, belief: Belief, reference: RaceRun, tuning: Tuning) -> Move:
    """After a first arrival: the batch size whose arrival is worth most for its time."""
    best = belief.best
    near = _neighbours(best, race.batch_sizes)
    worth: dict[int, float] = {}
    for size in race.batch_sizes:
        run = _open(race, size)
        done = 0.0 if run is None else run.seconds / reference.seconds
        given_up = run is not None and belief.given_up(run)
        if size not in near or given_up or (run is None and size in race.exhausted):
            continue
        expected = math.exp(min(0.0, belief.log_seconds(size) - belief.log_seconds(best)))
        worth[size] = belief.gain(size) / max(expected - done, _CHUNK)
    size = max(worth, key=worth.__getitem__, default=best)
    if worth.get(size, 0.0) < tuning.worth:
        return _choose("choose", best, verdicts(race, belief))
    run = _open(race, size)
    chunk = math.ceil(_CHUNK * reference.seconds / belief.step_seconds[size])
    limit = max(FIRST_STEPS, chunk + (0 if run is None else run.steps))
    return _train(race, limit, Decision("race" if size != best else "repeat", size, best))


def _neighbours(best: int, sizes: Sequence[int]) -> set[int]:
    """The best batch size, those next to it, and all within one octave."""
    at = sizes.index(best)
    octave = {size for size in sizes if max(size / best, best / size) <= _NEIGHBOUR}
    return octave | set(sizes[max(0, at - 1) : at + 2])


def _train(race: Race, limit: int, decision: Decision) -> Train:
    """Go on with the open run at the decision's batch size, else begin one."""
    size = decision.batch_size
    run = _open(race, size)
    if run is None:
        return Train(size, None, limit, decision)
    return Train(size, run.number, max(limit, run.steps + 1), decision)


def _choose(kind: DecisionKind, size: int, told: tuple[Decision, ...] = ()) -> Choose:
    return Choose(size, (*told, Decision(kind, size)))


def _open(race: Race, size: int) -> RaceRun | None:
    """The run at a batch size that can go on."""
    return next((run for run in race.runs if run.batch_size == size and not run.ended), None)


def _longer(run: RaceRun) -> int:
    return math.ceil(run.steps * (1 + _CHUNK))


def _level(run: RaceRun, race: Race) -> float | None:
    """The best level of a run."""
    path = improvements(run.levels, race.goal)
    return path[-1][0] if path else None


def _ahead(run: RaceRun, other: RaceRun, race: Race) -> bool:
    """Whether a run has been strictly better than another."""
    mine, its = _level(run, race), _level(other, race)
    return mine is not None and (its is None or race.goal.better(mine, its))


def _stalls_at(run: RaceRun, race: Race, factor: float) -> int:
    """Steps after which a run is `factor` times as long as it was at its last improvement."""
    path = improvements(run.levels, race.goal)
    return math.ceil(factor * path[-1][1]) if path else sys.maxsize
