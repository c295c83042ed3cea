"""What a step costs: its seconds, its examples, or one step."""

import math
from collections.abc import Callable, Sequence

from rightbatch.decide.advice.evidence import Run
from rightbatch.decide.advice.speed import step_time
from rightbatch.decide.advice.step_seconds import StepSeconds, Timed
from rightbatch.records import Objective, SpeedFit
from rightbatch.science.speed import fit_step_time
from rightbatch.science.stats import median_interval

PerStep = Callable[[int], float]


def seconds_per_step(
    speed: SpeedFit | None, runs: Sequence[Run], micro_batch_size: int | None = None
) -> StepSeconds | None:
    """step_seconds(B) from the speed stage, else from the training runs; None without either."""
    if speed is not None:
        timed = [Timed(p.batch_size, p.step_seconds, len(p.samples)) for p in speed.points]
        more = _more_passes(speed, micro_batch_size or speed.micro_batch_size)
        return StepSeconds(step_time(speed), tuple(timed), more)
    samples: dict[int, list[float]] = {}
    for run in runs:
        steps = run.result.points[-1].step
        samples.setdefault(run.probe.batch_size, []).append(run.result.train_seconds / steps)
    if not samples:
        return None
    sizes = sorted(samples)
    timed = [Timed(b, median_interval(samples[b], unit="s"), len(samples[b])) for b in sizes]
    return StepSeconds(fit_step_time(sizes, [samples[b] for b in sizes]), tuple(timed))


def _more_passes(speed: SpeedFit, micro_batch_size: int) -> PerStep:
    """What more passes than were timed add: each pays the fixed part of a step.

    An upper bound, since the update, a part of that, happens once.
    """
    fixed = 0.0 if speed.alpha is None else max(0.0, speed.alpha.value)

    def more(size: int) -> float:
        passes, timed = (math.ceil(size / m) for m in (micro_batch_size, speed.micro_batch_size))
        return fixed * max(0, passes - timed)

    return more


def cost_per_step(objective: Objective, seconds: PerStep) -> PerStep:
    """Cost of a step under an objective."""
    if objective == "time":
        return seconds
    return float if objective == "examples" else lambda _: 1.0
