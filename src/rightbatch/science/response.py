"""A response surface: log cost to goal against batch size and learning rate."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from rightbatch.science.stats import Array, t_quantile

# Priors on learning rates and deviations that the race over candidates shares (`relative_cost`).
RATE_MEANS = (-0.1, 0.12)
"""Means of the linear and quadratic coefficients of log cost per octave of learning rate away from
the scaling rule: a factor of two from the best costs about 12%, a factor of four about 60%, and
users' learning rates are more often too low than too high."""
RATE_SDS = (0.35, 0.06, 0.10)
"""Standard deviations of both, and of their interaction with octaves of batch size."""
SIZE_LENGTH, RATE_LENGTH = 1.5, 1.0
"""Length scales of deviations from the curve, in octaves of batch size and of learning rate."""

_TREND_MEAN = np.array([0.0, 0.0, 0.0, *RATE_MEANS, 0.0])
_TREND_SD = np.array([3.0, 0.25, 0.04, *RATE_SDS])
"""Prior of the coefficients of 1, u, u², v, v², u·v: wide for the level and the slopes."""
_WIGGLE_SD = 0.18
_WIGGLE_LENGTHS = np.array([SIZE_LENGTH, RATE_LENGTH])
_NOISE_SD = 0.17
_NOISE_WEIGHT = 4.0
"""Prior seed noise, and its weight in degrees of freedom. In published data the median coefficient
of variation is 4% and the ninth decile 18%; small tasks have more."""
_NOISE_GROWTH = 0.6
_NOISE_GROWS_FOR = 1.5
"""Seed noise grows by a factor of 2^0.6 per octave of learning rate, over this many octaves; both
were set on simulated studies. In searches on small tasks it is 0.19 an octave or more below the
best learning rate, 0.25 near it and 0.32 an octave or more above (`benchmarks/live/seed_noise.py`).
"""
_LOG_SQRT_TWO_PI = 0.5 * math.log(2 * math.pi)
"""The density of the standard normal distribution at z is exp(-z²/2 - this)."""
_GOOD = math.log(2)
"""Learning rates whose log cost exceeds the lowest by at most this are good ones."""


@dataclass(frozen=True, slots=True)
class Observation:
    """Log cost observed in one run, or extrapolated from an unfinished one.

    Attributes:
        size: u, octaves of batch size from the reference.
        rate: v, octaves of learning rate from the scaling rule at that batch size.
        excess: Log cost minus the prior guess at that batch size.
        extra_sd: Standard deviation beyond seed noise; 0 for a run that reached the goal.
    """

    size: float
    rate: float
    excess: float
    extra_sd: float = 0.0


def noise_growth(octaves: float) -> float:
    """Seed noise `octaves` above a quiet learning rate relative to that rate's; 1 below it."""
    return float(2 ** (_NOISE_GROWTH * min(_NOISE_GROWS_FOR, max(0.0, octaves))))


def quiet_rate(arrived: Sequence[tuple[float, float]]) -> float:
    """The lowest learning rate that costs at most twice the least, in octaves; 0 without runs.

    Args:
        arrived: (octaves of learning rate, log cost) of each run that reached the goal.
    """
    least = min((cost for _, cost in arrived), default=math.inf)
    return min((rate for rate, cost in arrived if cost <= least + _GOOD), default=0.0)


def seed_noise(observations: Sequence[Observation]) -> tuple[float, float]:
    """Standard deviation of log cost between seeds, from replicates and the prior.

    Returns:
        The standard deviation at the lowest good learning rate, and its degrees of freedom: those
        of the replicates plus those of the prior.
    """
    groups: dict[tuple[float, float], list[float]] = {}
    for seen, growth in zip(observations, _growths(observations), strict=True):
        if seen.extra_sd == 0:
            groups.setdefault((seen.size, seen.rate), []).append(seen.excess / growth)
    squares = sum(float(np.var(g)) * len(g) for g in groups.values())
    freedom = _NOISE_WEIGHT + sum(len(g) - 1 for g in groups.values())
    return float(np.sqrt((_NOISE_WEIGHT * _NOISE_SD**2 + squares) / freedom)), freedom


class ResponseSurface:
    """Posterior of log cost over (u, v): a quadratic trend plus a smooth Gaussian process.

    excess(u, v) = Φ(u, v)·w + f(u, v), w ~ N(m, diag(s²)), f a Gaussian process with a squared
    exponential kernel (Rasmussen and Williams 2006, eqs. 2.25 and 2.41, with a proper prior on w).

    Args:
        observations: Observed runs; empty for the prior alone.
        noise_sd: Seed noise; None to estimate it from the observations.
    """

    def __init__(self, observations: Sequence[Observation], noise_sd: float | None = None) -> None:
        self.noise_sd, self.freedom = (
            seed_noise(observations) if noise_sd is None else (noise_sd, np.inf)
        )
        self.half_width = t_quantile(0.95, self.freedom)
        """Half-width of a 95% interval in standard deviations (Student's t: noise is estimated)."""
        self._points = np.array([(o.size, o.rate) for o in observations]).reshape(-1, 2)
        excess = np.array([o.excess for o in observations])
        extra = np.array([o.extra_sd for o in observations])
        noise = (self.noise_sd * np.array(_growths(observations))) ** 2 + extra**2
        covariance = _kernel(self._points, self._points) + np.diag(noise)
        self._inverse = np.linalg.inv(covariance) if len(observations) else np.zeros((0, 0))
        self._weights = self._inverse @ (excess - _trend(self._points))

    def predict(self, points: Sequence[tuple[float, float]]) -> tuple[Array, Array]:
        """Posterior mean and standard deviation of the excess, without seed noise.

        Args:
            points: (u, v) pairs, shape (n, 2).

        Returns:
            Means and standard deviations, each of shape (n,).
        """
        at = np.asarray(points, dtype=np.float64).reshape(-1, 2)
        cross = _kernel(at, self._points)
        mean = _trend(at) + cross @ self._weights
        prior = np.einsum("ij,j,ij->i", _basis(at), _TREND_SD**2, _basis(at)) + _WIGGLE_SD**2
        variance = prior - np.einsum("ij,jk,ik->i", cross, self._inverse, cross)
        return mean, np.sqrt(np.maximum(variance, 1e-12))

    def difference_sd(self, first: tuple[float, float], second: tuple[float, float]) -> float:
        """Posterior standard deviation of the difference in excess between two (u, v)."""
        at = np.array([first, second], dtype=np.float64)
        cross = _kernel(at, self._points)
        covariance = _kernel(at, at) - cross @ self._inverse @ cross.T
        variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
        return float(np.sqrt(max(variance, 0.0)))


def expected_improvement(gap: float, sd: float) -> float:
    """E[max(0, X)] of X ~ N(gap, sd²) (Jones, Schonlau and Welch 1998, eq. 15).

    Args:
        gap: Best log cost so far minus the candidate's mean log cost.
        sd: Standard deviation of the difference.
    """
    if sd <= 0:
        return max(0.0, gap)
    z = gap / sd
    density = math.exp(-0.5 * z * z - _LOG_SQRT_TWO_PI)
    return gap * float(special.ndtr(z)) + sd * density


def truncated_normal(mean: float, sd: float, least: float) -> tuple[float, float]:
    """Mean and variance of X ~ N(mean, sd²) given X > least (Greene 2003, theorem 22.2).

    Args:
        mean: Mean without the bound.
        sd: Standard deviation without the bound, above 0.
        least: The bound.
    """
    z = (least - mean) / sd
    hazard = math.exp(-0.5 * z * z - _LOG_SQRT_TWO_PI - float(special.log_ndtr(-z)))
    return mean + sd * hazard, max(0.0, sd**2 * (1 - hazard * (hazard - z)))


def _growths(observations: Sequence[Observation]) -> list[float]:
    """Seed noise of each run relative to that at the lowest good learning rate."""
    quiet = quiet_rate([(seen.rate, seen.excess) for seen in observations if seen.extra_sd == 0])
    return [noise_growth(seen.rate - quiet) for seen in observations]


def _basis(points: Array) -> Array:
    u, v = points[:, 0], points[:, 1]
    return np.stack([np.ones_like(u), u, u * u, v, v * v, u * v], axis=1)


def _trend(points: Array) -> Array:
    mean: Array = _basis(points) @ _TREND_MEAN
    return mean


def _kernel(a: Array, b: Array) -> Array:
    trend = (_basis(a) * _TREND_SD**2) @ _basis(b).T
    distance = (a[:, None, :] - b[None, :, :]) / _WIGGLE_LENGTHS
    kernel: Array = trend + _WIGGLE_SD**2 * np.exp(-0.5 * np.sum(distance**2, axis=2))
    return kernel
