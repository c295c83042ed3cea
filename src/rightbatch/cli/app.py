"""The commands by name. Each is a small module that is imported when it runs."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from rightbatch.cli import Interrupted
from rightbatch.cli import options as opt


class _Commands(TyperGroup):
    """The commands, with plain messages for wrong options."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - as the base class has it
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = _plain(error.message)
            raise
        except KeyboardInterrupt:  # Click would end as if a question had been left unanswered
            raise Interrupted from None


def _plain(message: str) -> str:
    """A message of the validator without its jargon."""
    message = message.removeprefix("Value error, ")
    for kind, plain in (("integer", "a whole number"), ("number", "a number")):
        if message.startswith(f"Input should be a valid {kind}"):
            return f"It must be {plain}."
    return message


app = typer.Typer(
    name="rightbatch",
    cls=_Commands,
    help="Which batch size should I train with? rightbatch measures it on your own model, data and "
    "hardware, and recommends one with its evidence.\n\n"
    "Example: rightbatch tune digits --budget 1m",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
_MEMORY_TIME = "5m"


def _version(requested: bool) -> None:
    if requested:
        from rightbatch import __version__

        typer.echo(f"rightbatch {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options shared by all commands: only --version."""


@app.command()
def tune(
    workload: opt.Workload,
    budget: opt.Budget = "3m",
    training_budget: opt.TrainingBudget = None,
    objective: opt.ObjectiveOption = "time",
    price_per_hour: opt.PricePerHour = None,
    goal: opt.Goal = "",
    learning_rates: opt.LearningRates = "search",
    learning_rate: opt.OldLearningRate = None,
    optimizers: opt.Optimizers = "",
    batch_sizes: opt.BatchSizes = "",
    memory_limit: opt.MemoryLimit = None,
    margin: opt.Margin = 0.05,
    max_batch_size: opt.MaxBatchSize = None,
    threads: opt.Threads = None,
    device: opt.Device = None,
    seed: opt.Seed = 0,
    workers: opt.Workers = 1,
    one_off: opt.OneOff = False,
    store: opt.StoreOption = None,
    resume: opt.Resume = False,
    report: opt.ReportPath = None,
    verbose: opt.Verbose = False,
    json: opt.Json = False,
) -> None:
    """Measure a workload and recommend a batch size.

    Example: rightbatch tune train.py:workload --budget 3m
    """
    from rightbatch.cli.study import run_study

    run_study(
        workload, None, json=json, store=store, resume=resume, report=report,
        budget=budget, training_budget=training_budget, objective=objective, goal=goal,
        learning_rates=learning_rate or learning_rates, price_per_hour=price_per_hour,
        optimizers=optimizers, batch_sizes=batch_sizes,
        memory_limit=memory_limit, margin=margin, max_batch_size=max_batch_size,
        threads=threads, device=device, seed=seed, one_off=one_off,
        workers=workers,
    )  # fmt: skip


@app.command()
def memory(
    workload: opt.Workload,
    time_limit: opt.TimeLimit = _MEMORY_TIME,
    memory_limit: opt.MemoryLimit = None,
    margin: opt.Margin = 0.05,
    max_batch_size: opt.MaxBatchSize = None,
    multiple_of: opt.MultipleOf = 1,
    batch_size: opt.BatchSize = None,
    optimizers: opt.Optimizers = "",
    threads: opt.Threads = None,
    device: opt.Devices = None,
    store: opt.StoreOption = None,
    resume: opt.Resume = False,
    predict: opt.Predict = False,
    on: opt.On = None,
    device_memory: opt.DeviceMemory = None,
    inference: opt.Inference = False,
    verbose: opt.Verbose = False,
    json: opt.Json = False,
) -> None:
    """Find the largest micro-batch that fits, or predict it for another device.

    Example: rightbatch memory train.py:workload --memory-limit 4GiB

    Example: rightbatch memory train.py:workload --predict --on rtx4090
    """
    if predict or on is not None or device_memory is not None:
        from rightbatch.cli.prediction import predict_instead

        measuring = {
            "--time-limit": time_limit != _MEMORY_TIME, "--multiple-of": multiple_of != 1,
            "--batch-size": batch_size is not None, "--store": store is not None,
            "--resume": resume,
        }  # fmt: skip
        predict_instead(
            workload, measuring, json=json, on=on, device_memory=device_memory,
            memory_limit=memory_limit, device=device, optimizers=optimizers, margin=margin,
            max_batch_size=max_batch_size, threads=threads, inference=inference,
        )  # fmt: skip
    else:
        from rightbatch.cli.study import find_memory

        find_memory(
            workload, device, json=json, store=store, resume=resume,
            budget=time_limit, memory_limit=memory_limit, margin=margin,
            max_batch_size=max_batch_size, multiple_of=multiple_of, batch_size=batch_size,
            optimizers=optimizers, threads=threads, inference=inference,
        )  # fmt: skip


@app.command()
def speed(
    workload: opt.Workload,
    budget: opt.Budget = "30s",
    batch_sizes: opt.BatchSizes = "",
    max_batch_size: opt.MaxBatchSize = None,
    optimizers: opt.Optimizers = "",
    threads: opt.Threads = None,
    device: opt.Device = None,
    store: opt.StoreOption = None,
    resume: opt.Resume = False,
    verbose: opt.Verbose = False,
    json: opt.Json = False,
) -> None:
    """Time training steps at many batch sizes and find the throughput knee.

    Example: rightbatch speed digits --threads 1
    """
    from rightbatch.cli.study import run_study

    run_study(
        workload, "speed", json=json, store=store, resume=resume,
        budget=budget, batch_sizes=batch_sizes, max_batch_size=max_batch_size,
        optimizers=optimizers, threads=threads, device=device, stages=("speed",),
    )  # fmt: skip


@app.command()
def noise(
    workload: opt.Workload,
    budget: opt.Budget = "30s",
    optimizers: opt.Optimizers = "",
    threads: opt.Threads = None,
    device: opt.Device = None,
    seed: opt.Seed = 0,
    store: opt.StoreOption = None,
    resume: opt.Resume = False,
    verbose: opt.Verbose = False,
    json: opt.Json = False,
) -> None:
    """Measure the gradient noise scale during a short run at your settings.

    Example: rightbatch noise train.py:workload --budget 30s
    """
    from rightbatch.cli.study import run_study

    run_study(
        workload, "noise", json=json, store=store, resume=resume,
        budget=budget, optimizers=optimizers, threads=threads, device=device, seed=seed,
        stages=("noise",),
    )  # fmt: skip


@app.command()
def learn(
    workload: opt.Workload,
    budget: opt.Budget = "2m",
    training_budget: opt.TrainingBudget = None,
    objective: opt.ObjectiveOption = "time",
    price_per_hour: opt.PricePerHour = None,
    goal: opt.Goal = "",
    learning_rates: opt.LearningRates = "search",
    learning_rate: opt.OldLearningRate = None,
    optimizers: opt.Optimizers = "",
    batch_sizes: opt.BatchSizes = "",
    max_batch_size: opt.MaxBatchSize = None,
    threads: opt.Threads = None,
    device: opt.Device = None,
    seed: opt.Seed = 0,
    workers: opt.Workers = 1,
    store: opt.StoreOption = None,
    resume: opt.Resume = False,
    verbose: opt.Verbose = False,
    json: opt.Json = False,
) -> None:
    """Train to the goal at many batch sizes, after timing them briefly.

    Example: rightbatch learn digits --batch-sizes 1,32,full
    """
    from rightbatch.cli.study import run_study

    run_study(
        workload, "learning", json=json, store=store, resume=resume,
        budget=budget, training_budget=training_budget, objective=objective, goal=goal,
        learning_rates=learning_rate or learning_rates, price_per_hour=price_per_hour,
        optimizers=optimizers, batch_sizes=batch_sizes,
        max_batch_size=max_batch_size, threads=threads, device=device, seed=seed,
        workers=workers, stages=("speed", "learning"),
    )  # fmt: skip


@app.command()
def report(
    study: opt.StudyName,
    objective: opt.ObjectiveAgain = None,
    price_per_hour: opt.PricePerHour = None,
    memory_limit: opt.MemoryLimit = None,
    output: opt.ReportPath = None,
    store: opt.StoreOption = None,
    json: opt.Json = False,
) -> None:
    """Recommend and report again from a stored study, without measuring.

    Example: rightbatch report digits-1 --objective examples
    """
    from rightbatch.cli.stored import report_again

    report_again(study, objective, price_per_hour, memory_limit, output, store, json)


@app.command("list")
def list_(
    what: opt.What = "studies",
    store: opt.StoreOption = None,
    json: opt.Json = False,
) -> None:
    """List the stored studies, or the workloads that come with rightbatch.

    Example: rightbatch list workloads
    """
    from rightbatch.cli.stored import list_things

    list_things(what, store, json)


@app.command()
def fetch(data: opt.DataSets = None, json: opt.Json = False) -> None:
    """Download the data of the built-in workloads that are not here yet.

    Example: rightbatch fetch novels
    """
    from rightbatch.cli.data import fetch_data

    fetch_data(data or [], json)


@app.command("export")
def export_(
    study: opt.StudyName,
    directory: opt.Directory,
    store: opt.StoreOption = None,
    json: opt.Json = False,
) -> None:
    """Write a study as plain files: study.json, training.csv, speed.csv and trials.jsonl.

    Example: rightbatch export digits-1 digits-study
    """
    from rightbatch.cli.stored import export_files

    export_files(study, directory, store, json)


@app.command()
def delete(
    study: opt.StudyName,
    yes: opt.Yes = False,
    store: opt.StoreOption = None,
    json: opt.Json = False,
) -> None:
    """Delete a stored study with its trials, also one that is damaged.

    Example: rightbatch delete digits-1
    """
    from rightbatch.cli.stored import delete_study

    delete_study(study, yes, store, json)


@app.command("import")
def import_(
    directory: opt.Directory,
    store: opt.StoreOption = None,
    json: opt.Json = False,
) -> None:
    """Import an exported study into the store, without running code of it.

    Example: rightbatch import digits-study
    """
    from rightbatch.cli.stored import import_files

    import_files(directory, store, json)


@app.command()
def replay(
    directories: opt.Directories,
    policy: opt.Policies = None,
    repeats: opt.Repeats = 5,
    explain: opt.Explain = False,
    json: opt.Json = False,
) -> None:
    """Replay recorded studies: how well the planner and its rivals choose a batch size.

    Example: rightbatch replay digits-study --policy exhaustive
    """
    from rightbatch.cli.replay import explain_directories, replay_directories

    if explain:
        explain_directories(directories, policy or [], json)
    else:
        replay_directories(directories, policy or [], repeats, json)


@app.command()
def doctor(json: opt.Json = False) -> None:
    """Show what this machine can measure: devices, memory and its limits, threads, other load.

    Example: rightbatch doctor
    """
    from rightbatch.cli.doctor import examine

    examine(json)
