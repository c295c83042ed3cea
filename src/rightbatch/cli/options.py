"""Arguments and options that several commands share."""

import logging
from pathlib import Path
from typing import Annotated, Literal

import typer


def _checked(workload: str) -> str:
    """A workload's name, checked before anything heavy is imported."""
    from rightbatch.api.names import named_workload

    named_workload(workload)
    return workload


Workload = Annotated[
    str,
    typer.Argument(
        help="file.py:factory, module:factory, or a built-in workload such as digits.",
        callback=_checked,
    ),
]
StudyName = Annotated[str, typer.Argument(help="Name of a stored study, such as digits-1.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Directory = Annotated[Path, typer.Argument(help="Directory of the plain files.")]
Directories = Annotated[
    list[Path], typer.Argument(help="Folders of recorded studies, or folders that contain them.")
]
Policies = Annotated[
    list[str] | None, typer.Option(help="Policy to replay (repeatable; default: all).")
]
Repeats = Annotated[
    int, typer.Option(help="Replays of each target, each with its seeds in another order.")
]
Explain = Annotated[
    bool, typer.Option("--explain", help="Explain the planner's decisions, one sentence each.")
]
DataSets = Annotated[list[str] | None, typer.Argument(help="Names of data sets (default: all).")]
What = Annotated[Literal["studies", "workloads"], typer.Argument(help="studies or workloads.")]
Budget = Annotated[str, typer.Option(help="Wall-clock time to spend, such as 90s, 3m or 1h30m.")]
TimeLimit = Annotated[
    str,
    typer.Option("--time-limit", "--budget", help="Wall-clock time to spend, such as 90s or 5m."),
]
TrainingBudget = Annotated[
    str | None, typer.Option(help="Limit on training time in the learning stage, such as 30s.")
]
ObjectiveOption = Annotated[
    Literal["time", "examples", "steps", "energy", "cost"],
    typer.Option(help="What to minimise until the goal is reached."),
]
ObjectiveAgain = Annotated[
    Literal["time", "examples", "steps", "energy", "cost"] | None,
    typer.Option(help="Minimise this instead of the objective of the study."),
]
PricePerHour = Annotated[
    float | None,
    typer.Option(help="Price of an hour of training, such as 2.50, in your currency."),
]
Goal = Annotated[
    str, typer.Option(help='Goal that replaces the workload\'s, such as "accuracy >= 0.96".')
]
Optimizers = Annotated[str, typer.Option(help="Optimizers to compare, such as sgd,adam,rmsprop.")]
BatchSizes = Annotated[
    str, typer.Option(help="Only these batch sizes, such as 1,32,full (full: the training set).")
]
MemoryLimit = Annotated[
    str | None,
    typer.Option(help="Memory limit of a trial, such as 4GiB (default: what is safely free)."),
]
Margin = Annotated[
    float, typer.Option(help="Safety margin: share of the memory limit to keep free.")
]
MaxBatchSize = Annotated[
    int | None, typer.Option(help="Largest batch size to consider (default: the training set).")
]
MultipleOf = Annotated[int, typer.Option(help="Consider only multiples of this, such as 8.")]
BatchSize = Annotated[
    int | None,
    typer.Option(help="Batch size to keep by gradient accumulation (default: the workload's)."),
]
Threads = Annotated[int | None, typer.Option(help="Compute threads per trial.")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda ... (default: the best available).")]
Devices = Annotated[
    str | None,
    typer.Option(
        help="cpu, cuda ..., or several, such as cuda:0,cuda:1 (default: the best available)."
    ),
]
OneOff = Annotated[
    bool,
    typer.Option(
        "--one-off", help="Stop at the first run that reaches the goal: you want one trained model."
    ),
]
LearningRates = Annotated[
    Literal["search", "rule"],
    typer.Option(
        help="search: find the best for each batch size; rule: scale the workload's own with the "
        "batch size and search batch sizes alone."
    ),
]


def _renamed(value: str | None) -> str | None:
    if value is not None:
        typer.echo("rightbatch: --learning-rate is now called --learning-rates.", err=True)
    return value


OldLearningRate = Annotated[
    Literal["search", "rule"] | None,
    typer.Option("--learning-rate", hidden=True, callback=_renamed),
]
Workers = Annotated[int, typer.Option(help="Training runs in parallel, as far as memory allows.")]
Seed = Annotated[int, typer.Option(help="Random seed.")]
StoreOption = Annotated[
    str | None,
    typer.Option(
        help="File or database URL of the studies (default: $RIGHTBATCH_STORE, else rightbatch.db)."
    ),
]
Resume = Annotated[bool, typer.Option("--resume", help="Continue where the same command stopped.")]
ReportPath = Annotated[
    Path | None, typer.Option(help="File for the HTML report (default: rightbatch-STUDY.html).")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def _log_to_stderr(verbose: bool) -> None:
    if verbose:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
        logger = logging.getLogger("rightbatch")
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)


Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        callback=_log_to_stderr,
        help="Show on stderr what each trial does and prints.",
    ),
]
Predict = Annotated[bool, typer.Option("--predict", help="Predict, without a trial on the device.")]
Inference = Annotated[bool, typer.Option("--inference", help="Forward passes only, as in serving.")]
On = Annotated[
    str | None, typer.Option(help="With --predict: a GPU by name, such as rtx4090 or a100-80g.")
]
DeviceMemory = Annotated[
    str | None, typer.Option(help="With --predict: memory of the GPU, such as 24GiB.")
]
