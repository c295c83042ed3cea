"""Cost at every candidate batch size and learning rate, inferred from runs at some of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rightbatch.science.response import RATE_LENGTH, RATE_MEANS, RATE_SDS, SIZE_LENGTH

_Array = npt.NDArray[np.float64]

_LEVEL_SD = 10.0
"""An uninformative prior on log examples to target."""
_ENDLESS = 60.0
"""log2 of a critical batch size beyond any batch size."""


@dataclass(frozen=True, slots=True)
class CostPrior:
    """Prior distribution of the cost.

    Attributes:
        flat: Probability that examples to target do not depend on the batch size.
        critical_share: Typical critical batch size, as a share of the examples in an epoch.
        critical_sd: Standard deviation of the log critical batch size about that.
        noise_scale_sd: Standard deviation of the log critical batch size about a measured gradient
            noise scale.
        small: Share of extra examples that the smallest candidate needs; half as much at twice the
            batch size, and so on: too small a batch costs examples more often than it saves them.
        wiggle_sds: Possible standard deviations of log examples about the curve, equally likely.
        wiggle_octaves: Length scale of these deviations, in octaves of batch size.
        seed_sd: Standard deviation of log examples between seeds.
        rate_means: Means of the linear and quadratic coefficients of log examples per octave of
            learning rate away from the scaling rule.
        rate_sds: Standard deviations of both, and of their interaction with octaves of batch size
            from the reference.
        rate_wiggle_octaves: Length scale of deviations, in octaves of learning rate.
    """

    flat: float = 0.3
    critical_share: float = 0.02
    critical_sd: float = 1.0
    noise_scale_sd: float = 1.0
    small: float = 0.15
    wiggle_sds: tuple[float, ...] = (0.05, 0.15, 0.45)
    wiggle_octaves: float = SIZE_LENGTH
    seed_sd: float = 0.12
    rate_means: tuple[float, float] = RATE_MEANS
    rate_sds: tuple[float, float, float] = RATE_SDS
    rate_wiggle_octaves: float = RATE_LENGTH


@dataclass(frozen=True, slots=True)
class CostSeen:
    """Examples to target observed in, or extrapolated from, one run.

    Attributes:
        index: Index of the run's candidate.
        log_examples: Natural logarithm of examples to target, observed or extrapolated.
        extra_sd: Standard deviation of the extrapolation beyond seed noise; 0 for a run that
            reached the target.
    """

    index: int
    log_examples: float
    extra_sd: float = 0.0


class CostPosterior:
    """Posterior of log examples to target for each candidate.

    log E(B, v) = c + log(1 + B/B_crit) + a·v + b·v² + d·u·v + f(log2 B, v): the curve of
    McCandlish et al. (2018) with an unknown, possibly infinite B_crit (E flat), plus a quadratic in
    v, the octaves of learning rate away from the scaling rule, at u octaves of batch size from the
    reference, plus a smooth Gaussian process f for the remainder. The level c is unknown. The
    posterior is a mixture over B_crit and the scale of f, each component a linear Gaussian model
    (Rasmussen and Williams 2006, eqs. 2.25, 2.26, 2.30 and 2.41).

    Args:
        batch_sizes: Batch sizes of the candidates, ascending.
        seen: Observations from runs.
        examples_per_epoch: Training examples in an epoch.
        noise_scale: Gradient noise scale in examples, informative about B_crit; None if unknown.
        prior: The prior distribution.
        rates: Octaves of the candidates' learning rates from the scaling rule; None for 0.
        present: The batch size that the rule starts from; None for the smallest.
    """

    def __init__(
        self,
        batch_sizes: Sequence[int],
        seen: Sequence[CostSeen],
        examples_per_epoch: int,
        noise_scale: float | None,
        prior: CostPrior,
        rates: Sequence[float] | None = None,
        present: int | None = None,
    ) -> None:
        octaves = np.log2(np.asarray(batch_sizes, dtype=np.float64))
        shifts = np.zeros_like(octaves) if rates is None else np.asarray(rates, dtype=np.float64)
        u = octaves - np.log2(present or batch_sizes[0])
        critical, prior_weights = _critical_batch_sizes(
            octaves, examples_per_epoch, noise_scale, prior
        )
        basis = np.stack([shifts, shifts**2, u * shifts], axis=1)
        means = np.logaddexp(0.0, (octaves - critical[:, None]) * np.log(2)) + np.log1p(
            prior.small * 2 ** (octaves[0] - octaves)
        )
        means = means + basis[:, :2] @ np.array(prior.rate_means)
        at = np.array([s.index for s in seen], dtype=np.intp)
        misses = np.array([s.log_examples for s in seen]) - means[:, at]
        noise = np.diag([prior.seed_sd**2 + s.extra_sd**2 for s in seen])
        self._points = _Points(octaves, shifts, basis, prior)
        trend, near = self._points.related_to(at)
        log_weights, posteriors = [], []
        self._learned: list[tuple[float, npt.NDArray[np.floating[Any]], _Array]] = []
        """Variance of the wiggle, gain and covariance with what was seen, for each size of it."""
        for wiggle_sd in prior.wiggle_sds:
            cross = trend + wiggle_sd**2 * near
            observed = cross[at] + noise
            gain = np.linalg.solve(observed, cross.T).T
            fit = np.einsum("ki,ik->k", misses, np.linalg.solve(observed, misses.T))
            log_weights.append(prior_weights - 0.5 * (fit + np.linalg.slogdet(observed)[1]))
            posteriors.append(means + misses @ gain.T)
            self._learned.append((wiggle_sd**2, gain, cross))
        joint = np.exp(np.array(log_weights) - np.max(log_weights))
        joint /= joint.sum()
        centres = np.array(posteriors)
        self.mean: _Array = np.einsum("wk,wkn->n", joint, centres)
        """Posterior mean, shape (candidates,)."""
        self._wiggle_weights: _Array = joint.sum(axis=1)
        self._joint: _Array = joint.ravel()
        self._spread: _Array = (centres - self.mean).reshape(-1, len(octaves))

    def variances(self) -> _Array:
        """Posterior variance, seed noise left out, shape (candidates,)."""
        before = self._points.trend_variances()
        within = [
            before + wiggle - np.einsum("ns,ns->n", gain, cross)
            for wiggle, gain, cross in self._learned
        ]
        variances: _Array = self._wiggle_weights @ np.array(within)
        return variances + self._joint @ self._spread**2

    def covariances(self, index: int) -> _Array:
        """Posterior covariance with one of the candidates, seed noise left out, shape likewise."""
        trend, near = self._points.related_to(np.array([index]))
        within = [
            trend[:, 0] + wiggle * near[:, 0] - gain @ cross[index]
            for wiggle, gain, cross in self._learned
        ]
        covariances: _Array = self._wiggle_weights @ np.array(within)
        return covariances + (self._joint * self._spread[:, index]) @ self._spread


@dataclass(frozen=True, slots=True)
class _Points:
    """The candidates, and how log examples at two of them go together before any run.

    Attributes:
        octaves: log2 of their batch sizes.
        shifts: Octaves of their learning rates from the scaling rule's.
        basis: What the quadratic in those is made of, shape (candidates, terms).
        prior: What is believed before.
    """

    octaves: _Array
    shifts: _Array
    basis: _Array
    prior: CostPrior

    def related_to(self, at: npt.NDArray[np.intp]) -> tuple[_Array, _Array]:
        """Covariance of the curve, and correlation of deviations from it, with some of them.

        Returns:
            Two arrays of shape (candidates, len(at)).
        """
        trend = _LEVEL_SD**2 + self.basis * self._variances @ self.basis[at].T
        sizes = (self.octaves[:, None] - self.octaves[at]) / self.prior.wiggle_octaves
        rates = (self.shifts[:, None] - self.shifts[at]) / self.prior.rate_wiggle_octaves
        return trend, np.exp(-0.5 * (sizes**2 + rates**2))

    def trend_variances(self) -> _Array:
        """Variance of the curve, shape (candidates,)."""
        variances: _Array = _LEVEL_SD**2 + self.basis**2 @ self._variances
        return variances

    @property
    def _variances(self) -> _Array:
        return np.array(self.prior.rate_sds) ** 2


def _critical_batch_sizes(
    octaves: _Array, examples_per_epoch: int, noise_scale: float | None, prior: CostPrior
) -> tuple[_Array, _Array]:
    """log2 of possible critical batch sizes, the last one infinite, and their log weights."""
    grid = np.arange(octaves[0] - 3, octaves[-1] + 5.1, 0.5)
    z = (grid - np.log2(prior.critical_share * examples_per_epoch)) / prior.critical_sd
    fit = -0.5 * (z * np.log(2)) ** 2
    if noise_scale is not None:
        z = (grid - np.log2(noise_scale)) / prior.noise_scale_sd
        fit -= 0.5 * (z * np.log(2)) ** 2
    log_weights = np.log1p(-prior.flat) + fit - np.logaddexp.reduce(fit)
    return np.append(grid, _ENDLESS), np.append(log_weights, np.log(prior.flat))
