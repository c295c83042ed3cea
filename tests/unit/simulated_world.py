"""A stand-in for hardware and training, so that planner and advice run through in milliseconds.

Every answer is a pure function of the world and the probe:
steps(B, η, seed) = S_min·(1 + B_crit/B)·exp(penalty(log2 η/η*(B)))·lognormal seed noise and
step_seconds(B) = (α + β·m)·B/m, where m is the micro-batch size. A learning rate above
2^cliff·η*(B) diverges. Curves bend each in their own way, so that half-way tells little: with
`shape_noise` s the way at a tenth of the steps is off by 2.3·s in log.
"""

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from rightbatch.decide.planners.asking import Ask, ask
from rightbatch.decide.study import evidence
from rightbatch.records import (
    DescribeProbe,
    DescribeResult,
    Hardware,
    MemoryProbe,
    MemoryResult,
    NoisePoint,
    NoiseProbe,
    NoiseResult,
    OptimizerFacts,
    Outcome,
    PredictedPeak,
    PredictProbe,
    PredictResult,
    Probe,
    Recording,
    Remark,
    Result,
    Settings,
    SpeedProbe,
    SpeedResult,
    SpeedSample,
    Status,
    Study,
    TrainingPoint,
    TrainingProbe,
    TrainingResult,
    Trial,
    WorkloadFacts,
    WorkloadReference,
    parse_goal,
)
from rightbatch.science.evaluations import evaluation_examples

MIB = 2**20
BLOCK = 2 * MIB
START, LEVEL = 0.1, 0.9
SOFT_SHARE = 0.9
DIMENSIONS = 60


@dataclass(frozen=True)
class SimulatedOptimizer:
    """What the user gave for one optimizer, and how it really fares.

    `best_rate` is η* at the user's batch size, `rate_scale` the batch size at which η*(B) bends:
    η*(B) ∝ 1/(1 + rate_scale/B), or the root of that under the square-root rule. It keeps
    `state_bytes`; `noise_scale` is that of gradients along its run, where not the world's.
    """

    name: str = "sgd"
    rule: str = "linear"
    user_rate: float = 0.1
    best_rate: float = 0.1
    rate_scale: float = 200.0
    steps_min: float = 400.0
    state_bytes: int = 0
    noise_scale: float | None = None


@dataclass(frozen=True)
class World:
    train_examples: int = 20_000
    batch_size: int = 32
    optimizers: tuple[SimulatedOptimizer, ...] = (SimulatedOptimizer(),)
    goal: str = "accuracy >= 0.9"
    critical: float = 200.0
    curvature: float = 0.12
    cliff: float = 2.0
    seed_noise: float = 0.08
    metric_noise: float = 0.003
    shape_noise: float = 0.15
    top: float = 0.95
    alpha: float = 1e-3
    beta: float = 5e-6
    timing_noise: float = 0.03
    fixed_bytes: int = 300 * MIB
    bytes_per_example: int = 100_000
    limit_bytes: int = 4096 * MIB
    noise_scale: float | None = 200.0
    start_seconds: float = 0.05
    evaluation_seconds: float = 0.002
    seed: int = 0
    hangs: tuple[int, ...] = field(default=())
    predicted_share: float | None = 1.0
    """Predicted bytes per example over the real ones; None where steps cannot be followed."""
    predicting_seconds: float = 5.0
    power_watts: tuple[float, float] | None = None
    """Power of an idle device, and what each example of a batch adds to it; None: not counted."""
    device: str = "cpu"
    crowding: float = 1.0
    """How many times as long a step takes where runs are side by side."""

    # ---- the truth ----

    def optimizer(self, name: str) -> SimulatedOptimizer:
        return next(o for o in self.optimizers if o.name == name)

    def best_rate(self, batch_size: int, optimizer: str = "sgd") -> float:
        own = self.optimizer(optimizer)
        bend = (1 + own.rate_scale / self.batch_size) / (1 + own.rate_scale / batch_size)
        return own.best_rate * (bend if own.rule == "linear" else math.sqrt(bend))

    def steps(self, batch_size: int, rate: float, optimizer: str = "sgd") -> float:
        """Median steps to the level over seeds; infinite where training diverges."""
        octaves = math.log2(rate / self.best_rate(batch_size, optimizer))
        if octaves > self.cliff:
            return math.inf
        ideal = self.optimizer(optimizer).steps_min * (1 + self.critical / batch_size)
        return ideal * math.exp(self._penalty(octaves))

    def seed_sd(self, batch_size: int, rate: float) -> float:
        """Standard deviation of log steps between seeds."""
        return self.seed_noise

    def _penalty(self, octaves: float) -> float:
        """Quadratic near the best rate; far below it, halving the rate doubles the steps."""
        if octaves >= 0:
            return self.curvature * octaves**2
        width = math.log(2) / (2 * self.curvature)
        return math.log(2) * width * (math.hypot(1, octaves / width) - 1)

    def step_seconds(self, batch_size: int, micro: int | None = None) -> float:
        micro = min(batch_size, micro or batch_size)
        full, rest = divmod(batch_size, micro)
        return full * (self.alpha + self.beta * micro) + bool(rest) * (
            self.alpha + self.beta * rest
        )

    def seconds(
        self, batch_size: int, rate: float, optimizer: str = "sgd", micro: int | None = None
    ) -> float:
        """Median training seconds to the level over seeds."""
        return self.steps(batch_size, rate, optimizer) * self.mean_seconds(batch_size, micro)

    def mean_seconds(self, batch_size: int, micro: int | None = None) -> float:
        """Of a step, the mean over an epoch, whose last one has the examples that are left."""
        updates = self.description().facts.updates(batch_size)
        seconds = sum(times * self.step_seconds(size, micro) for size, times in updates)
        return seconds / sum(times for _, times in updates)

    def peak_bytes(self, batch_size: int, optimizer: str = "sgd") -> int:
        fixed = self.fixed_bytes + self.optimizer(optimizer).state_bytes
        return BLOCK * math.ceil((fixed + self.bytes_per_example * batch_size) / BLOCK)

    def largest_micro_batch(self, optimizer: str = "sgd") -> int:
        fixed = self.fixed_bytes + self.optimizer(optimizer).state_bytes
        return (self.limit_bytes - fixed) // self.bytes_per_example

    def sizes(self) -> tuple[int, ...]:
        powers = {2**k for k in range(self.train_examples.bit_length())}
        return tuple(sorted(powers | {self.train_examples, self.batch_size}))

    def best(self, optimizer: str = "sgd") -> tuple[int, float]:
        """The fastest batch size at its best learning rate, and its seconds."""
        micro = self.largest_micro_batch(optimizer)
        times = {b: self.seconds(b, self.best_rate(b, optimizer), optimizer, micro)
                 for b in self.sizes()}  # fmt: skip
        size = min(times, key=times.__getitem__)
        return size, times[size]

    # ---- answers to probes ----

    def answer(self, probe: Probe) -> tuple[Outcome, Result | None, float]:
        """The outcome, what was measured, and the wall-clock seconds it took."""
        if isinstance(probe, DescribeProbe):
            return Outcome(Status.OK), self.description(), self.start_seconds
        if isinstance(probe, MemoryProbe):
            return self._memory(probe)
        if isinstance(probe, PredictProbe):
            return self._predict(probe)
        if isinstance(probe, SpeedProbe):
            return self._speed(probe)
        if isinstance(probe, NoiseProbe):
            return self._noise(probe)
        return self._training(probe)

    def description(self) -> DescribeResult:
        facts = WorkloadFacts(
            title="simulated",
            framework="torch",
            train_examples=self.train_examples,
            valid_examples=500,
            batch_size=self.batch_size,
            optimizers=tuple(
                OptimizerFacts(o.name, o.rule, o.user_rate)  # type: ignore[arg-type]
                for o in self.optimizers
            ),
            goal=parse_goal(self.goal),
            parameters=10_000,
        )
        hardware = Hardware(
            self.device, "simulated", 1, 1, 8192 * MIB, self.limit_bytes, "simulated"
        )
        hardware = replace(hardware, counts_energy=self.power_watts is not None)
        return DescribeResult(facts, hardware)

    def _random(self, *key: object) -> np.random.Generator:
        return np.random.default_rng(zlib.crc32(repr((self.seed, *key)).encode()))

    def _memory(self, probe: MemoryProbe) -> tuple[Outcome, Result | None, float]:
        step = self.step_seconds(probe.batch_size)
        wall = self.start_seconds + probe.steps * step + self.evaluation_seconds
        if probe.batch_size in self.hangs:
            hung = Remark.of("hung", work="building", seconds=probe.seconds_limit)
            return Outcome(Status.HUNG, hung), None, probe.seconds_limit
        peak = self.peak_bytes(probe.batch_size, probe.optimizer)
        if peak > probe.limit_bytes:
            large = Remark.of("micro_batch_too_large", micro_batch_size=probe.batch_size)
            return Outcome(Status.OUT_OF_MEMORY, large), None, wall
        return Outcome(Status.OK), MemoryResult(peak, self.fixed_bytes, step), wall

    def _predict(self, probe: PredictProbe) -> tuple[Outcome, Result | None, float]:
        if self.predicted_share is None:
            advice = "Memory could not be predicted (no data); small sizes told where to look."
            return Outcome(Status.NOT_FOLLOWED, advice=advice), None, self.predicting_seconds
        slope, limit = self.predicted_share * self.bytes_per_example, probe.target.total_bytes
        cap = probe.max_batch_size or self.train_examples
        most = min(cap, int((limit - self.fixed_bytes) / slope))
        total = int(self.fixed_bytes + slope * self.batch_size)
        peak = PredictedPeak(self.batch_size, self.batch_size, total, total, ())
        result = PredictResult(
            probe.target, probe.optimizer, self.batch_size, (peak,), self.fixed_bytes, slope, 0,
            limit, probe.margin, most, most, "memory" if most < cap else "max_batch_size", True,
            "fake",
        )  # fmt: skip
        return Outcome(Status.OK), result, self.predicting_seconds

    def _speed(self, probe: SpeedProbe) -> tuple[Outcome, Result | None, float]:
        random = self._random("speed")
        times = {b: self.step_seconds(b, probe.micro_batch_size) for b in probe.batch_sizes}
        smallest = min(times)
        timed = [b for b in times if b == smallest or 6 * times[b] <= probe.seconds]
        samples, wall = [], self.start_seconds
        for round_number in range(12):
            for size in timed:
                if round_number and wall + times[size] > probe.seconds:
                    continue
                steps = max(1, round(0.03 / times[size]))
                seconds = times[size] * math.exp(self.timing_noise * random.normal())
                samples.append(SpeedSample(size, steps, seconds, 0.0, round_number))
                wall += steps * seconds
        left_out = tuple(b for b in times if b not in timed)
        power: tuple[tuple[int, float], ...] = ()
        if self.power_watts is not None:
            idle, more = self.power_watts
            power = tuple((size, idle + more * size) for size in sorted(timed))
        return Outcome(Status.OK), SpeedResult(tuple(samples), left_out, power_watts=power), wall

    def _noise(self, probe: NoiseProbe) -> tuple[Outcome, Result | None, float]:
        """Gaussian gradients with tr(Σ) = noise scale and |G|² = 1; |G|² = 0 where it is None."""
        random = self._random("noise")
        gradient = np.zeros(DIMENSIONS)
        scale = self.optimizer(probe.optimizer).noise_scale or self.noise_scale
        gradient[0] = 0.0 if scale is None else 1.0
        spread = math.sqrt((scale or 100.0) / DIMENSIONS / probe.micro_batch_size)
        step = self.step_seconds(probe.batch_size)
        large = probe.micro_batch_size * probe.micro_batches
        points, wall = [], self.start_seconds
        for checkpoint in probe.checkpoints:
            shape = (probe.groups, probe.micro_batches, DIMENSIONS)
            small = gradient + spread * random.normal(size=shape)
            points.append(
                NoisePoint(
                    checkpoint,
                    checkpoint * probe.batch_size,
                    probe.micro_batch_size,
                    large,
                    tuple((small**2).sum(axis=2).mean(axis=1).tolist()),
                    tuple((small.mean(axis=1) ** 2).sum(axis=1).tolist()),
                )
            )
            wall = self.start_seconds + checkpoint * step + probe.groups * len(points) * step
            if wall > probe.seconds:
                break
        return Outcome(Status.OK), NoiseResult(tuple(points)), wall

    def _training(self, probe: TrainingProbe) -> tuple[Outcome, Result | None, float]:
        random = self._random("train", probe.batch_size, probe.learning_rate, probe.seed)
        median = self.steps(probe.batch_size, probe.learning_rate, probe.optimizer)
        scatter = self.seed_sd(probe.batch_size, probe.learning_rate)
        arrival = median * math.exp(scatter * random.normal())
        shape = math.exp(self.shape_noise * random.normal())
        step_seconds = self.mean_seconds(probe.batch_size, probe.micro_batch_size)
        step_seconds *= math.exp(self.timing_noise * random.normal())
        step_seconds *= self.crowding if probe.at_once > 1 else 1.0
        goal, milestones = parse_goal(self.goal), list(probe.milestones)
        points: list[TrainingPoint] = []
        best, wall = -math.inf, self.start_seconds
        for due in self._evaluated_steps(probe):
            around = self.start_seconds + self.evaluation_seconds * len(points)
            soft = (SOFT_SHARE * probe.seconds_limit - around) / step_seconds
            step = max(1, min(due, math.ceil(min(probe.max_seconds / step_seconds, soft))))
            metric = self._metric((step / arrival) ** shape) + self.metric_noise * random.normal()
            diverged = math.isinf(arrival) and step > 10
            loss = math.nan if diverged else 1.0
            seconds = step * step_seconds
            examples = round(step * self.description().facts.examples_per_step(probe.batch_size))
            points.append(
                TrainingPoint(step, examples, seconds, math.nan if diverged else metric, loss)
            )
            wall = self.start_seconds + seconds + self.evaluation_seconds * len(points)
            best = max(best, metric)
            late = wall > SOFT_SHARE * probe.seconds_limit
            ending, run = None, {"batch_size": probe.batch_size, "step": step}
            run["learning_rate"] = probe.learning_rate
            if diverged:
                ending = Outcome(Status.DIVERGED, Remark.of("diverged", **run))
            elif goal.reached_by(metric):
                ending = Outcome(Status.OK)
            elif _missed(milestones, step, best):
                behind = {"milestone_step": step, "metric": best, "milestone": LEVEL}
                reason = Remark.of("given_up_behind", **run, **behind)
                ending = Outcome(Status.GOAL_NOT_REACHED, reason)
            elif late or step >= probe.max_steps or seconds >= probe.max_seconds:
                reason = Remark.of("given_up_limit", **run, limit="steps")
                ending = Outcome(Status.GOAL_NOT_REACHED, reason)
            if ending is not None:
                other = self.evaluation_seconds * len(points)
                return ending, TrainingResult(tuple(points), seconds, other), wall
        raise AssertionError("A run ends at its last step at the latest.")

    def _evaluated_steps(self, probe: TrainingProbe) -> Iterator[int]:
        """Steps of the evaluations, the last of them `max_steps`."""
        step = 0
        for examples in evaluation_examples(self.train_examples):
            if examples > step * probe.batch_size:
                step = min(math.ceil(examples / probe.batch_size), probe.max_steps)
                yield step

    def _metric(self, way: float) -> float:
        """The validation metric after a share of the steps to the level."""
        if math.isinf(way) or way == 0:
            return START
        rate = math.log((self.reach - START) / (self.reach - LEVEL))
        return self.top - (self.top - START) * math.exp(-rate * way)

    @property
    def reach(self) -> float:
        """The asymptote that puts the level at the end of the way; `top` unless that is lower."""
        return max(self.top, 0.95)


def _missed(milestones: list[tuple[int, float]], step: int, best: float) -> bool:
    while milestones and milestones[0][0] <= step:
        _, level = milestones.pop(0)
        if level > best:
            return True
    return False


DECIDING_SECONDS = 0.005
"""Wall-clock time between two trials."""


def spent(trials: tuple[Trial, ...]) -> float:
    return sum(trial.wall_seconds + DECIDING_SECONDS for trial in trials)


def next_ask(settings: Settings, trials: tuple[Trial, ...]) -> Ask | None:
    return ask(settings, trials, spent(trials))


def carry_out(
    world: World,
    probe: Probe,
    number: int,
    started: float = 0.0,
    trials: tuple[Trial, ...] = (),
) -> Trial:
    """A trial; a run among the trials that paused goes on, and only what is new takes time."""
    known = _paused(probe, trials)
    if known is None or not isinstance(probe, TrainingProbe):
        outcome, result, wall = world.answer(probe)
        return Trial(number, probe, outcome, result, started, wall)
    earlier = world.start_seconds + known.train_seconds
    earlier += world.evaluation_seconds * len(known.points)
    later = replace(
        probe,
        seconds_limit=probe.seconds_limit + earlier / SOFT_SHARE,
        max_seconds=probe.max_seconds + known.train_seconds,
    )
    outcome, result, wall = world.answer(later)
    assert isinstance(result, TrainingResult)
    result = replace(result, earlier_seconds=known.train_seconds)
    return Trial(number, probe, outcome, result, started, max(0.0, wall - earlier))


def _paused(probe: Probe, trials: tuple[Trial, ...]) -> TrainingResult | None:
    """What the run that a probe goes on with has so far."""
    for trial in reversed(trials):
        before = trial.probe
        both = isinstance(before, TrainingProbe) and isinstance(probe, TrainingProbe)
        if both and before.pause and before.run == probe.run:
            assert isinstance(trial.result, TrainingResult)
            return trial.result
    return None


def run_study(
    world: World, settings: Settings, trials: tuple[Trial, ...] = (), most: int = 500
) -> Recording:
    """Ask, answer, tell until nothing is asked any more."""
    while asked := next_ask(settings, trials):
        trial = carry_out(world, asked.probe, len(trials) + 1, spent(trials), trials)
        trials = (*trials, trial)
        assert len(trials) <= most, "the planner does not come to an end"
    return Recording(study_of(world, settings), trials)


def run_side_by_side(
    world: World, settings: Settings, trials: tuple[Trial, ...] = (), most: int = 500
) -> tuple[Recording, list[tuple[Probe, ...]]]:
    """The same with several runs under way, and which were each time something was asked for."""
    clock = evidence.wall_seconds(trials)
    running: list[Trial] = []
    seen: list[tuple[Probe, ...]] = []
    while True:
        probes = tuple(trial.probe for trial in running)
        asked = ask(settings, trials, clock, probes)
        if asked is not None:
            seen.append((*probes, asked.probe))
            running.append(carry_out(world, asked.probe, 0, clock, trials))
            clock += DECIDING_SECONDS
            continue
        if not running:
            return Recording(study_of(world, settings), trials), seen
        ended = min(running, key=lambda trial: trial.started + trial.wall_seconds)
        running.remove(ended)
        clock = max(clock, ended.started + ended.wall_seconds)
        trials = (*trials, replace(ended, number=len(trials) + 1))
        assert len(trials) <= most, "the planner does not come to an end"


def study_of(world: World, settings: Settings) -> Study:
    description = world.description()
    return Study(
        name="simulated-1",
        workload=WorkloadReference("workload", module="simulated", title="simulated"),
        settings=settings,
        created=0.0,
        rightbatch_version="0",
        facts=description.facts,
        finished=True,
    )
