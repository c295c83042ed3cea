"""What a step costs: its seconds, its energy, its price, its examples, or one step."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rightbatch.decide.advice.evidence import Run
from rightbatch.decide.advice.objectives import measured_power
from rightbatch.decide.advice.speed import step_time
from rightbatch.records import Objective, SpeedFit, SpeedPoint
from rightbatch.science.power import interpolate_power
from rightbatch.science.speed import fit_step_time
from rightbatch.science.stats import Z95

PerStep = Callable[[int], float]


@dataclass(frozen=True, slots=True)
class StepCosts:
    """What a step costs at any batch size.

    Attributes:
        seconds: Its time.
        joules: Its energy, power × time; None where no power was measured.
        price_per_hour: What an hour costs, in the user's currency; None if not told.
    """

    seconds: PerStep
    joules: PerStep | None = None
    price_per_hour: float | None = None

    @property
    def per_second(self) -> float | None:
        """What a second costs."""
        return None if self.price_per_hour is None else self.price_per_hour / 3600

    def of(self, objective: Objective) -> PerStep | None:
        """What is minimised; None where it is not known. With one price, cost goes as time."""
        if objective == "energy":
            return self.joules
        if objective == "examples":
            return float
        return (lambda _: 1.0) if objective == "steps" else self.seconds


def step_costs(
    speed: SpeedFit | None,
    runs: Sequence[Run],
    micro_batch_size: int | None = None,
    price_per_hour: float | None = None,
) -> StepCosts | None:
    """What a step costs; None where nothing tells its time.

    Args:
        speed: Of the speed stage; None without one.
        runs: Training runs, which tell step times where the speed stage does not.
        micro_batch_size: Largest micro-batch, where it is another than the one timed with.
        price_per_hour: What an hour costs.
    """
    seconds = seconds_per_step(speed, runs, micro_batch_size)
    if seconds is None:
        return None
    joules = None if speed is None else _joules_per_step(speed, seconds, micro_batch_size)
    return StepCosts(seconds, joules, price_per_hour)


def _joules_per_step(
    speed: SpeedFit, seconds: PerStep, micro_batch_size: int | None
) -> PerStep | None:
    """Power × step time; the power of a step that accumulates is that of its micro-batch."""
    watts = measured_power(speed)
    if not watts:
        return None
    sizes, powers = list(watts), list(watts.values())

    def joules(size: int) -> float:
        at = size if micro_batch_size is None else min(size, micro_batch_size)
        return interpolate_power(sizes, powers, at) * seconds(size)

    return joules


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
