"""What the runs of a race let one believe of the time to the target at every batch size."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import fmean, median

import numpy as np

from rightbatch.decide.learning.state import Candidate, Race, RaceRun, Tuning
from rightbatch.records import Goal, step_at
from rightbatch.science.relative_cost import CostPosterior, CostSeen
from rightbatch.science.response import (
    expected_improvement,
    noise_growth,
    quiet_rate,
    truncated_normal,
)
from rightbatch.science.stats import Array

_APART = math.exp(0.2)
"""Levels are compared that lie so many times apart on the way."""
_ALMOST_THERE = 0.999
_DIVERGED = 0.7
"""A run that diverges counts as one twice as long as the fastest, give or take a factor two."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A run next to the reference run at the deepest level that both reached.

    Attributes:
        level: The level of the metric.
        way: Share of the reference's steps after which it met the level.
        log_steps: Log ratio of the steps to it.
    """

    level: float
    way: float
    log_steps: float


class _Way:
    """How a run got on: its improvements, as pairs of the best metric so far and the step."""

    def __init__(self, path: Sequence[tuple[float, int]], goal: Goal) -> None:
        self._sign = 1.0 if goal.direction == "max" else -1.0
        self._levels = self._sign * np.array([level for level, _ in path])
        self._steps = np.array([step for _, step in path])

    def steps_to(self, levels: Sequence[float]) -> list[float]:
        """Steps after which it met each level, interpolated as `step_at` does for one of them.

        Args:
            levels: Each better than the one before; those that it never met are left out.
        """
        if self._steps.size == 0:
            return []
        wanted = self._sign * np.array(levels)
        met = wanted[: np.searchsorted(wanted, self._levels[-1], side="right")]
        steps: list[float] = np.interp(met, self._levels, self._steps).tolist()
        return steps


class Belief:
    """Log time to the target at each candidate, as far as it is known.

    A run that arrived tells its examples to the target, but for seed noise. A run under way tells
    them relative to the fastest that arrived: by how much it was behind at the levels both
    reached, with an error that shrinks like a random walk on the log of the way.
    """

    def __init__(self, race: Race, tuning: Tuning) -> None:
        self._race = race
        self._tuning = tuning
        self._arrived = [run for run in race.runs if run.arrived]
        self._paths = {run.number: run.curve.improvements(race.goal) for run in race.runs}
        self._compared: dict[int, list[Comparison]] = {}
        self.reference = min(self._arrived, key=lambda run: run.seconds, default=None)
        self._way = _Way(self._paths[self.reference.number] if self.reference else [], race.goal)
        self.step_seconds = _step_seconds(race)
        self.candidates = race.candidates
        self._index = {candidate: i for i, candidate in enumerate(self.candidates)}
        seen = [cost for run in race.runs if (cost := self._seen(run)) is not None]
        posterior = self._posterior(seen)
        self._log_seconds = {
            candidate: float(posterior.mean[i])
            + math.log(self.step_seconds[candidate.batch_size] / candidate.batch_size)
            for i, candidate in enumerate(self.candidates)
        }
        going = {self._index[run.candidate] for run in race.runs if run.going}
        if going:
            seen += [CostSeen(i, float(posterior.mean[i])) for i in going]
            posterior = self._posterior(seen)
        self._believed = posterior
        """Runs under way are believed to arrive as predicted: what they will tell is not looked for
        again (the kriging believer; Ginsbourger, Le Riche and Carraro 2010)."""

    def _posterior(self, seen: list[CostSeen]) -> CostPosterior:
        race = self._race
        known = [
            each.noise_scale
            for run in race.runs
            for each in run.curve.evaluations
            if each.noise_scale
        ]
        return CostPosterior(
            [candidate.batch_size for candidate in self.candidates],
            seen,
            race.examples_per_epoch,
            median(known) if known else race.noise_scale,
            self._tuning.prior,
            [candidate.octaves for candidate in self.candidates],
            race.present,
        )

    @cached_property
    def best(self) -> Candidate:
        """The candidate with the least expected log time; of those that arrived, if any did."""
        return min(sorted(self._sure) or self.candidates, key=self.log_seconds)

    @cached_property
    def _second(self) -> Candidate | None:
        """The next of those that arrived; None where no other did."""
        return min(sorted(self._sure - {self.best}), key=self.log_seconds, default=None)

    @cached_property
    def _sure(self) -> set[Candidate]:
        """Those that arrived; only those no other seed of which was given up, if any."""
        there = {run.candidate for run in self._arrived}
        doubtful = {run.candidate for run in self._race.runs if self.given_up(run)}
        return there - doubtful or there

    def given_up(self, run: RaceRun) -> bool:
        """Whether a run has not arrived in so many times the best known time."""
        if self.reference is None or run.arrived:
            return False
        return run.seconds > self._tuning.patience * self.reference.seconds

    def overdue(self, run: RaceRun) -> bool:
        """Whether a run should have shown a level beyond its deepest by now."""
        comparisons = self.comparisons(run)
        late = self._late(run)
        return bool(comparisons) and late is not None and late.log_steps > comparisons[-1].log_steps

    def log_seconds(self, candidate: Candidate) -> float:
        """Expected log time to the target, up to a constant before any run arrived."""
        return self._log_seconds[candidate]

    def gain(self, candidate: Candidate) -> float:
        """Knowledge gradient of one more arrival: expected fall of the least log time.

        Frazier, Powell and Dayanik 2009, with only the best candidate and the one asked about.
        """
        other = self._second if candidate == self.best else candidate
        if other is None:
            return 0.0
        variance = float(self._variances[self._index[candidate]])
        shared = float(self._shared_with_best[self._index[other]])
        sd = abs(variance - shared) / math.sqrt(variance + self._tuning.prior.seed_sd**2)
        gain = expected_improvement(self.log_seconds(self.best) - self.log_seconds(other), sd)
        return max(gain, self._confirmation(other)) if candidate == self.best else gain

    @cached_property
    def _variances(self) -> Array:
        """Variance of the log time at each candidate."""
        return self._believed.variances()

    @cached_property
    def _shared_with_best(self) -> Array:
        """Its covariance with that at the best candidate."""
        return self._believed.covariances(self._index[self.best])

    def _confirmation(self, other: Candidate) -> float:
        """What another seed of the best is worth where one lucky run put it ahead."""
        times = {
            each: [run.seconds for run in self._arrived if run.candidate == each]
            for each in (self.best, other)
        }
        if len(times[self.best]) > 1:
            return 0.0
        gap = math.log(times[self.best][0] / fmean(times[other]))
        return expected_improvement(gap, self._scatter_sd)

    def comparisons(self, run: RaceRun) -> list[Comparison]:
        """The run next to the reference at levels well apart, from the first to the deepest."""
        if self.reference is None:
            return []
        if run.number not in self._compared:
            self._compared[run.number] = self._compare(run, self.reference)
        return self._compared[run.number]

    def _compare(self, run: RaceRun, reference: RaceRun) -> list[Comparison]:
        path = self._paths[run.number]
        met = self._way.steps_to([level for level, _ in path])
        if not met:
            return []
        apart = [0]
        for place, at in enumerate(met):
            if at > _APART * met[apart[-1]]:
                apart.append(place)
        return [
            Comparison(path[i][0], met[i] / reference.steps, math.log(path[i][1] / met[i]))
            for i in (*apart[:-1], len(met) - 1)
        ]

    @cached_property
    def _drift_sd(self) -> float:
        """Drift of log ratios along the way per octave: a prior guess and what was seen of it."""
        total = self._tuning.drift_weight * self._tuning.drift_sd**2
        count = self._tuning.drift_weight
        for run in self._race.runs:
            if self.reference is None or run.candidate == self.reference.candidate:
                continue
            octaves = run.candidate.apart(self.reference.candidate)
            for before, after in pairwise(self.comparisons(run)):
                if after.way > before.way:
                    moved = (after.log_steps - before.log_steps) / octaves
                    total += moved**2 / math.log(after.way / before.way)
                    count += 1
        return math.sqrt(total / count)

    def _seen(self, run: RaceRun) -> CostSeen | None:
        """What a run tells of the examples to the target of its candidate."""
        index = self._index[run.candidate]
        if run.arrived:
            return CostSeen(index, math.log(run.steps * run.batch_size), self._more_noise(run))
        if run.diverged and self.reference is not None:
            examples = self.reference.seconds / run.step_seconds * run.batch_size
            return CostSeen(index, math.log(examples) + _DIVERGED, _DIVERGED)
        comparisons = self.comparisons(run)
        if self.reference is None or not comparisons:
            return None
        drift_sd = self._drift_sd * run.candidate.apart(self.reference.candidate)
        deepest, late = comparisons[-1], self._late(run)
        log_steps, way, variance = deepest.log_steps, min(deepest.way, _ALMOST_THERE), 0.0
        if late is not None and late.way > way:
            sd = max(drift_sd, self._tuning.prior.seed_sd) * math.sqrt(math.log(late.way / way))
            (log_steps, variance), way = truncated_normal(log_steps, sd, late.log_steps), late.way
        log_examples = log_steps + math.log(self.reference.steps * run.batch_size)
        return CostSeen(index, log_examples, math.sqrt(variance - drift_sd**2 * math.log(way)))

    @cached_property
    def _quiet_rate(self) -> float:
        """The lowest good learning rate of those that arrived."""
        return quiet_rate([(run.octaves, math.log(run.seconds)) for run in self._arrived])

    def _more_noise(self, run: RaceRun) -> float:
        """Seed noise of a run beyond the usual, which grows with its learning rate."""
        growth = noise_growth(run.octaves - self._quiet_rate)
        return self._tuning.prior.seed_sd * math.sqrt(growth**2 - 1)

    @cached_property
    def _scatter_sd(self) -> float:
        """Seed noise of log time by how flat the fastest run's curve ends.

        The same noise of the metric shifts the arrival further where the curve is flat.
        """
        if self.reference is None:
            return 0.0
        path = self._paths[self.reference.number]
        (first, _), (last, end) = path[0], path[-1]
        near = step_at(path, first + self._tuning.near * (last - first), self._race.goal)
        return self._tuning.flat_sd * math.log(end / near) if near else 0.0

    def _late(self, run: RaceRun) -> Comparison | None:
        """At the reference's next level, which the run should have shown by now and did not.

        A run is evaluated now and then only, so one mean time between its levels is allowed for.
        """
        goal = self._race.goal
        path = self._paths[run.number]
        if self.reference is None or not path:
            return None
        best, step = path[-1]
        steps = run.steps - step / len(path)
        for level, at in self._paths[self.reference.number]:
            if goal.better(level, best):
                way = at / self.reference.steps
                return Comparison(level, way, math.log(steps / at)) if steps > 0 else None
        return None


def _step_seconds(race: Race) -> dict[int, float]:
    """Step time of every candidate: known, on a line between two known, or at equal throughput."""
    timed = sorted(race.step_seconds)
    seconds: dict[int, float] = {}
    for size in race.batch_sizes:
        below = max((t for t in timed if t <= size), default=timed[0])
        above = min((t for t in timed if t >= size), default=timed[-1])
        if below < size < above:
            share = (size - below) / (above - below)
            seconds[size] = (1 - share) * race.step_seconds[below] + share * race.step_seconds[
                above
            ]
        else:
            near = above if size <= above else below
            seconds[size] = race.step_seconds[near] * size / near
    return seconds
