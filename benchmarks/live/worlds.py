"""Simulated studies of the live cases: training that takes as long as the truth tables say.

Steps to the goal are the recorded means, on lines between the learning rates and batch sizes that
were recorded; step times are the recorded ones. Seeds scatter as they did when choices were
retrained: by some 17% at the best learning rate, more above it.
"""

import csv
import math
import statistics
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from cases import CASES, Case
from truth_table import step_seconds

from rightbatch.records import Settings

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "unit"))
from simulated_world import MIB, SimulatedOptimizer, World, run_study

_SEED_NOISE, _MORE_PER_OCTAVE, _FROM = 0.17, 0.2, -0.25
"""Standard deviation of log steps, and what an octave above the best learning rate adds to it."""
_FAILED = 1.3
"""Steps where a run did not arrive, over those it made or the longest that did."""
_BELOW, _ABOVE, _DIVERGES = 0.6, 1.0, 1.5
"""Log steps that an octave beyond the recorded learning rates adds; and octaves to divergence."""
_EXAMPLES = {"digits": 1437, "fashion-mnist": 58_000}
_NOISE_SCALES = {"digits": 110.0, "fashion-mnist": 70.0}
_AROUND = {"digits": (0.05, 0.001), "fashion-mnist": (0.3, 0.18)}
"""Seconds of a trial's start and of an evaluation."""

Line = tuple[tuple[float, float, bool], ...]
"""(log2 learning rate, log steps, whether all runs arrived), ascending."""


@dataclass(frozen=True)
class RecordedWorld(World):
    """A live case as a simulated world."""

    lines: dict[int, Line] = field(default_factory=dict)
    times: dict[int, float] = field(default_factory=dict)
    exponent: float = 1.0

    def best_rate(self, batch_size: int, optimizer: str = "sgd") -> float:
        """The recorded best of the nearest batch size, moved by the rule."""
        near = min(self.lines, key=lambda size: abs(math.log(size / batch_size)))
        best = min((point for point in self.lines[near] if point[2]), key=lambda point: point[1])
        return float(2 ** best[0] * (batch_size / near) ** self.exponent)

    def seed_sd(self, batch_size: int, rate: float) -> float:
        """Grows with the learning rate."""
        above = math.log2(rate / self.best_rate(batch_size)) - _FROM
        return _SEED_NOISE + _MORE_PER_OCTAVE * min(2.0, max(0.0, above))

    def steps(self, batch_size: int, rate: float, optimizer: str = "sgd") -> float:
        """On lines between what was recorded, along the rule between batch sizes."""
        known = sorted(self.lines)
        below = max((size for size in known if size <= batch_size), default=known[0])
        above = min((size for size in known if size >= batch_size), default=known[-1])
        at = [self._log_steps(s, rate * (s / batch_size) ** self.exponent) for s in (below, above)]
        if below == above:
            return math.exp(at[0]) * max(1.0, below / batch_size)
        share = math.log(batch_size / below) / math.log(above / below)
        return math.exp((1 - share) * at[0] + share * at[1])

    def _log_steps(self, size: int, rate: float) -> float:
        octave, line = math.log2(rate), self.lines[size]
        lowest, highest = line[0], line[-1]
        if octave > highest[0] + _DIVERGES:
            return math.inf
        inside = float(np.interp(octave, [p[0] for p in line], [p[1] for p in line]))
        return (
            inside + _BELOW * max(0.0, lowest[0] - octave) + _ABOVE * max(0.0, octave - highest[0])
        )

    def step_seconds(self, batch_size: int, micro: int | None = None) -> float:
        """On lines between what was recorded, on logs."""
        sizes = sorted(self.times)
        logs = np.interp(
            math.log(batch_size), np.log(sizes), np.log([self.times[size] for size in sizes])
        )
        return float(np.exp(logs))

    @cached_property
    def best_seconds(self) -> float:
        """The least recorded time."""
        return min(
            math.exp(steps) * self.mean_seconds(size)
            for size, line in self.lines.items()
            for _, steps, arrived in line
            if arrived
        )


def world(case: Case, seed: int) -> RecordedWorld:
    """A case, its seeds drawn by a number."""
    title = case.name.rpartition("-")[0]
    rule = "linear" if case.optimizer == "sgd" else "square_root"
    start, evaluation = _AROUND[title]
    drawn = np.random.default_rng([3, seed])
    return RecordedWorld(
        train_examples=_EXAMPLES[title],
        batch_size=32,
        optimizers=(SimulatedOptimizer(case.optimizer, rule, case.reference_learning_rate),),
        noise_scale=_NOISE_SCALES[title] * math.exp(0.3 * drawn.normal()),
        shape_noise=0.3,
        start_seconds=start,
        evaluation_seconds=evaluation,
        fixed_bytes=MIB,
        bytes_per_example=1000,
        seed=seed,
        lines=_lines(case),
        times=step_seconds(case),
        exponent=case.rule_exponent,
    )


def settings(case: Case, made: RecordedWorld, seed: int) -> Settings:
    """What the live benchmark gives a study."""
    share = case.training_share or 0.0
    return Settings(
        budget_seconds=float(case.budget.rstrip("s")),
        training_budget_seconds=max(share * made.best_seconds, 30.0),
        seed=100 * seed,
    )


def _lines(case: Case) -> dict[int, Line]:
    """Log mean steps at every pair that was run, truth and retraining of all looks together."""
    runs: dict[tuple[int, float], list[tuple[float, bool]]] = defaultdict(list)
    names = f"truth-{case.name}.csv", f"retrain-{case.name}.csv"
    looks = sorted(case.results.glob(f"*-look/{names[1]}"))
    for path in (*(case.results / name for name in names), *looks):
        with path.open() as file:
            for row in csv.DictReader(file):
                octave = round(math.log2(float(row["learning_rate"])), 1)
                arrived = bool(row["steps"]) and math.isfinite(float(row["steps"]))
                steps = float(row["steps"] if arrived else row["steps_done"])
                runs[int(row["batch_size"]), octave].append((steps, arrived))
    lines: dict[int, list[tuple[float, float, bool]]] = defaultdict(list)
    for (size, octave), seen in sorted(runs.items()):
        failed = sum(not arrived for _, arrived in seen)
        most = _FAILED * max(steps for steps, _ in seen)
        steps = statistics.fmean(steps if arrived else most for steps, arrived in seen)
        lines[size].append((octave, math.log(steps), failed <= len(seen) / 3))
    return {size: tuple(line) for size, line in lines.items() if any(p[2] for p in line)}


__all__ = ["CASES", "RecordedWorld", "run_study", "settings", "world"]
