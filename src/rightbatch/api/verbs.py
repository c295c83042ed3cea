"""What a user can ask of rightbatch from Python: a study, and advice from what is stored."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from rightbatch import __version__
from rightbatch.api.loop import Observer, Silent, carry_on
from rightbatch.api.references import reference
from rightbatch.api.runner import local_runner
from rightbatch.decide.advice.recommend import advise
from rightbatch.errors import UsageError
from rightbatch.measure.ports import Job
from rightbatch.measure.runners import INSIDE_A_TRIAL
from rightbatch.records import (
    STAGES,
    Advice,
    DescribeProbe,
    Objective,
    Recording,
    Settings,
    Study,
    WorkloadReference,
    parse_bytes,
    parse_duration,
    parse_goal,
)
from rightbatch.store import Store, open_store

DEFAULT_STORE = "rightbatch.db"
_LARGEST_SEED = 2**31 - 1
"""Seeds of runs count up from the study's, and NumPy takes none from 2**32 on."""

_Item = TypeVar("_Item")


def store_address(store: str | Path | None = None) -> str | Path:
    """The store to use: the one named, else $RIGHTBATCH_STORE, else rightbatch.db here."""
    return store or os.environ.get("RIGHTBATCH_STORE") or DEFAULT_STORE


def make_settings(
    *,
    budget: str | float = "3m",
    training_budget: str | float | None = None,
    objective: str = "time",
    stages: Sequence[str] = STAGES,
    optimizers: str | Sequence[str] = (),
    batch_sizes: str | Sequence[int | str] = (),
    goal: str = "",
    memory_limit: str | int | None = None,
    margin: float = 0.05,
    max_batch_size: int | None = None,
    threads: int | None = None,
    device: str | None = None,
    seed: int = 0,
    batch_size: int | None = None,
    multiple_of: int = 1,
    inference: bool = False,
    one_off: bool = False,
    learning_rate: str = "search",
    workers: int = 1,
) -> Settings:
    """Settings from what a user types.

    Args:
        budget: Wall-clock time for the whole study, such as "3m" or seconds.
        training_budget: Time in training steps of the learning stage; None for no limit.
        objective: "time", "examples" or "steps".
        stages: Stages to run.
        optimizers: Optimizers to compare, or their names in one text as on the command line, such
            as "sgd,adam"; none for the workload's own.
        batch_sizes: The only batch sizes to consider, likewise; "full" is the training set.
        goal: A goal that replaces the workload's.
        memory_limit: Memory a trial may use, such as "4GiB" or bytes.
        margin: Share of the memory limit to keep free.
        max_batch_size: Largest batch size to consider.
        threads: Compute threads per trial.
        device: "cpu", "cuda" ...
        seed: Seed of the study.
        batch_size: Batch size to keep by accumulating micro-batches.
        multiple_of: What micro-batch sizes of the memory stage are multiples of.
        inference: Whether the memory stage makes forward passes alone.
        one_off: Whether one trained model is wanted: learning ends when a run reaches the goal.
        learning_rate: "search" for the best of each batch size; "rule" for the one that the
            optimizer's scaling rule makes of the workload's own.
        workers: Training runs to have under way at the same time, memory permitting.

    Raises:
        UsageError: One of them cannot be used; the message says which and why.
    """
    if objective not in ("time", "examples", "steps"):
        raise UsageError(f"The objective {objective!r} is none of time, examples and steps.")
    if learning_rate not in ("search", "rule"):
        raise UsageError(f"The learning rate {learning_rate!r} is neither search nor rule.")
    if unknown := [stage for stage in stages if stage not in STAGES]:
        raise UsageError(f"There is no stage {unknown[0]!r}; the stages are {', '.join(STAGES)}.")
    check_margin(margin)
    for name, value in (
        ("threads", threads), ("max_batch_size", max_batch_size), ("batch_size", batch_size),
        ("multiple_of", multiple_of), ("workers", workers),
    ):  # fmt: skip
        if value is not None and value < 1:
            raise UsageError(f"{name} is {value}; it must be at least 1.")
    if not 0 <= seed <= _LARGEST_SEED:
        raise UsageError(f"seed is {seed}; it must be from 0 to {_LARGEST_SEED}.")
    if workers > 1 and learning_rate == "rule":
        raise UsageError(
            "A race of batch sizes has one run under way at a time; leave out workers, or let "
            "learning rates be searched."
        )
    if max_batch_size is not None and multiple_of > max_batch_size:
        raise UsageError(
            f"No multiple of {multiple_of} is at most {max_batch_size}; raise max_batch_size."
        )
    if goal:
        parse_goal(goal)
    try:
        return Settings(
            budget_seconds=parse_duration(budget),
            training_budget_seconds=(
                None if training_budget is None else parse_duration(training_budget)
            ),
            objective=objective,  # type: ignore[arg-type]
            stages=tuple(stage for stage in STAGES if stage in stages),
            optimizers=tuple(dict.fromkeys(listed(optimizers))),
            batch_sizes=tuple(_batch_size(size) for size in listed(batch_sizes)),
            goal=goal,
            memory_limit_bytes=None if memory_limit is None else parse_bytes(memory_limit),
            margin=margin,
            max_batch_size=max_batch_size,
            threads=threads,
            device=device,
            seed=seed,
            batch_size=batch_size,
            multiple_of=multiple_of,
            inference=inference,
            one_off=one_off,
            learning_rate=learning_rate,  # type: ignore[arg-type]
            workers=workers,
        )
    except ValueError as error:
        raise UsageError(str(error)) from None


def check_margin(margin: float) -> None:
    """Refuse a margin that is no share.

    Raises:
        UsageError: It is below 0, or 1 and more.
    """
    if not 0 <= margin < 1:
        raise UsageError(f"The margin {margin} is no share; it must be from 0 to below 1.")


def listed(given: str | Sequence[_Item]) -> tuple[str | _Item, ...]:
    """What was given one by one; a text is taken apart at its commas."""
    if isinstance(given, str):
        return tuple(part.strip() for part in given.split(",") if part.strip())
    return tuple(given)


def _batch_size(size: int | str) -> int:
    if isinstance(size, str) and size.strip() == "full":
        return 0
    try:
        number = int(size)
    except ValueError:
        number = 0
    if number < 1:
        raise UsageError(f"{size!r} is no batch size; write numbers from 1, or full.")
    return number


def run(
    workload: str | Callable[[], Any],
    settings: Settings,
    store: Store,
    *,
    resume: bool = False,
    observer: Observer | None = None,
) -> Recording:
    """Run a study to its end, or resume one.

    Args:
        workload: A built-in name, "file.py:factory", "module:factory", or the factory.
        settings: What to measure.
        store: Where the study is kept.
        resume: Go on with the newest study of the same workload and settings, or return it as it
            is where it is finished; where there is none, begin one.
        observer: Told what happens.

    Returns:
        The study with all its trials.

    Raises:
        UsageError: The workload, the goal or a setting cannot be used.
        WorkloadFailed: The user's code raised.
        StoreError: The store cannot be used.
    """
    if os.environ.get(INSIDE_A_TRIAL):
        raise UsageError(
            "tune was called while a trial loads the workload's file; put the call under "
            "`if __name__ == '__main__':`."
        )
    where = reference(workload)
    study = newest_study(store, where, settings) if resume else None
    if study is None:
        study = store.create_study(Study("", where, settings, time.time(), __version__))
    elif study.finished:
        return store.recording(study.name)
    job = Job(
        where,
        DescribeProbe(),
        device=settings.device,
        threads=settings.threads,
        goal=settings.goal,
        memory_limit_bytes=settings.memory_limit_bytes,
    )
    runner = local_runner(job, study.hardware)
    try:
        return carry_on(store, study, runner, observer or Silent())
    finally:
        runner.close()


def newest_study(store: Store, where: WorkloadReference, settings: Settings) -> Study | None:
    """The newest study of a workload with the same settings; None where there is none."""
    same = [
        study
        for study in store.studies()
        if study.settings == settings
        and (study.workload.file, study.workload.module, study.workload.factory)
        == (where.file, where.module, where.factory)
    ]
    return same[-1] if same else None


def tune(
    workload: str | Callable[[], Any],
    *,
    store: str | Path | None = None,
    resume: bool = False,
    observer: Observer | None = None,
    **settings: Any,  # noqa: ANN401 - the keywords of make_settings
) -> Advice:
    """Measure a workload and recommend a batch size with its evidence.

    Example:
        >>> advice = rightbatch.tune(workload, budget="3m")
        >>> advice.batch_size, advice.learning_rate

    Args:
        workload: The function that makes the workload, "file.py:factory", or a built-in name.
        store: File or database URL that keeps the study; None for `store_address`.
        resume: Go on where the same call stopped.
        observer: Told what happens.
        **settings: As `make_settings` takes them: budget, objective, optimizers, goal ...

    Returns:
        The advice; a notebook shows it as a table.

    Raises:
        UsageError: The workload, the goal or a setting cannot be used.
        WorkloadFailed: The user's code raised.
        StoreError: The store cannot be used.
    """
    with open_store(store_address(store)) as opened:
        return advise(
            run(workload, make_settings(**settings), opened, resume=resume, observer=observer)
        )


def readvise(
    study: str,
    *,
    store: str | Path | None = None,
    objective: Objective | None = None,
    memory_limit: str | int | None = None,
) -> tuple[Recording, Advice]:
    """Recommend again from what is stored, measuring nothing.

    Args:
        study: Name of the study.
        store: File or database URL that keeps it.
        objective: Another objective.
        memory_limit: Another memory limit, such as "4GiB".

    Raises:
        StudyNotFound: There is no such study.
        UsageError: The study has nothing to recommend from.
    """
    limit = make_settings(
        memory_limit=memory_limit, objective=objective or "time"
    ).memory_limit_bytes
    with open_store(store_address(store)) as opened:
        recording = opened.recording(study)
    return recording, advise(recording, objective, limit)
