"""What a user can ask of rightbatch from Python: a study, and advice from what is stored."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from rightbatch import __version__
from rightbatch.api.loop import Observer, Silent, carry_on
from rightbatch.api.references import reference
from rightbatch.api.runner import local_runner
from rightbatch.api.settings import check_objective, make_settings
from rightbatch.decide.advise.recommend import advise
from rightbatch.decide.planners.ending import how_it_ended
from rightbatch.errors import UsageError
from rightbatch.measure.ports import Job
from rightbatch.measure.runners import INSIDE_A_TRIAL
from rightbatch.records import (
    DescribeProbe,
    Objective,
    Recording,
    Settings,
    Study,
    WorkloadReference,
)
from rightbatch.report.notebook import Recommendation
from rightbatch.store import Store, open_store

DEFAULT_STORE = "rightbatch.db"


def store_address(store: str | Path | None = None) -> str | Path:
    """The store to use: the one named, else $RIGHTBATCH_STORE, else rightbatch.db here."""
    return store or os.environ.get("RIGHTBATCH_STORE") or DEFAULT_STORE


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
    if resume and where.pickled is not None:
        raise UsageError(
            f"Only a function at the top of a file is known again to resume; {where.title} is of a "
            "notebook, a prompt or another function."
        )
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
    """The newest study made here of a workload with the same settings; None where there is none."""
    same = [
        study
        for study in store.studies()
        if study.settings == settings
        and not study.workload.imported
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
) -> Recommendation:
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
        The recommendation; a notebook shows it as a table, `print` as text.

    Raises:
        UsageError: The workload, the goal or a setting cannot be used.
        WorkloadFailed: The user's code raised.
        StoreError: The store cannot be used.
    """
    with open_store(store_address(store)) as opened:
        return advised(
            run(workload, make_settings(**settings), opened, resume=resume, observer=observer)
        )


def advised(
    recording: Recording,
    objective: Objective | None = None,
    memory_limit_bytes: int | None = None,
    price_per_hour: float | None = None,
) -> Recommendation:
    """The advice of a recording (see `advise`), with why its study ended."""
    advice = advise(recording, objective, memory_limit_bytes, price_per_hour)
    return Recommendation.of(recording, replace(advice, ended=how_it_ended(recording)))


def readvise(
    study: str,
    *,
    store: str | Path | None = None,
    objective: Objective | None = None,
    memory_limit: str | int | None = None,
    price_per_hour: float | None = None,
) -> tuple[Recording, Recommendation]:
    """Recommend again from what is stored, measuring nothing.

    Args:
        study: Name of the study.
        store: File or database URL that keeps it.
        objective: Another objective.
        memory_limit: Another memory limit, such as "4GiB".
        price_per_hour: What an hour of training costs, where the study was told another price, or
            none.

    Raises:
        StudyNotFound: There is no such study.
        StoreError: There is no such store.
        UsageError: The study has nothing to recommend from, or does not tell what the objective
            asks for.
    """
    if objective is not None:
        check_objective(objective)
    asked = make_settings(memory_limit=memory_limit, price_per_hour=price_per_hour)
    with open_store(store_address(store), create=False) as opened:
        recording = opened.recording(study)
    return recording, advised(recording, objective, asked.memory_limit_bytes, asked.price_per_hour)
