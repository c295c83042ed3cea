"""Seconds of a step at any batch size, and how well they are known."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rightbatch.records import Estimate
from rightbatch.science.speed import StepTime
from rightbatch.science.stats import Z95, Array, median_log_variance, sum_of_variances

_SMALL = 1e-4


@dataclass(frozen=True, slots=True)
class Timed:
    """A batch size that was timed.

    Attributes:
        batch_size: Examples per step.
        seconds: Median step time, in seconds.
        samples: How many samples that is the median of.
    """

    batch_size: int
    seconds: Estimate
    samples: int


@dataclass(frozen=True)
class StepSeconds:
    """Seconds of a step at any batch size: of the model, and as timed where it was.

    They are the mean over an epoch, whose last step has the examples that are left.

    A batch size that was timed counts as it was timed, the more so the narrower its interval next
    to the fit's lack of fit: a mean of logs, each weighted by its precision. Steps that were timed
    with accumulation count so entirely: their update, and on several devices their
    synchronisation, happens once.

    Attributes:
        model: step_seconds(B) through the medians of what was timed.
        timed: What was timed, in the order of the model's sizes.
        more: Seconds to add at a batch size for more passes than were timed.
        updates: (examples, how often) of the updates in an epoch at a batch size.
    """

    model: StepTime
    timed: tuple[Timed, ...]
    more: Callable[[int], float] = lambda _: 0.0
    updates: Callable[[int], Sequence[tuple[int, int]]] = lambda size: ((size, 1),)

    def __call__(self, size: int) -> float:
        """Seconds of a step at a batch size."""
        return self._mean(self.model, size)

    def log_error(self, size: int, other: int | None = None) -> tuple[float, float]:
        """Variance of the log seconds of a step, and its degrees of freedom.

        The delta method: Var log T(B) ≈ Σ w_i²·Var log t_i over the medians t_i, which are taken to
        err independently, w_i = ∂ log T/∂ log t_i with the line fitted anew (Oehlert 1992). To that
        comes, as far as the line counts, what it misses by beyond their scatter.

        Args:
            size: Batch size.
            other: Another one, for the error of the ratio of the two: what moves both cancels.
        """
        weights, missed = self._weights(size), self._misfit_share(size) ** 2
        if other is not None:
            weights = weights - self._weights(other)
            missed = 0.0 if size == other else missed + self._misfit_share(other) ** 2
        parts = [(missed * self._misfit[0], self._misfit[1])]
        seldom = 0.0
        for weight, timed, error in zip(weights, self.timed, self._errors, strict=True):
            if error is None:
                seldom += float(weight) ** 2 / timed.samples
            else:
                parts.append((float(weight) ** 2 * error[0], error[1]))
        variance, freedom = self._of_one_sample
        return sum_of_variances([*parts, (seldom * variance, freedom)])

    def _mean(self, model: StepTime, size: int) -> float:
        updates = self.updates(size)
        seconds = sum(times * self._one(model, examples) for examples, times in updates)
        return seconds / sum(times for _, times in updates)

    def _one(self, model: StepTime, size: int) -> float:
        return self._own(model, size) + self.more(size)

    def _own(self, model: StepTime, size: int) -> float:
        index = self._places.get(size)
        if index is None:
            return model.at(size)
        trust, measured = self._trust[index], model.median_seconds[index]
        if trust == 1:
            return measured
        return math.exp((1 - trust) * math.log(model.at(size)) + trust * math.log(measured))

    @cached_property
    def _places(self) -> dict[int, int]:
        return {timed.batch_size: index for index, timed in enumerate(self.timed)}

    @cached_property
    def _trust(self) -> tuple[float, ...]:
        """Weight of each timing next to the model."""
        micro = self.model.micro_batch_size
        lack = self.model.lack_of_fit or 0.0
        return tuple(
            1.0 if micro is not None and timed.batch_size > micro else _trust(timed.seconds, lack)
            for timed in self.timed
        )

    @cached_property
    def _perturbed(self) -> tuple[StepTime, ...]:
        return self.model.perturbed(_SMALL)

    def _weights(self, size: int) -> Array:
        """∂ log T(size)/∂ log t_i, shape (timed sizes,)."""
        seconds = self._mean(self.model, size)
        changed = np.array([self._mean(model, size) for model in self._perturbed])
        weights: Array = (changed - seconds) / (_SMALL * seconds)
        return weights

    @cached_property
    def _errors(self) -> tuple[tuple[float, float] | None, ...]:
        """Variance of the log of each median, its degrees of freedom; None of too few samples."""
        return tuple(median_log_variance(timed.seconds, timed.samples) for timed in self.timed)

    @cached_property
    def _of_one_sample(self) -> tuple[float, float]:
        """The same of a single sample: pooled over the sizes of which it is known.

        Where it is of none, their distance from the line; without a line it is left out.
        """
        lack, sizes = self.model.lack_of_fit, len(self.timed)
        known = [
            (error, timed.samples)
            for error, timed in zip(self._errors, self.timed, strict=True)
            if error is not None
        ]
        if known:
            freedom = sum(error[1] for error, _ in known)
            squares = sum(error[0] * samples * error[1] for error, samples in known)
            return squares / freedom, freedom
        if lack is None or sizes < 3:
            return 0.0, 1.0
        samples = sum(timed.samples for timed in self.timed) / sizes
        return lack**2 * samples * sizes / (sizes - 2), sizes - 2.0

    @cached_property
    def _misfit(self) -> tuple[float, float]:
        """What the line misses the medians by beyond their scatter, and its degrees of freedom."""
        lack, sizes = self.model.lack_of_fit, len(self.timed)
        if lack is None:
            return 0.0, 1.0
        chance = sum(
            error[0] if error else self._of_one_sample[0] / timed.samples
            for error, timed in zip(self._errors, self.timed, strict=True)
        ) * (sizes - 2) / sizes**2  # fmt: skip
        return max(0.0, lack**2 - chance), max(sizes - 2.0, 1.0)

    def _misfit_share(self, size: int) -> float:
        """How much of the log step time rests on the line alone, where it may miss."""
        seconds = [(times * self._one(self.model, b), b) for b, times in self.updates(size)]
        on_line = sum(part * self._untimed(b) for part, b in seconds)
        return on_line / sum(part for part, _ in seconds)

    def _untimed(self, size: int) -> float:
        index = self._places.get(size)
        if index is None:
            return 1.0
        return 0.0 if self.model.interpolated else 1 - self._trust[index]


def _trust(measured: Estimate, lack_of_fit: float) -> float:
    """Weight of a timing next to the line, by precision; none of few and scattered samples."""
    if not measured.low or not measured.high or measured.low < 0:
        return 0.0
    error = math.log(measured.high / measured.low) / (2 * Z95)
    return 1.0 if error == 0 else lack_of_fit**2 / (lack_of_fit**2 + error**2)
