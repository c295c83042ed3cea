"""What the runs of a race let one believe of the time to the target at every batch size."""

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import fmean, median

from rightbatch.decide.planning.race_state import Race, RaceRun, Tuning, improvements, step_at
from rightbatch.science.relative_cost import CostPosterior, CostSeen
from rightbatch.science.response import expected_improvement, truncated_normal

_APART = 0.2
"""Levels are compared that lie so far apart in the log of the way."""
_ALMOST_THERE = 0.999
_NEAR = 0.9
"""The last tenth of the progress shows how flat a curve ends."""


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
        self.reference = min(self._arrived, key=lambda run: run.seconds, default=None)
        self.step_seconds = _step_seconds(race)
        seen = [told for run in race.runs if (told := self._seen(run)) is not None]
        scales = [level.noise_scale for run in race.runs for level in run.levels]
        known = [scale for scale in scales if scale]
        self._posterior = CostPosterior(
            race.batch_sizes,
            seen,
            race.examples_per_epoch,
            median(known) if known else race.noise_scale,
            tuning.prior,
        )
        self._log_seconds = {
            size: float(self._posterior.mean[i]) + math.log(self.step_seconds[size] / size)
            for i, size in enumerate(race.batch_sizes)
        }

    @property
    def best(self) -> int:
        """The batch size with the least expected log time; of those that arrived, if any did."""
        return min(self._sure or self._race.batch_sizes, key=self.log_seconds)

    @cached_property
    def _sure(self) -> set[int]:
        """The sizes that arrived; only those no other seed of which was given up, if any."""
        there = {run.batch_size for run in self._arrived}
        doubtful = {run.batch_size for run in self._race.runs if self.given_up(run)}
        return there - doubtful or there

    def given_up(self, run: RaceRun) -> bool:
        """Whether a run has not arrived in so many times the best known time."""
        if self.reference is None or run.arrived:
            return False
        return run.seconds > self._tuning.patience * self.reference.seconds

    def overdue(self, run: RaceRun) -> bool:
        """Whether a run should have shown a level beyond its deepest by now."""
        told = self.comparisons(run)
        late = self._late(run)
        return bool(told) and late is not None and late.log_steps > told[-1].log_steps

    def log_seconds(self, size: int) -> float:
        """Expected log time to the target, up to a constant before any run arrived."""
        return self._log_seconds[size]

    def gain(self, size: int) -> float:
        """Knowledge gradient of one more arrival at a size: expected fall of the least log time.

        Frazier, Powell and Dayanik 2009, with only the best size and the one asked about.
        """
        rivals = self._sure - {self.best}
        if size == self.best and not rivals:
            return 0.0
        other = min(rivals, key=self.log_seconds) if size == self.best else size
        i, j, b = (self._race.batch_sizes.index(s) for s in (size, other, self.best))
        cov = self._posterior.covariance
        sd = abs(cov[i, j] - cov[i, b]) / math.sqrt(cov[i, i] + self._tuning.prior.seed_sd**2)
        gap = self.log_seconds(self.best) - self.log_seconds(other)
        gain = expected_improvement(gap, float(sd))
        return max(gain, self._confirmation(other)) if size == self.best else gain

    def _confirmation(self, other: int) -> float:
        """What another seed of the best size is worth where one lucky run put it ahead."""
        times = {
            size: [run.seconds for run in self._arrived if run.batch_size == size]
            for size in (self.best, other)
        }
        if len(times[self.best]) > 1:
            return 0.0
        gap = math.log(times[self.best][0] / fmean(times[other]))
        return expected_improvement(gap, self._scatter_sd)

    def comparisons(self, run: RaceRun) -> list[Comparison]:
        """The run next to the reference at levels well apart, from the first to the deepest."""
        if self.reference is None:
            return []
        goal = self._race.goal
        path = improvements(self.reference.levels, goal)
        told: list[Comparison] = []
        for level, step in improvements(run.levels, goal):
            at = step_at(path, level, goal)
            if at is None:
                break
            told.append(Comparison(level, at / self.reference.steps, math.log(step / at)))
        apart = told[:1]
        for comparison in told[1:]:
            if math.log(comparison.way / apart[-1].way) > _APART:
                apart.append(comparison)
        return apart[:-1] + told[-1:] if apart else []

    @cached_property
    def _drift_sd(self) -> float:
        """Drift of log ratios along the way per octave: a prior guess and what was seen of it."""
        total = self._tuning.drift_weight * self._tuning.drift_sd**2
        count = self._tuning.drift_weight
        for run in self._race.runs:
            if self.reference is None or run.batch_size == self.reference.batch_size:
                continue
            octaves = math.log2(run.batch_size / self.reference.batch_size)
            told = self.comparisons(run)
            for before, after in pairwise(told):
                if after.way > before.way:
                    moved = (after.log_steps - before.log_steps) / octaves
                    total += moved**2 / math.log(after.way / before.way)
                    count += 1
        return math.sqrt(total / count)

    def _seen(self, run: RaceRun) -> CostSeen | None:
        """What a run tells of the examples to the target at its batch size."""
        index = self._race.batch_sizes.index(run.batch_size)
        if run.arrived:
            return CostSeen(index, math.log(run.steps * run.batch_size))
        told = self.comparisons(run)
        if self.reference is None or not told:
            return None
        octaves = abs(math.log2(run.batch_size / self.reference.batch_size))
        drift_sd = self._drift_sd * octaves
        log_steps, way, variance = told[-1].log_steps, min(told[-1].way, _ALMOST_THERE), 0.0
        late = self._late(run)
        if late is not None and late.way > way:
            walk = max(drift_sd, self._tuning.prior.seed_sd)
            sd = walk * math.sqrt(math.log(late.way / way))
            (log_steps, variance), way = truncated_normal(log_steps, sd, late.log_steps), late.way
        log_examples = log_steps + math.log(self.reference.steps * run.batch_size)
        return CostSeen(index, log_examples, math.sqrt(variance - drift_sd**2 * math.log(way)))

    @cached_property
    def _scatter_sd(self) -> float:
        """Seed noise of log time by how flat the fastest run's curve ends.

        The same noise of the metric shifts the arrival further where the curve is flat.
        """
        if self.reference is None:
            return 0.0
        path = improvements(self.reference.levels, self._race.goal)
        (first, _), (last, end) = path[0], path[-1]
        near = step_at(path, first + _NEAR * (last - first), self._race.goal)
        return self._tuning.flat_sd * math.log(end / near) if near else 0.0

    def _late(self, run: RaceRun) -> Comparison | None:
        """At the reference's next level, which the run should have shown by now and did not.

        A run is evaluated now and then only, so one mean time between its levels is allowed for.
        """
        goal = self._race.goal
        path = improvements(run.levels, goal)
        if self.reference is None or not path:
            return None
        best, step = path[-1]
        steps = run.steps - step / len(path)
        for level, at in improvements(self.reference.levels, goal):
            if goal.better(level, best):
                way = at / self.reference.steps
                return Comparison(level, way, math.log(steps / at)) if steps > 0 else None
        return None


def _step_seconds(race: Race) -> dict[int, float]:
    """Step time of every candidate: known, on a line between two known, or at equal throughput."""
    timed = sorted(race.step_seconds)
    told: dict[int, float] = {}
    for size in race.batch_sizes:
        below = max((t for t in timed if t <= size), default=timed[0])
        above = min((t for t in timed if t >= size), default=timed[-1])
        if below < size < above:
            share = (size - below) / (above - below)
            told[size] = (1 - share) * race.step_seconds[below] + share * race.step_seconds[above]
        else:
            near = above if size <= above else below
            told[size] = race.step_seconds[near] * size / near
    return told
