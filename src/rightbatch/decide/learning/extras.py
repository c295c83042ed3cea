"""Runs that a race would not make: what the user named, the present settings, more seeds."""

import math
from collections import Counter

from rightbatch.decide.learning.arms import Arm
from rightbatch.decide.learning.looks import LOOKS
from rightbatch.decide.learning.state import Candidate, Race, RaceRun, Train
from rightbatch.decide.study.evidence import grouped
from rightbatch.decide.study.situation import Situation
from rightbatch.records import Decision, DecisionKind

FIRST_SHARE = 0.6
"""Share of the time left that a run may take before any has reached the goal."""
AMPLE = 30
"""Where the time left holds this many of the best run, runs are also made for the picture: the
present settings and batch sizes near the best, to their end."""
_PATIENCE_FOR_THE_PICTURE = 4.0
"""Times the best run's cost after which such a run is given up."""
_PATIENCE_FOR_THE_ASKED = 25.0
"""The same for batch sizes that the user named: their regime is to be seen, not only beaten."""
_FAR_OFF = 1.0
"""Octaves from the best learning rate, by the rule, within which each of them is to be run."""
_PRESENT_AFFORDED = 10
"""Elsewhere the present settings are run only where the time left holds so many of the best run."""
_AT_THE_END, _IN_PART = 1.6, 0.5
"""Or for half the time of the best run when the time left holds no more than so many."""
_PRESENT_AT_MOST = math.log(4)
"""And where they are not expected to cost more than four times the best of those tried."""
_REACH = 3
"""Octaves of batch size about the best that the picture shows."""
SEEDS = 8
"""Runs of a setting that may be the best, where runs are cheap: seeds differ by up to a third."""
_CLOSE = math.log(1.2)
"""Log cost within which of the least expected a setting may be the best."""
_MORE_SEEDS, _CLOSER = 24, math.log(1.1)
"""Runs of a setting that eight have not set apart from the best: those leave a mean open by 7%."""


def runs_left(race: Race, reference: RaceRun) -> float:
    """How often the time left holds a run as long as the fastest that arrived."""
    return (race.steps_left or {}).get(reference.batch_size, math.inf) / reference.steps


def asked_for(situation: Situation, arm: Arm, race: Race) -> Train | None:
    """The next run for the picture; None where nothing is left to show or time is short."""
    reference = fastest(race)
    if reference is None and sum(not run.diverged for run in race.runs) < LOOKS:
        return None
    tried = {run.batch_size for run in race.runs}
    untried = [size for size in race.batch_sizes if size not in tried]
    if situation.settings.batch_sizes:
        return _named(arm, race, untried, reference) if untried else _named_again(race, reference)
    if reference is None:
        return None
    left = runs_left(race, reference)
    if left > AMPLE:
        present = _present(situation, race, reference, _PATIENCE_FOR_THE_PICTURE)
        return present or _nearby(arm, race, untried, reference)
    least = min(arm.model.prior(size) for size in tried)
    dear = arm.model.prior(situation.facts.batch_size) - least > _PRESENT_AT_MOST
    if dear or _AT_THE_END < left < _PRESENT_AFFORDED:
        return None
    times = 1.0 if left >= _PRESENT_AFFORDED else _IN_PART
    return _present(situation, race, reference, min(times, left))


def fastest(race: Race) -> RaceRun | None:
    """The fastest run that arrived."""
    arrived = (run for run in race.runs if run.arrived)
    return min(arrived, key=lambda run: run.seconds, default=None)


def _named(arm: Arm, race: Race, untried: list[int], reference: RaceRun | None) -> Train:
    """A batch size that the user named and that no run has tried."""
    size = min(untried, key=arm.model.prior)
    left = (race.steps_left or {}).get(size, math.inf)
    limit = min(FIRST_SHARE, 1 / len(untried)) * left
    if reference is not None:
        limit = min(limit, _steps(reference, _PATIENCE_FOR_THE_ASKED, race, size))
    octaves = 0.0 if reference is None else reference.octaves
    return _whole("asked", Candidate(size, octaves), limit)


def _named_again(race: Race, reference: RaceRun | None) -> Train | None:
    """A size that the user named, where runs are cheap and the best rate has turned out far off."""
    if reference is None or runs_left(race, reference) <= AMPLE:
        return None
    tried = grouped((run.batch_size, abs(run.octaves - reference.octaves)) for run in race.runs)
    for size, apart in sorted(tried.items()):
        candidate = Candidate(size, reference.octaves)
        if min(apart) >= _FAR_OFF and race.may_begin(candidate):
            limit = _steps(reference, _PATIENCE_FOR_THE_ASKED, race, size)
            return _whole("asked", candidate, limit)
    return None


def _present(situation: Situation, race: Race, reference: RaceRun, times: float) -> Train | None:
    """The user's present settings for so many times the fastest run, unless tried or ruled out."""
    present = Candidate(situation.facts.batch_size)
    tried = {run.candidate for run in race.runs}
    known = present.batch_size in race.batch_sizes
    if present in tried or not known or not race.may_begin(present):
        return None
    return _whole("compare", present, _steps(reference, times, race, present.batch_size))


def _nearby(arm: Arm, race: Race, untried: list[int], reference: RaceRun) -> Train | None:
    """An untried batch size near the best, at the same distance from the rule's learning rate."""
    best = reference.candidate
    near = [size for size in untried if Candidate(size, best.octaves).apart(best) <= _REACH]
    if not near:
        return None
    size = min(near, key=arm.model.prior)
    limit = _steps(reference, _PATIENCE_FOR_THE_PICTURE, race, size)
    return _whole("race", Candidate(size, best.octaves), limit, best)


def another_seed(arm: Arm, race: Race) -> Train | None:
    """Another run of a setting that may be the best one; None where they have enough, or are dear.

    The race believes in its curve, and stops when one more run would tell little; where runs are
    cheap the settings in question are told apart by their own means.
    """
    reference = fastest(race)
    if reference is None or runs_left(race, reference) <= AMPLE:
        return None
    seeds = Counter(run.candidate for run in race.runs)
    arrived = sorted({run.candidate for run in race.runs if run.arrived})
    predicted = arm.model.predict(
        [(each.batch_size, arm.model.rule(each.batch_size) * 2**each.octaves) for each in arrived]
    )
    costs = {each: mean for each, (mean, _) in zip(arrived, predicted, strict=True)}
    best = min(arrived, key=costs.__getitem__)
    close = [each for each in arrived if seeds[each] < _seeds(costs[each] - costs[best])]
    if not close:
        return None
    again = min(close, key=lambda each: (seeds[each], costs[each]))
    limit = _steps(reference, _PATIENCE_FOR_THE_PICTURE, race, again.batch_size)
    return _whole("repeat", again, limit, best)


def _seeds(above: float) -> int:
    """Runs of a setting whose log cost is so much above the least, where runs are cheap."""
    if above <= _CLOSER:
        return _MORE_SEEDS
    return SEEDS if above <= _CLOSE else 0


def _steps(reference: RaceRun, times: float, race: Race, size: int) -> float:
    """Steps at a batch size that cost so many times the fastest run."""
    return times * reference.seconds / race.step_seconds[size]


def _whole(
    kind: DecisionKind, candidate: Candidate, limit: float, against: Candidate | None = None
) -> Train:
    size = candidate.batch_size
    other, octaves = (None, 0.0) if against is None else (against.batch_size, against.octaves)
    decision = Decision(kind, size, other)
    return Train(size, None, max(1, math.ceil(limit)), decision, candidate.octaves, octaves)
