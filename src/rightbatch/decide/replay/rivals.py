"""How other tools choose a batch size, each as a small policy with its source."""

import math
from functools import partial
from statistics import fmean

from rightbatch.decide.replay.figures import Policy
from rightbatch.decide.replay.question import NoMoreSeeds, Oracle
from rightbatch.science.convergence import fit_hyperbola

_KNEE = "the usual knee rule: smallest size with at least {}% of the highest throughput"
_ZEUS_ROUNDS = 2
_ZEUS_PATIENCE = 2.0


def _largest_that_fits(oracle: Oracle, repeat: int) -> int:
    """The largest candidate; finding what fits is not charged."""
    return oracle.batch_sizes[-1]


def _nearest_to_32(oracle: Oracle, repeat: int) -> int:
    """The candidate nearest to 32, counted in octaves."""
    return min(oracle.batch_sizes, key=lambda size: abs(math.log(size / 32)))


def _by_throughput(share: float, oracle: Oracle, repeat: int) -> int:
    """The smallest candidate with so large a share of the highest throughput."""
    throughput = {size: size / oracle.speed(size) for size in oracle.batch_sizes}
    enough = share * max(throughput.values())
    return next(size for size, value in throughput.items() if value >= enough)


def _exhaustive(oracle: Oracle, repeat: int) -> int:
    """One full run of every candidate; the fastest is chosen."""
    runs = [oracle.train(size) for size in oracle.batch_sizes]
    return min(runs, key=lambda run: run.seconds).batch_size


def _hyperbola(oracle: Oracle, repeat: int) -> int:
    """Full runs at the smallest, the middle and the largest candidate, and S = S_min(1 + B_crit/B).

    Every candidate is timed; the one with the least predicted time is chosen, or the fastest of
    the three runs where the curve cannot be fitted.
    """
    sizes = oracle.batch_sizes
    seconds = {size: oracle.speed(size) for size in sizes}
    runs = [oracle.train(size) for size in sorted({sizes[0], sizes[len(sizes) // 2], sizes[-1]})]
    curve = fit_hyperbola(
        [run.batch_size for run in runs],
        [run.steps if run.arrived else None for run in runs],
        [None if run.arrived else run.steps for run in runs],
    ).curve
    if curve is None:
        return min(runs, key=lambda run: run.seconds).batch_size
    return min(sizes, key=lambda size: curve.at(size) * seconds[size])


def _zeus(oracle: Oracle, repeat: int) -> int:
    """Two rounds of pruning exploration, for time alone; the lowest mean time is chosen.

    A round begins with the default (first the lower middle candidate, then the best of the round
    before) and goes on to smaller sizes until one fails, which the default may be; then to larger
    ones. A run fails that does not arrive within twice the best time so far; only sizes that
    arrived are in the next round. Order and defaults are those of the authors' code
    (`PruningExploreManager` in zeus/policy/optimizer.py, github.com/ml-energy/zeus).
    """
    sizes = list(oracle.batch_sizes)
    default = sizes[(len(sizes) - 1) // 2]
    times: dict[int, list[float]] = {}
    for _ in range(_ZEUS_ROUNDS):
        at = sizes.index(default)
        arrived: dict[int, float] = {}
        for direction in (sizes[: at + 1][::-1], sizes[at + 1 :]):
            for size in direction:
                seconds = _zeus_run(oracle, size, times)
                if seconds is None:
                    break
                arrived[size] = seconds
        if not arrived:
            break
        sizes = sorted(arrived)
        default = min(arrived, key=arrived.__getitem__)
    return min(sizes, key=lambda size: fmean(times[size])) if times else default


def _zeus_run(oracle: Oracle, size: int, times: dict[int, list[float]]) -> float | None:
    """Train up to twice the best time so far; the time to the target, None if it did not arrive.

    Where the record has no other run, what the last one took, uncharged.
    """
    best = min((min(seconds) for seconds in times.values()), default=math.inf)
    try:
        run = oracle.train(size, 1)
    except NoMoreSeeds:
        return times[size][-1] if size in times else None
    most = None if math.isinf(best) else math.floor(_ZEUS_PATIENCE * best / run.step_seconds)
    run = oracle.carry_on(run.number, most)
    if not run.arrived:
        return None
    times.setdefault(size, []).append(run.seconds)
    return run.seconds


def _pollux(oracle: Oracle, repeat: int) -> int:
    """The highest goodput: throughput × (φ + B₀)/(φ + B), φ as one run at B₀ recorded it.

    B₀ is the smallest candidate, and the efficiency the harmonic mean over that run's evaluations,
    which gives the expected time of a run at a constant batch size.
    """
    sizes = oracle.batch_sizes
    recorded = (each.noise_scale for each in oracle.train(sizes[0]).curve.evaluations)
    scales = [scale for scale in recorded if scale is not None]

    def seconds(size: int) -> float:
        work = fmean((scale + size) / (scale + sizes[0]) for scale in scales) if scales else 1.0
        return work * oracle.speed(size) / size

    return min(sizes, key=seconds)


RIVALS = (
    Policy("largest-that-fits", "Lightning's BatchSizeFinder", _largest_that_fits),
    Policy("highest-throughput", "DeepSpeed's autotuning, Ludwig", partial(_by_throughput, 1.0)),
    Policy("throughput-95", _KNEE.format(95), partial(_by_throughput, 0.95)),
    Policy("throughput-90", _KNEE.format(90), partial(_by_throughput, 0.90)),
    Policy("throughput-80", _KNEE.format(80), partial(_by_throughput, 0.80)),
    Policy("nearest-to-32", "Masters and Luschi 2018", _nearest_to_32),
    Policy("exhaustive", "no tool: a full run of every candidate", _exhaustive),
    Policy("hyperbola", "McCandlish et al. 2018, three full runs", _hyperbola),
    Policy("zeus", "You et al. 2023, section 4.4", _zeus),
    Policy("pollux", "Qiao et al. 2021, eq. 7", _pollux, needs_noise_scales=True),
)
