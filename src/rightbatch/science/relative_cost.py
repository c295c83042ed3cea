"""What runs at some batch sizes and learning rates tell of the cost at all of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rightbatch.science.prior import RATE_LENGTH, RATE_MEANS, RATE_SDS, SIZE_LENGTH

_Array = npt.NDArray[np.float64]

_LEVEL_SD = 10.0
"""The examples to the target are unknown over all magnitudes."""
_ENDLESS = 60.0
"""log2 of a critical batch size beyond every batch size."""


@dataclass(frozen=True, slots=True)
class CostPrior:
    """What is believed before any run.

    Attributes:
        flat: Probability that the examples to the target do not depend on the batch size.
        critical_share: Typical critical batch size, as a share of the examples in an epoch.
        critical_sd: Standard deviation of the log critical batch size about that.
        noise_scale_sd: The same about a measured gradient noise scale.
        small: Share of more examples that the smallest candidate needs; half as much at twice the
            batch size, and so on: too small a batch costs examples more often than it saves any.
        wiggle_sds: Possible standard deviations of log examples about the curve, alike likely.
        wiggle_octaves: Octaves over which that varies.
        seed_sd: Standard deviation of log examples between seeds.
        rate_means: Log examples that an octave of learning rate from the scaling rule's adds, and
            its square.
        rate_sds: Standard deviations of these, and of what the octave adds for each octave of batch
            size from the present one.
        rate_wiggle_octaves: Octaves of learning rate over which deviations from the curve vary.
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
    """What one run lets one guess of the examples to the target at its batch size.

    Attributes:
        index: Its place among the candidates.
        log_examples: Natural logarithm of the examples to the target, or a guess of it.
        extra_sd: Standard deviation of that guess beyond seed noise; 0 for a run that arrived.
    """

    index: int
    log_examples: float
    extra_sd: float = 0.0


class CostPosterior:
    """Posterior of log examples to the target for each candidate.

    log E(B, v) = c + log(1 + B/B_crit) + a·v + b·v² + d·u·v + f(log2 B, v): the curve of
    McCandlish et al. (2018), whose critical batch size is unknown, or without end (E flat), a
    quadratic in the octaves v of learning rate from the scaling rule's, at u octaves of batch size
    from the present one, and a smooth Gaussian process f for what these miss. The level c is
    unknown. A sum over values of B_crit and of the size of f, each a linear Gaussian model
    (Rasmussen and Williams 2006, eqs. 2.25, 2.26, 2.30 and 2.41).

    Args:
        batch_sizes: Of the candidates, ascending.
        seen: What the runs told.
        examples_per_epoch: Training examples in an epoch.
        noise_scale: Gradient noise scale in examples, a first guide to B_crit; None if unknown.
        prior: What is believed before.
        rates: Octaves of the candidates' learning rates from the scaling rule's; None for 0.
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
        trend = _LEVEL_SD**2 + (basis * np.array(prior.rate_sds) ** 2) @ basis.T
        near = np.exp(-0.5 * _square_distances(octaves, shifts, prior))
        log_weights, posteriors, within = [], [], []
        for wiggle_sd in prior.wiggle_sds:
            kernel = trend + wiggle_sd**2 * near
            cross = kernel[:, at]
            observed = kernel[np.ix_(at, at)] + noise
            gain = np.linalg.solve(observed, cross.T).T
            fit = np.einsum("ki,ik->k", misses, np.linalg.solve(observed, misses.T))
            log_weights.append(prior_weights - 0.5 * (fit + np.linalg.slogdet(observed)[1]))
            posteriors.append(means + misses @ gain.T)
            within.append(kernel - gain @ cross.T)
        joint = np.exp(np.array(log_weights) - np.max(log_weights))
        joint /= joint.sum()
        centres = np.array(posteriors)
        self.mean: _Array = np.einsum("wk,wkn->n", joint, centres)
        """Posterior mean, shape (candidates,)."""
        spread = (centres - self.mean).reshape(-1, len(octaves))
        self.covariance: _Array = np.einsum("w,wij->ij", joint.sum(axis=1), np.array(within))
        """Posterior covariance, seed noise left out, shape (candidates, candidates)."""
        self.covariance += (joint.reshape(-1, 1) * spread).T @ spread


def _square_distances(octaves: _Array, shifts: _Array, prior: CostPrior) -> _Array:
    """Between candidates, shape (n, n), in the lengths over which deviations vary."""
    sizes = (octaves[:, None] - octaves) / prior.wiggle_octaves
    rates = (shifts[:, None] - shifts) / prior.rate_wiggle_octaves
    distances: _Array = sizes**2 + rates**2
    return distances


def _critical_batch_sizes(
    octaves: _Array, examples_per_epoch: int, noise_scale: float | None, prior: CostPrior
) -> tuple[_Array, _Array]:
    """log2 of possible critical batch sizes, the last endless, and the logs of their weights."""
    grid = np.arange(octaves[0] - 3, octaves[-1] + 5.1, 0.5)
    z = (grid - np.log2(prior.critical_share * examples_per_epoch)) / prior.critical_sd
    fit = -0.5 * (z * np.log(2)) ** 2
    if noise_scale is not None:
        z = (grid - np.log2(noise_scale)) / prior.noise_scale_sd
        fit -= 0.5 * (z * np.log(2)) ** 2
    log_weights = np.log1p(-prior.flat) + fit - np.logaddexp.reduce(fit)
    return np.append(grid, _ENDLESS), np.append(log_weights, np.log(prior.flat))
