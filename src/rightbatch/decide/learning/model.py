"""What a study knows of learning: cost to the goal at any batch size and learning rate."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

from rightbatch.records import Goal, OptimizerFacts, Run, TrainingProbe, step_at, target_level
from rightbatch.science.learning_rate import scale, scale_saturating
from rightbatch.science.response import Observation, ResponseSurface

CostPerStep = Callable[[int], float]

_UNKNOWN_CRITICAL = 128.0
"""Critical batch size taken before any noise scale is known: the middle of small workloads."""
_CRITICAL_OVER_NOISE = 2.0
"""The noise scale is measured early, and grows while training goes on (McCandlish et al. 2018)."""


class LearningModel:
    """A response surface over batch size and learning rate, made from one optimizer's runs.

    Args:
        goal: What the study is after.
        optimizer: The optimizer and its reference learning rate.
        reference_batch: The user's present batch size.
        runs: The training runs so far, in order.
        cost_per_step: Cost of one step at a batch size: its seconds, its examples, or 1.
        noise_scale: Gradient noise scale in examples; None if unknown.
        under_way: Probes of the runs that are under way, of which nothing is known yet.
    """

    def __init__(
        self,
        goal: Goal,
        optimizer: OptimizerFacts,
        reference_batch: int,
        runs: Sequence[Run],
        cost_per_step: CostPerStep,
        noise_scale: float | None,
        under_way: Sequence[TrainingProbe] = (),
    ) -> None:
        self.goal, self.optimizer = goal, optimizer
        self.level = target_level(runs, goal)
        self.runs = tuple(self._measured(run) for run in runs)
        """Every run, with its steps to that level."""
        self.under_way = tuple(under_way)
        self.cost_per_step = cost_per_step
        self._reference = reference_batch
        self.critical_guess = _CRITICAL_OVER_NOISE * noise_scale if noise_scale else None
        """Critical batch size by the noise scale, in examples; None if unknown."""
        self.critical = self.critical_guess or _UNKNOWN_CRITICAL
        """The same, or what is taken where it is unknown."""

    @property
    def arrived(self) -> bool:
        """Whether any run reached the goal ("best within" goals count as reached by their best)."""
        target = self.goal.target
        return target is None or (self.level is not None and self.goal.reached_by(self.level))

    def _measured(self, run: Run) -> Run:
        there = run.curve.arrival(replace(self.goal, target=self.level))
        return replace(run, steps=None if there is None else there.step)

    def cost(self, run: Run) -> float:
        """What a run cost to the goal; without end where it did not arrive."""
        return math.inf if run.steps is None else run.steps * self.cost_per_step(run.batch_size)

    @cached_property
    def best(self) -> Run | None:
        """The cheapest run that arrived; None while there is none."""
        arrived = (run for run in self.runs if run.steps is not None)
        return min(arrived, key=self.cost, default=None)

    @cached_property
    def surface(self) -> ResponseSurface:
        """The posterior, all runs taken in."""
        return ResponseSurface([self._observe(run) for run in self.runs])

    def rule(self, batch_size: int) -> float:
        """Learning rate that the optimizer's scaling rule proposes.

        Linear rules saturate where the noise scale is known (McCandlish et al. 2018).
        """
        reference, rate = self._reference, self.optimizer.learning_rate
        if self.optimizer.rule == "linear" and self.critical_guess is not None:
            return scale_saturating(rate, reference, batch_size, self.critical)
        return scale(rate, reference, batch_size, self.optimizer.rule)

    def rate_octaves(self, batch_size: int, learning_rate: float) -> float:
        """v: octaves of a learning rate from what the rule proposes; 0 where either is unknown."""
        octaves = math.log2(learning_rate / self.rule(batch_size))
        return 0.0 if math.isnan(octaves) else octaves

    def prior(self, batch_size: int) -> float:
        """Log cost up to a constant, from step cost and S(B) ∝ 1 + B_crit/B."""
        return math.log(self.cost_per_step(batch_size) * (1 + self.critical / batch_size))

    def predict(self, points: Sequence[tuple[int, float]]) -> list[tuple[float, float]]:
        """(mean, standard deviation) of log cost at (batch size, learning rate) pairs."""
        mean, sd = self.surface.predict(
            [(self._octaves(b), self.rate_octaves(b, rate)) for b, rate in points]
        )
        return [
            (float(m) + self.prior(b), float(s))
            for m, s, (b, _) in zip(mean, sd, points, strict=True)
        ]

    def difference_sd(self, first: tuple[int, float], second: tuple[int, float]) -> float:
        """Standard deviation of the log ratio of costs at two (batch size, learning rate) pairs."""
        return self.surface.difference_sd(
            *(
                (self._octaves(size), self.rate_octaves(size, rate))
                for size, rate in (first, second)
            )
        )

    def _octaves(self, batch_size: int) -> float:
        return math.log2(batch_size / self._reference)

    def _observe(self, run: Run) -> Observation:
        size, rate = run.batch_size, run.learning_rate
        cost = self.cost_per_step(size)
        extra = 0.0
        if run.steps is not None:
            log_cost = math.log(self.cost(run))
        elif self.best is None or run.diverged:
            log_cost = math.log(max(self._dearest, run.curve.steps * cost)) + 0.7
            extra = 0.7
        else:
            best_cost = self.cost_per_step(self.best.batch_size)
            log_cost, extra = behind(run, self.best, cost, best_cost, self.goal)
        return Observation(
            self._octaves(size), self.rate_octaves(size, rate), log_cost - self.prior(size), extra
        )

    @cached_property
    def _dearest(self) -> float:
        """Highest cost of a run that arrived; next to nothing without one."""
        return max((self.cost(run) for run in self.runs if run.steps), default=1e-12)


def behind(run: Run, best: Run, cost: float, best_cost: float, goal: Goal) -> tuple[float, float]:
    """What an unfinished run would have cost, judged at the deepest level both reached.

    Args:
        run: The unfinished run.
        best: The best run that arrived, with its steps to the target.
        cost: Cost per step of the unfinished run.
        best_cost: Cost per step of the best run.
        goal: The goal.

    Returns:
        (log of its guessed cost to the target, standard deviation of that guess). The ratio of two
        runs' costs at a level foretells the ratio at the target with an error of 0.54 in log at a
        tenth of the way and 0.33 at half (published traces), taken here as 0.6 less 0.5 of the way.
    """
    done, best_steps = run.curve.steps, best.steps or math.nan
    spent, arrival = done * cost, best_steps * best_cost
    both = deepest(run, best, goal)
    if both is None:
        return math.log(max(spent, arrival)) + 0.7, 0.7
    _, own_met, met = both
    stalled = 0.5 * (own_met + done) * cost
    guess = math.log(arrival) + math.log(stalled / (met * best_cost))
    return max(guess, math.log(spent) + 0.05), 0.6 - 0.5 * min(1.0, met / best_steps)


def deepest(run: Run, best: Run, goal: Goal) -> tuple[float, int, float] | None:
    """A run's best level, its steps to that and the best run's; None if that never met it."""
    path = run.curve.improvements(goal)
    if not path:
        return None
    level, own_met = path[-1]
    met = step_at(best.curve.improvements(goal), level, goal)
    return None if met is None else (level, own_met, met)
