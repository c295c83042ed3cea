"""Small recorded studies, made by hand."""

import json
import math
from pathlib import Path

from rightbatch.decide.replay.question import Question, questions
from rightbatch.records import Curve, Evaluation, RecordedSpeed, RecordedStudy, Run


def study(
    step_seconds: dict[int, float],
    arrivals: dict[int, list[int | None]],
    targets: tuple[float, ...] = (1.0,),
    examples: int = 1000,
    longest: float = 100.0,
    noise_scale: float | None = None,
    dataset: str = "made-up",
    power_watts: dict[int, float] | None = None,
) -> RecordedStudy:
    """Runs whose metric is the share of their way, told at every tenth of it.

    `arrivals` are the steps to metric 1.0 of each seed; None never gets beyond 0.5.
    """
    runs = []
    for size, seeds in arrivals.items():
        longest_steps = math.ceil(longest * examples / size)
        for seed, steps in enumerate(seeds, start=1):
            whole, top = (longest_steps, 5) if steps is None else (steps, 10)
            told = [
                Evaluation(at, float(at * size), tenth / 10, noise_scale)
                for tenth in range(1, top + 1)
                if (at := round(whole * tenth / 10))
            ]
            runs.append(Run(size, math.nan, seed, Curve(tuple(told)), "sgd"))
    return RecordedStudy(
        name="by-hand",
        dataset=dataset,
        optimizer="sgd",
        hardware="none",
        metric="accuracy",
        direction="max",
        targets=targets,
        examples_per_epoch=examples,
        longest_run_epochs=longest,
        speeds=tuple(
            RecordedSpeed(b, seconds, b, (power_watts or {}).get(b))
            for b, seconds in step_seconds.items()
        ),
        runs=tuple(runs),
    )


def question(*args, **kwargs) -> Question:
    return questions(study(*args, **kwargs))[0]


def write_files(directory: Path, told: RecordedStudy) -> Path:
    """A recorded study as plain files."""
    directory.mkdir(parents=True)
    counts: dict[int, int] = {}
    for run in told.runs:
        counts[run.batch_size] = counts.get(run.batch_size, 0) + 1
    (directory / "study.json").write_text(
        json.dumps(
            {
                "name": told.name,
                "dataset": told.dataset,
                "optimizer": told.optimizer,
                "hardware": told.hardware,
                "metric": {"name": told.metric, "direction": told.direction},
                "targets": told.targets,
                "examples_per_epoch": told.examples_per_epoch,
                "longest_run_epochs": told.longest_run_epochs,
                "batch_sizes": told.batch_sizes,
                "runs_per_batch_size": counts,
            }
        )
    )
    rows = ["batch_size,seed,learning_rate,step,epoch,metric"]
    rows += [
        f"{run.batch_size},{run.seed},,{e.step},{e.examples / told.examples_per_epoch},{e.metric}"
        for run in told.runs
        for e in run.curve.evaluations
    ]
    (directory / "training.csv").write_text("\n".join(rows) + "\n")
    speeds = [
        f"{speed.batch_size},{speed.step_seconds},{speed.power_watts or ''}"
        for speed in told.speeds
    ]
    head = "batch_size,step_seconds,power_watts"
    (directory / "speed.csv").write_text("\n".join([head, *speeds]) + "\n")
    return directory
