"""What a step costs: its seconds, its examples, or one step."""

import math
from collections.abc import Callable, Sequence

from rightbatch.decide.advice.evidence import Run
from rightbatch.decide.advice.speed import step_time
from rightbatch.records import Objective, SpeedFit, SpeedPoint
from rightbatch.science.speed import fit_step_time
from rightbatch.science.stats import Z95

PerStep = Callable[[int], float]


def seconds_per_step(
    speed: SpeedFit | None, runs: Sequence[Run], micro_batch_size: int | None = None
) -> PerStep | None:
    """step_seconds(B) from the speed stage, else from the training runs; None without either.

    A batch size that was timed counts as it was timed, the more so the narrower its interval next
    to the fit's lack of fit. Steps that were timed with accumulation do so entirely: their update,
    and on several devices their synchronisation, happens once.
    """
    if speed is not None:
        model = step_time(speed)
        timed = {
            point.batch_size: _timed(point, model.at(point.batch_size), speed.lack_of_fit or 0.0)
            if point.batch_size <= speed.micro_batch_size
            else point.step_seconds.value
            for point in speed.points
        }
        more = _more_passes(speed, micro_batch_size or speed.micro_batch_size)
        return lambda size: (timed.get(size) or model.at(size)) + more(size)
    samples: dict[int, list[float]] = {}
    for run in runs:
        steps = run.result.points[-1].step
        samples.setdefault(run.probe.batch_size, []).append(run.result.train_seconds / steps)
    if not samples:
        return None
    sizes = sorted(samples)
    return fit_step_time(sizes, [samples[size] for size in sizes]).at


def _more_passes(speed: SpeedFit, micro_batch_size: int) -> PerStep:
    """What more passes than were timed add: each pays the fixed part of a step.

    An upper bound, since the update, a part of that, happens once.
    """
    fixed = 0.0 if speed.alpha is None else max(0.0, speed.alpha.value)

    def more(size: int) -> float:
        passes, timed = (math.ceil(size / m) for m in (micro_batch_size, speed.micro_batch_size))
        return fixed * max(0, passes - timed)

    return more


def _timed(point: SpeedPoint, fitted: float, lack_of_fit: float) -> float:
    """Mean of log step time, measured and fitted, each weighted by its precision."""
    measured = point.step_seconds
    if not measured.low or not measured.high or measured.low < 0:  # few and scattered timings
        return fitted
    error = math.log(measured.high / measured.low) / (2 * Z95)
    if error == 0:
        return measured.value
    trust = lack_of_fit**2 / (lack_of_fit**2 + error**2)
    return math.exp((1 - trust) * math.log(fitted) + trust * math.log(measured.value))


def cost_per_step(objective: Objective, seconds: PerStep) -> PerStep:
    """Cost of a step under an objective."""
    if objective == "time":
        return seconds
    return float if objective == "examples" else lambda _: 1.0
