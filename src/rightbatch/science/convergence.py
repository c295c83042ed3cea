"""Steps to target against batch size, S(B) = S_min·(1 + B_crit/B) (McCandlish et al. 2018)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import special

from rightbatch.records import Estimate, Remark
from rightbatch.science.stats import Array, residual_variance, t_quantile

_MARGIN = np.log(1e4)
"""How far beyond the sizes tried B_crit is searched, as a log ratio; beyond it is unbounded."""


@dataclass(frozen=True, slots=True, eq=False)
class Hyperbola:
    """S(B) = a + b/B with the confidence region of its parameters.

    Attributes:
        a: S_min, in steps.
        b: E_min = S_min·B_crit, in examples.
        level: Coverage of the region's intervals.
        region: Rows log B_crit, log S_min and half-width of log S_min, one column per curve.
    """

    a: float
    b: float
    level: float
    region: Array = field(repr=False)

    def at(self, batch_size: float) -> float:
        """Steps to target at a batch size."""
        return self.a + self.b / batch_size

    def estimate(self, batch_size: float) -> Estimate:
        """Steps to target of the typical run at a batch size, with a confidence interval."""
        log_crit, log_min, half = self.region
        centre = np.logaddexp(log_min, log_min + log_crit - np.log(batch_size))
        low, high = float(np.exp((centre - half).min())), float(np.exp((centre + half).max()))
        return Estimate(self.at(batch_size), low, high, self.level, "steps", "profile_likelihood")


@dataclass(frozen=True, slots=True, eq=False)
class HyperbolaFit:
    """A fit of S(B) = S_min·(1 + B_crit/B).

    Attributes:
        curve: The fitted curve; None with fewer than three batch sizes or three runs at the target.
        s_min: S_min, in steps; None if the runs do not bound it.
        critical_batch_size: B_crit, in examples; None if the runs do not determine it.
        sigma: Standard deviation of log steps of runs about the curve; None without a curve.
        lack_of_fit: RMS log residual of the runs that reached the target; None without a curve.
        reason: Why the critical batch size is unknown; None if it is known.
    """

    curve: Hyperbola | None
    s_min: Estimate | None
    critical_batch_size: Estimate | None
    sigma: float | None
    lack_of_fit: float | None
    reason: Remark | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Runs:
    """Log steps of the runs that reached the target and of those stopped before it."""

    log_batch: Array
    log_steps: Array
    stopped_batch: Array
    stopped_steps: Array

    def shapes(self, log_crit: Array) -> tuple[Array, Array]:
        """log(S/S_min) of each curve (row) at each run (column)."""
        c = log_crit[:, None]
        return np.logaddexp(0, c - self.log_batch), np.logaddexp(0, c - self.stopped_batch)

    def profile(self, log_crit: Array, sigma: float) -> tuple[Array, Array, Array]:
        """Best log S_min at each B_crit, with its deviance (-2 log L) and curvature."""
        reached, stopped = self.shapes(log_crit)
        r, q = self.log_steps - reached, self.stopped_steps - stopped
        m = r.mean(axis=1)
        n = self.log_steps.size
        curvature = np.full_like(m, n / sigma**2)
        for _ in range(20 if q.size else 0):  # Newton's method on a convex function of m
            z = (m[:, None] - q) / sigma
            hazard = np.exp(-0.5 * z**2 - 0.5 * np.log(2 * np.pi) - special.log_ndtr(z))
            gradient = (n * m - r.sum(axis=1)) / sigma**2 - hazard.sum(axis=1) / sigma
            curvature = (n + (hazard * (hazard + z)).sum(axis=1)) / sigma**2
            m = m - gradient / curvature
        deviance = ((r - m[:, None]) ** 2).sum(axis=1) / sigma**2
        deviance -= 2 * special.log_ndtr((m[:, None] - q) / sigma).sum(axis=1)
        return m, deviance, curvature

    def best(self, grid: Array, sigma: float) -> float:
        """log B_crit of the most likely curve, by successive refinement of the grid."""
        for _ in range(4):
            i = int(np.argmin(self.profile(grid, sigma)[1]))
            grid = np.linspace(grid[max(i - 1, 0)], grid[min(i + 1, grid.size - 1)], 41)
        return float(grid[int(np.argmin(self.profile(grid, sigma)[1]))])

    def scatter(self, grid: Array) -> float:
        """Maximum-likelihood σ of log steps, stopped runs included as censored."""
        from scipy import optimize

        n, coarse = self.log_steps.size, grid[::4]
        if not self.stopped_steps.size:
            best = np.array([self.best(coarse, 1.0)])
            return max(float(np.sqrt(self.profile(best, 1.0)[1][0] / n)), 1e-6)

        def deviance_at(log_sigma: float) -> float:
            deviance = self.profile(coarse, float(np.exp(log_sigma)))[1].min()
            return float(deviance) + 2 * n * log_sigma

        found = optimize.minimize_scalar(
            deviance_at,
            bounds=(np.log(1e-3), np.log(3.0)),
            method="bounded",
            options={"xatol": 1e-2},
        )
        return float(np.exp(found.x))

    def error(self, log_crit: float, sigma: float, unevenness: float) -> tuple[float, int]:
        """Variance of log steps for the intervals, and its degrees of freedom.

        Runs at one batch size share that size's misfit, which therefore counts once for each run.
        """
        one = np.array([log_crit])
        residuals = self.log_steps - self.shapes(one)[0][0] - self.profile(one, sigma)[0][0]
        _, index = np.unique(self.log_batch, return_inverse=True)
        counts = np.bincount(index)
        means = np.bincount(index, residuals) / counts
        lack_df, pure_df = counts.size - 2, residuals.size - counts.size
        lack = float((counts * means**2).sum()) / max(lack_df, 1)
        pure = float(((residuals - means[index]) ** 2).sum()) / max(pure_df, 1)
        variance, df = residual_variance(lack, lack_df, pure, pure_df)
        scatter = sigma**2 * residuals.size / (residuals.size - 2)
        return max(variance, scatter) + float(np.mean(counts)) * unevenness**2, df


def fit_hyperbola(
    batch_sizes: Sequence[float],
    steps: Sequence[float | None],
    censored_at: Sequence[float | None] | None = None,
    level: float = 0.95,
    unevenness: float = 0.0,
) -> HyperbolaFit:
    """Fit S(B) = S_min·(1 + B_crit/B) to training runs, including runs stopped early.

    log S is modelled as normal about the curve with a single σ; without stopped runs this is least
    squares on log steps. A run stopped after c steps contributes P(S > c) (Tobin 1958). Intervals
    contain the curves whose profile likelihood lies within Student's (F's) quantile of the best, at
    the estimated σ (Bates and Watts 1988, section 6.1). If batch sizes miss the curve by more than
    their seeds scatter, the misfit is used as the error (`residual_variance`).

    Args:
        batch_sizes: Batch size of each run in examples, shape (n,).
        steps: Steps of each run to the target, shape (n,); None or NaN if it was not reached.
        censored_at: Steps completed by each run that did not reach it, shape (n,); other entries
            are ignored. A run with neither is left out.
        level: Coverage of the intervals.
        unevenness: Standard deviation of log steps that batch sizes are assumed to deviate from the
            curve, beyond what the runs show.

    Returns:
        The fit; values that the runs do not determine are None, with the reason.
    """
    runs = _read_runs(batch_sizes, steps, censored_at)
    reason = _too_little(runs)
    if reason is not None:
        return HyperbolaFit(None, None, None, None, None, reason)
    sizes = np.concatenate([runs.log_batch, runs.stopped_batch])
    grid = np.linspace(sizes.min() - _MARGIN, sizes.max() + _MARGIN, 401)
    sigma = runs.scatter(grid)
    best = runs.best(grid, sigma)
    variance, df = runs.error(best, sigma, unevenness)
    budget = t_quantile(level, df) ** 2 * variance / sigma**2
    low, high = _ends(runs, grid, best, sigma, budget)
    span = np.unique([*np.linspace(low if low is not None else grid[0], best, 61),
                      *np.linspace(best, high if high is not None else grid[-1], 61)])  # fmt: skip
    m, deviance, curvature = runs.profile(span, sigma)
    half = np.sqrt(np.maximum(budget - (deviance - deviance.min()), 0) / curvature)
    log_min = float(m[int(np.argmin(np.abs(span - best)))])
    curve = Hyperbola(
        float(np.exp(log_min)), float(np.exp(log_min + best)), level, np.stack([span, m, half])
    )
    residuals = runs.log_steps - np.log(curve.a + curve.b / np.exp(runs.log_batch))
    scatter = sigma * (residuals.size / (residuals.size - 2)) ** 0.5
    lack_of_fit = float(np.sqrt(np.mean(residuals**2)))
    return _describe(curve, (low, best, high), grid, sizes, scatter, lack_of_fit)


def _read_runs(
    batch_sizes: Sequence[float],
    steps: Sequence[float | None],
    censored_at: Sequence[float | None] | None,
) -> _Runs:
    B = np.asarray(batch_sizes, dtype=float)
    S = np.array(steps, dtype=float)
    stop = np.full(B.shape, np.nan) if censored_at is None else np.array(censored_at, dtype=float)
    if not B.shape == S.shape == stop.shape:
        raise ValueError("Every run needs one batch size and one entry for its steps.")
    if (B <= 0).any() or (S <= 0).any():
        raise ValueError("Batch sizes and steps to the target must be above 0.")
    reached = np.isfinite(S)
    stopped = ~reached & (stop > 0)
    return _Runs(np.log(B[reached]), np.log(S[reached]), np.log(B[stopped]), np.log(stop[stopped]))


def _too_little(runs: _Runs) -> Remark | None:
    sizes = np.unique(np.concatenate([runs.log_batch, runs.stopped_batch])).size
    if sizes < 3:
        return Remark.of("too_few_batch_sizes", batch_sizes=sizes)
    if runs.log_steps.size < 3 or np.unique(runs.log_batch).size < 2:
        return Remark.of("too_few_arrivals", runs=runs.log_steps.size)
    return None


def _ends(
    runs: _Runs, grid: Array, best: float, sigma: float, budget: float
) -> tuple[float | None, float | None]:
    """Where the profile of log B_crit rises by `budget` on either side; None if not on the grid."""
    c = np.unique(np.append(grid, best))
    deviance = runs.profile(c, sigma)[1]
    at = int(np.searchsorted(c, best))
    rise = np.sqrt(np.maximum(deviance - deviance[at], 0))  # straight near the minimum

    def crossing(order: npt.NDArray[np.intp]) -> float | None:
        above = np.flatnonzero(rise[order] > budget**0.5)
        if not above.size:
            return None
        i, j = order[above[0] - 1], order[above[0]]
        return float(c[i] + (c[j] - c[i]) * (budget**0.5 - rise[i]) / (rise[j] - rise[i]))

    return crossing(np.arange(at, -1, -1)), crossing(np.arange(at, c.size))


def _describe(
    curve: Hyperbola,
    crit: tuple[float | None, float, float | None],
    grid: Array,
    sizes: Array,
    sigma: float,
    lack_of_fit: float,
) -> HyperbolaFit:
    """The estimates that the runs determine, and why the others are missing."""
    low, best, high = crit
    _, m, half = curve.region
    lowest = None if high is None else float(np.exp((m - half).min()))
    highest = float(np.exp((m + half).max()))
    s_min: Estimate | None = Estimate(
        curve.a, lowest, highest, curve.level, "steps", "profile_likelihood"
    )
    reason, critical = None, None
    if best > grid[-1] - 0.1:
        s_min = None
        reason = Remark.of("critical_beyond_sizes", batch_size=round(np.exp(sizes.max())))
    elif best < grid[0] + 0.1:
        reason = Remark.of("critical_below_sizes", batch_size=round(np.exp(sizes.min())))
    elif low is None and high is None:
        reason = Remark.of("runs_scatter", share=sigma)
    else:
        smallest, largest = (None if end is None else float(np.exp(end)) for end in (low, high))
        critical = Estimate(
            float(np.exp(best)), smallest, largest, curve.level, "examples", "profile_likelihood"
        )
    return HyperbolaFit(curve, s_min, critical, sigma, lack_of_fit, reason)
