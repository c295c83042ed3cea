"""The planner and its rivals on studies that were made up, unlike the published ones.

    python benchmarks/replay/made_up.py        # writes made-up.md under benchmarks/results/replay

No constant of the planner was tuned on these but `progress`, whose worth studies like them showed.
Examples to the target follow E(B) = E_min·(1 + B/B_crit) (McCandlish et al. 2018) with B_crit and
the knee of throughput within a factor of 7 and 12 of the middle batch size, data sets of 2,000 to a
million examples, and metrics that approach the target exponentially, each evaluation with noise.
The middle batch size, with which zeus begins, is thus close to the best more often than not.
"""

import math
import random
from dataclasses import dataclass
from pathlib import Path

from tables import markdown

from rightbatch.api.one_thread import one_thread
from rightbatch.decide.replay.figures import replay
from rightbatch.decide.replay.ours import OURS
from rightbatch.decide.replay.question import Question, questions
from rightbatch.decide.replay.rivals import RIVALS
from rightbatch.records import Curve, Evaluation, RecordedSpeed, RecordedStudy, Run
from rightbatch.report.replay import overall

RESULTS = Path(__file__).parents[1] / "results" / "replay"
STUDIES, REPEATS = 30, 2
LEAST_SECONDS = 40.0
"""Of the best, in steps of the largest batch size: below, timing costs more than training."""
METRIC_NOISE = 0.003
STANDS_AT = 0.8


@dataclass(frozen=True)
class Kind:
    """A kind of study.

    Attributes:
        told: What is peculiar about it.
        seed_sd: Standard deviation of log examples between seeds.
        flat: Whether the examples to the target do not depend on the batch size.
        direction: Of the metric.
        stands: Whether large batch sizes come to stand short of the target.
    """

    told: str
    seed_sd: float
    flat: bool = False
    direction: str = "max"
    stands: bool = False


KINDS = {
    "quiet": Kind("Seeds differ by 3%", 0.03),
    "noisy": Kind("Seeds differ by 15%", 0.15),
    "falling": Kind("A loss that falls, seeds differ by 8%", 0.08, direction="min"),
    "flat": Kind("Every batch size needs the same examples", 0.08, flat=True),
    "standing": Kind("The largest batch sizes never arrive", 0.05, stands=True),
}


def study(name: str, number: int) -> RecordedStudy:
    """A study of a kind; the same for the same number."""
    kind, draw = KINDS[name], random.Random(f"{name} {number}")
    examples = int(math.exp(draw.uniform(math.log(2000), math.log(1e6))))
    count, smallest = draw.randint(5, 8), 2 ** draw.randint(2, 6)
    sizes = [smallest * 2**i for i in range(count)]
    middle = sizes[count // 2]
    critical = middle * math.exp(draw.uniform(-2, 2))
    knee = middle * math.exp(draw.uniform(-2.5, 2.5))
    if kind.flat:
        critical = math.inf
    epochs = math.exp(draw.uniform(math.log(1.5), math.log(60)))
    dead = sizes[draw.randint(count // 2, count - 1)] if kind.stands else math.inf
    times = (1 + sizes[-1] / critical) / (1 + sizes[0] / critical)
    longest = epochs * times * (4.0 if kind.stands else 2.5)
    every = min(draw.choice([0.25, 1.0]), 150 / longest)
    seeds, bend = draw.choice([1, 3, 5]), draw.uniform(2, 5)
    speeds, runs = [], []
    for size in sizes:
        seconds = 0.01 * (1 + size / knee) * math.exp(draw.gauss(0, 0.03))
        speeds.append(RecordedSpeed(size, seconds, size))
        needed = epochs * examples * (1 + size / critical) / (1 + sizes[0] / critical)
        for seed in range(seeds):
            steps = max(1.0, needed * math.exp(draw.gauss(0, kind.seed_sd)) / size)
            most = STANDS_AT if size >= dead else 1.0
            pace = max(1, round(every * examples / size)), math.ceil(longest * examples / size)
            told = levels(steps, pace, bend, most, draw)
            if kind.direction == "min":
                told = [(step, 3 - 2 * metric) for step, metric in told]
            curve = Curve(tuple(Evaluation(step, float(step * size), m) for step, m in told))
            runs.append(Run(size, 0.1, seed + 1, curve))
    return RecordedStudy(
        f"{name}-{number}", f"{name}-{number}", "sgd", "none", "metric", kind.direction, (1.0,),
        examples, longest, tuple(speeds), tuple(runs),
    )  # fmt: skip


def levels(
    steps: float, pace: tuple[int, int], bend: float, most: float, draw: random.Random
) -> list[tuple[int, float]]:
    """(step, metric) of a run that arrives at 1 after so many steps, unless it stands before."""
    every, last = pace
    told = []
    for step in range(every, last + 1, every):
        way = min(1.0, step / steps)
        metric = (1 - math.exp(-bend * way)) / (1 - math.exp(-bend))
        if most < 1.0:
            metric = min(metric, most + 0.01 * draw.random())
        elif way == 1.0:
            told.append((step, 1.0))
            break
        told.append((step, metric + draw.gauss(0, METRIC_NOISE)))
    return told


def asked(name: str) -> list[Question]:
    """The targets of a kind's studies, without those that take no time."""
    found = [questions(study(name, number))[0] for number in range(STUDIES)]
    return [
        each
        for each in found
        if each.best_seconds > LEAST_SECONDS * max(each.step_seconds.values())
    ]


def main() -> None:
    policies = [policy for policy in (*OURS, *RIVALS) if not policy.needs_noise_scales]
    lines = [
        "# Replays of studies that were made up",
        "",
        "Made by `python benchmarks/replay/made_up.py`, which tells how. No constant was tuned on "
        "these but `progress`, whose worth studies like them showed. The middle batch size, with "
        "which zeus begins, is close to the best here more often than not.",
    ]
    with one_thread():
        for name, kind in KINDS.items():
            of_kind = asked(name)
            table = overall(replay(of_kind, policies, REPEATS))
            told = markdown(f"{kind.told}: {len(of_kind)} studies", table)
            print("\n".join(told), flush=True)
            lines += ["", *told[:-1]]
    (RESULTS / "made-up.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
