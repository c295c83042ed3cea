"""A study of a small network on the digits data, written by hand with numbers that agree."""

import math
import random
from dataclasses import replace

from rightbatch.records import (
    Accumulation,
    Advice,
    BatchPrediction,
    Choice,
    Curve,
    DescribeProbe,
    DescribeResult,
    Estimate,
    Evaluation,
    Fits,
    Goal,
    Hardware,
    LearningFit,
    MemoryFit,
    MemoryProbe,
    MemoryResult,
    NoiseEstimate,
    NoiseFit,
    NoisePoint,
    NoiseProbe,
    NoiseResult,
    OptimizerFacts,
    Outcome,
    Recording,
    Remark,
    Remarks,
    Run,
    Settings,
    SpeedFit,
    SpeedPoint,
    SpeedProbe,
    SpeedResult,
    SpeedSample,
    Status,
    Study,
    TimeSpent,
    TrainingProbe,
    TrainingResult,
    Trial,
    WorkloadFacts,
    WorkloadReference,
)

EXAMPLES = 1437
SIZES = (8, 16, 32, 64, 128, 256, 512, 1024, 1437)
ALPHA, BETA = 1.5e-3, 1.0e-5
STEPS_MIN, CRITICAL = 200.0, 90.0
FIXED, PER_EXAMPLE = 290 * 2**20, 90_000
LIMIT = 6 * 2**30


def step_seconds(batch_size: int) -> float:
    return ALPHA + BETA * batch_size


def around(value: float, share: float, unit: str, note: str = "") -> Estimate:
    return Estimate(value, value / (1 + share), value * (1 + share), 0.95, unit, note)


def learning_fit(
    optimizer: str, base: float, rule: str, seed: int, cost: float = 1.0, first_trial: int = 20
) -> LearningFit:
    """Runs scattered about S(B) = S_min·(1 + B_crit/B), and the predictions made from them."""
    draw = random.Random(seed)
    runs: list[Run] = []
    predictions: list[BatchPrediction] = []
    for size in SIZES:
        power = 1.0 if rule == "linear" else 0.5
        best = base / (1 + CRITICAL / size) ** power
        true = cost * STEPS_MIN * (1 + CRITICAL / size)
        reached: list[float] = []
        tried = [(1.0, 0), (1.0, 1), (1.0, 2), (0.5, 0), (2.0, 0), (0.125, 0), (8.0, 0)]
        for factor, run_seed in tried:
            rate = best * factor
            steps = true * (1 + 0.5 * math.log2(factor) ** 2) * draw.lognormvariate(0, 0.06)
            status, done = Status.OK, math.ceil(steps)
            if factor == 8.0:
                status, done = Status.DIVERGED, 12
            elif factor == 0.125:
                status, done = Status.GOAL_NOT_REACHED, math.ceil(2.2 * true)
            if factor == 1.0:
                reached.append(steps)
            runs.append(
                Run(
                    size,
                    rate,
                    run_seed,
                    Curve((Evaluation(done, float(done * size), 0.9),)),
                    optimizer,
                    status,
                    first_trial + len(runs),
                    done * step_seconds(size) * 1.02,
                    steps=done if status is Status.OK else None,
                )
            )
        steps = math.exp(sum(map(math.log, reached)) / len(reached))
        predictions.append(
            BatchPrediction(
                size,
                best,
                around(steps, 0.12, "steps"),
                around(steps * size, 0.12, "examples"),
                around(steps * step_seconds(size), 0.13, "s"),
                5,
                2,
            )
        )
    return LearningFit(
        optimizer,
        rule,
        0.96,
        tuple(runs),
        tuple(predictions),
        around(cost * STEPS_MIN, 0.09, "steps"),
        around(CRITICAL, 0.25, "examples"),
        None,
        0.041,
    )


def choice(fit: LearningFit, batch_size: int) -> Choice:
    row = next(row for row in fit.predictions if row.batch_size == batch_size)
    steps_per_epoch = math.ceil(EXAMPLES / batch_size)
    return Choice(
        fit.optimizer,
        batch_size,
        row.learning_rate,
        batch_size,
        1,
        steps_per_epoch,
        around(row.steps.value / steps_per_epoch, 0.12, "epochs"),
        row.seconds,
        row.steps,
    )


def memory_fit() -> MemoryFit:
    draw = random.Random(1)
    points = tuple(
        (size, round(FIXED + PER_EXAMPLE * size + draw.gauss(0, 2 * 2**20))) for size in SIZES
    )
    return MemoryFit(
        points,
        (),
        around(FIXED, 0.02, "bytes"),
        around(PER_EXAMPLE, 0.06, "bytes"),
        0.011,
        LIMIT,
        EXAMPLES,
        EXAMPLES,
        0.05,
        "data_set_size",
        trials=len(points),
        seconds=9.5,
        enforced_by="data_segment",
        optimizer="sgd",
    )


def speed_fit() -> SpeedFit:
    draw = random.Random(2)
    points = []
    for size in SIZES:
        samples = tuple(step_seconds(size) * draw.lognormvariate(0, 0.03) for _ in range(12))
        middle = sorted(samples)[6]
        points.append(
            SpeedPoint(
                size,
                around(middle, 0.02, "s"),
                0.04 * middle,
                around(size / middle, 0.02, "examples/s"),
                samples,
            )
        )
    best = max(points, key=lambda point: point.examples_per_second.value)
    knee = next(
        point
        for point in points
        if point.examples_per_second.value >= 0.9 * best.examples_per_second.value
    )
    return SpeedFit(
        tuple(points),
        around(ALPHA, 0.04, "s"),
        around(BETA, 0.03, "s"),
        0.028,
        False,
        Estimate(knee.batch_size, 512, 1437, 0.95, "examples"),
        best.examples_per_second,
        0.04,
        0.31,
        EXAMPLES,
        False,
        optimizer="sgd",
    )


def noise_fit() -> NoiseFit:
    values = ((0, 61.0), (60, 24.0), (120, 38.0), (180, 71.0), (240, 96.0), (300, 128.0))
    return NoiseFit(
        tuple(
            NoiseEstimate(step, step * 32, around(scale, 0.45, "examples"))
            for step, scale in values
        ),
        around(95.0, 0.4, "examples", "fieller"),
        optimizer="sgd",
    )


def hardware() -> Hardware:
    return Hardware(
        "cpu",
        "AMD EPYC 7B13",
        2,
        1,
        8 * 2**30,
        LIMIT,
        "Linux 6.1 x86_64",
        (("python", "3.11.2"), ("torch", "2.13.0+cpu")),
    )


def facts(title: str = "digits") -> WorkloadFacts:
    return WorkloadFacts(
        title,
        "torch",
        EXAMPLES,
        360,
        32,
        (OptimizerFacts("sgd", "linear", 0.1), OptimizerFacts("adam", "square_root", 0.001, False)),
        Goal("accuracy", "max", target=0.96),
        9_610,
    )


def trials(fits: Fits) -> tuple[Trial, ...]:
    """The trials that fits like these are made from."""
    ok = Outcome(Status.OK)
    told = [Trial(1, DescribeProbe(), ok, DescribeResult(facts(), hardware()), 0.0, 0.4)]
    for size, peak in fits.memory.points if fits.memory else ():
        probe = MemoryProbe("sgd", size, LIMIT)
        result = MemoryResult(peak, FIXED - 10 * 2**20, step_seconds(size))
        told.append(Trial(len(told) + 1, probe, ok, result, 1.0, 0.5))
    if fits.speed:
        samples = tuple(
            SpeedSample(point.batch_size, 10, 0.96 * sample, 0.04 * sample, number)
            for point in fits.speed.points
            for number, sample in enumerate(point.samples)
        )
        speed = SpeedResult(samples, (), 57_660.0, 4.1e9, None, 0.01)
        told.append(Trial(len(told) + 1, SpeedProbe("sgd", SIZES, EXAMPLES, 8), ok, speed, 6, 9.1))
    if fits.noise:
        noise = NoiseResult(
            tuple(
                NoisePoint(p.step, p.examples, 16, 128, (4.0,) * 8, (1.0,) * 8)
                for p in fits.noise.points
            )
        )
        steps = tuple(point.step for point in fits.noise.points)
        asked = NoiseProbe("sgd", 32, 0.1, 16, 8, 8, steps, 0, 6.0)
        told.append(Trial(len(told) + 1, asked, ok, noise, 15.0, 6.3))
    for run in (run for fit in fits.learning for run in fit.runs):
        probe = TrainingProbe(
            "sgd", run.batch_size, 1437, run.learning_rate, run.seed, 4000, 9.0, seconds_limit=30.0
        )
        ending = Outcome(
            Status(run.status), advice="" if run.status == "ok" else "It was given up."
        )
        result = TrainingResult((), run.train_seconds, 0.2)
        told.append(Trial(run.trial, probe, ending, result, 22.0, run.train_seconds + 0.3))
    return tuple(told)


def recording(fits: Fits, title: str = "digits", settings: Settings | None = None) -> Recording:
    study = Study(
        "digits-1",
        WorkloadReference("workload", module="rightbatch.zoo.digits", title=title),
        settings or Settings(),
        1_790_000_000.0,
        "0.1.0",
        facts(title),
        True,
    )
    return Recording(study, trials(fits))


def digits() -> tuple[Recording, Advice]:
    """The whole study: U-shaped time to goal, best at 128, the user at 32."""
    sgd = learning_fit("sgd", 0.9, "linear", 7)
    memory, speed, noise = memory_fit(), speed_fit(), noise_fit()
    fits = Fits(memory, speed, noise, (sgd,), (speed,), (memory,), (noise,))
    best, reference = choice(sgd, 128), choice(sgd, 32)
    lowest = best.seconds_to_goal.value
    near = tuple(row.batch_size for row in sgd.predictions if row.seconds.value <= 1.1 * lowest)
    advice = Advice(
        "digits-1",
        "accuracy >= 0.96",
        "time",
        best,
        reference,
        near,
        "critical_batch_size",
        Remarks(
            Remark.of("train_with", batch_size=128, optimizer="sgd", learning_rate=0.528),
            (
                Remark.of("critical_batch_size", value=90.0, low=72.0, high=112.5),
                Remark.of("throughput_knee", examples_per_second=90_000.0, batch_size=1024),
                Remark.of("noise_scale", optimizer=None, value=95.0, low=68.0, high=133.0),
            ),
            (Remark.of("other_processes", share=0.53),),
        ),
        fits,
        (best,),
        (),
        TimeSpent(112.0, 31.0, 24.0, 180.0),
    )
    return recording(fits), advice


def two_optimizers() -> tuple[Recording, Advice]:
    """The same study with Adam beside SGD and the three regimes asked for."""
    _, advice = digits()
    adam = learning_fit("adam", 0.02, "square_root", 9, 1.25, 100)
    noise = replace(noise_fit(), noise_scale=around(60.0, 0.4, "examples"), optimizer="adam")
    points = tuple((size, peak + 2**26) for size, peak in memory_fit().points[:-1:2])
    memory = replace(
        memory_fit(), points=points, failed=(1437,), largest_batch_size=512, safe_batch_size=500,
        capped_by="memory", optimizer="adam",
    )  # fmt: skip
    fits = replace(
        advice.fits,
        learning=(*advice.fits.learning, adam),
        memories=(*advice.fits.memories, memory),
        noises=(*advice.fits.noises, noise),
    )
    sgd = fits.learning[0]
    regimes = (("stochastic", choice(sgd, 8)), ("mini-batch", choice(sgd, 128)))
    full = choice(sgd, 1437)
    second = choice(adam, 128)
    compared = (advice.recommended, second)
    advice = replace(
        advice, fits=fits, by_optimizer=compared, regimes=(*regimes, ("full-batch", full))
    )
    return recording(fits, settings=Settings(optimizers=("sgd", "adam"))), advice


def memory_only() -> tuple[Recording, Advice]:
    """A study of the memory stage alone: nothing to recommend."""
    kept = Accumulation(4096, 1024, 4, ran=True, caveats=(Remark.of("short_last_batch"),))
    memory = replace(memory_fit(), accumulation=kept)
    fits = Fits(memory=memory, memories=(memory,))
    return recording(fits, settings=Settings(stages=("memory",))), nothing_known(fits)


def too_little() -> tuple[Recording, Advice]:
    """A study whose budget ran out before any run reached the goal."""
    sgd = learning_fit("sgd", 0.9, "linear", 7)
    runs = tuple(
        replace(
            run,
            status=Status.GOAL_NOT_REACHED,
            steps=None,
            curve=Curve((Evaluation(40, 40.0 * run.batch_size, 0.5),)),
        )
        for run in sgd.runs[:3]
    )
    empty = replace(
        sgd,
        runs=runs,
        predictions=(),
        steps_min=None,
        critical_batch_size=None,
        critical_reason=Remark.of("no_run_reached_goal"),
        lack_of_fit=None,
    )
    unknown = NoiseFit(
        (NoiseEstimate(0, 0, None),), None, Remark.of("gradient_lost_in_noise"), "sgd"
    )
    memory, speed = memory_fit(), speed_fit()
    fits = Fits(memory, speed, unknown, (empty,), (speed,), (memory,), (unknown,))
    return recording(fits), nothing_known(fits)


def nothing_known(fits: Fits) -> Advice:
    return Advice(
        "digits-1",
        "accuracy >= 0.96",
        "time",
        None,
        None,
        (),
        "budget",
        Remarks(
            Remark.of("no_recommendation"),
            (Remark.of("runs_reached", runs=3, reached=0, target=0.96, batch_sizes=0),),
            missing={"batch_size": Remark.of("no_step_time")},
        ),
        fits,
        time_spent=TimeSpent(20.0, 30.0, 10.0, 60.0),
    )
