"""What a step costs: its seconds, its energy, its price, its examples, or one step."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rightbatch.decide.stages.speed.fit import measured_power, step_time
from rightbatch.decide.stages.speed.step_seconds import StepSeconds, Timed
from rightbatch.decide.study.evidence import grouped
from rightbatch.records import Objective, Run, SpeedFit, WorkloadFacts
from rightbatch.science.power import interpolate_power
from rightbatch.science.speed import fit_step_time
from rightbatch.science.stats import median_interval

PerStep = Callable[[int], float]


@dataclass(frozen=True, slots=True)
class StepCosts:
    """What a step costs at any batch size.

    Attributes:
        seconds: Its time, and how well it is known.
        examples: Its training examples, the mean over an epoch.
        joules: Its energy, power × time; None where no power was measured.
        price_per_hour: What an hour costs, in the user's currency; None if not given.
    """

    seconds: StepSeconds
    examples: PerStep
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
            return self.examples
        return (lambda _: 1.0) if objective == "steps" else self.seconds


def step_costs(
    speed: SpeedFit | None,
    runs: Sequence[Run],
    facts: WorkloadFacts,
    micro_batch_size: int | None = None,
    price_per_hour: float | None = None,
) -> StepCosts | None:
    """What a step costs; None where nothing tells its time.

    Args:
        speed: Of the speed stage; None without one.
        runs: Training runs, which tell step times where the speed stage does not.
        facts: Of the workload, for the steps of an epoch.
        micro_batch_size: Largest micro-batch, where it is another than the one timed with.
        price_per_hour: What an hour costs.
    """
    seconds = seconds_per_step(speed, runs, facts, micro_batch_size)
    if seconds is None:
        return None
    joules = None if speed is None else _joules_per_step(speed, seconds, micro_batch_size)
    return StepCosts(seconds, facts.examples_per_step, joules, price_per_hour)


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
    speed: SpeedFit | None,
    runs: Sequence[Run],
    facts: WorkloadFacts,
    micro_batch_size: int | None = None,
) -> StepSeconds | None:
    """step_seconds(B), the mean over an epoch, as timed; None where nothing was.

    The speed stage times steps of whole batches, which an epoch's last may not be; training runs,
    which tell where there was no such stage, whole epochs.
    """
    if speed is not None:
        timed = [Timed(p.batch_size, p.step_seconds, len(p.samples)) for p in speed.points]
        more = _more_passes(speed, micro_batch_size or speed.micro_batch_size)
        return StepSeconds(step_time(speed), tuple(timed), more, facts.updates)
    samples = grouped((run.batch_size, run.train_seconds / run.curve.steps) for run in runs)
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
