"""The functions behind both the Python interface and the command line."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rightbatch.api.settings import check_objective, listed, make_settings
from rightbatch.api.study import Observer, run
from rightbatch.decide.planners.recommend import Recommend
from rightbatch.decide.stages.memory.fit import largest_on_all, safe_on_all, smallest
from rightbatch.records import Objective, Recording
from rightbatch.report.notebook import Recommendation
from rightbatch.store import open_store

DEFAULT_STORE = "rightbatch.db"


class Answer(NamedTuple):
    """A study and its advice.

    Attributes:
        recording: The study with its trials.
        advice: The advice that follows from them.
    """

    recording: Recording
    advice: Recommendation


@dataclass(frozen=True, slots=True)
class MemoryAnswer:
    """The largest micro-batch that fits on every device.

    Attributes:
        of_each: The study of each device, in the order given.
        least: Index of the device with the least room.
        largest_batch_size: Largest micro-batch that ran on all of them; None where none did.
        safe_batch_size: The same with the safety margin kept free.
    """

    of_each: tuple[Answer, ...]
    least: int
    largest_batch_size: int | None
    safe_batch_size: int | None


def store_address(store: str | Path | None = None) -> str | Path:
    """The store to use: the one given, else $RIGHTBATCH_STORE, else rightbatch.db."""
    return store or os.environ.get("RIGHTBATCH_STORE") or DEFAULT_STORE


def study(
    workload: str | Callable[[], Any],
    *,
    store: str | Path | None = None,
    resume: bool = False,
    observer: Observer | None = None,
    **settings: Any,  # noqa: ANN401 - the keywords of make_settings
) -> Answer:
    """Measure a workload; return the study with its advice. Arguments and errors as for `tune`."""
    planner = Recommend(make_settings(**settings))
    with open_store(store_address(store)) as opened:
        recording = run(workload, planner, opened, resume=resume, observer=observer)
    return Answer(recording, Recommendation.of(recording, planner.conclude(recording)))


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
        store: File or database URL of the store; None for `store_address`.
        resume: Continue where the same call stopped.
        observer: Follows the study.
        **settings: Arguments of `make_settings`: budget, objective, optimizers, goal ...

    Returns:
        The recommendation, shown as a table in a notebook and as text by `print`.

    Raises:
        UsageError: The workload, the goal or a setting cannot be used.
        WorkloadFailed: The user's code raised.
        StoreError: The store cannot be used.
    """
    return study(workload, store=store, resume=resume, observer=observer, **settings).advice


def memory(
    workload: str | Callable[[], Any],
    *,
    devices: str | Sequence[str] = (),
    budget: str | float = "5m",
    **more: Any,  # noqa: ANN401 - the keywords of tune
) -> MemoryAnswer:
    """Find the largest micro-batch that fits, on one device after the other.

    Example:
        >>> rightbatch.memory("train.py:workload", devices=("cuda:0", "cuda:1")).safe_batch_size

    Args:
        workload: As for `tune`.
        devices: Devices to search on, such as "cuda:0,cuda:1"; none for the best available.
        budget: Wall-clock time for each of them.
        **more: As for `tune`.

    Raises:
        UsageError: As for `tune`.
        WorkloadFailed: As for `tune`.
        StoreError: As for `tune`.
    """
    answers = tuple(
        study(workload, stages=("memory",), device=device, budget=budget, **more)
        for device in tuple(dict.fromkeys(listed(devices))) or (None,)
    )
    fits = [answer.advice.fits.memory for answer in answers]
    return MemoryAnswer(answers, smallest(fits), largest_on_all(fits), safe_on_all(fits))


def readvise(
    study: str,
    *,
    store: str | Path | None = None,
    objective: Objective | None = None,
    memory_limit: str | int | None = None,
    price_per_hour: float | None = None,
) -> Answer:
    """Recommend again from a stored study, without measuring.

    Args:
        study: Name of the study.
        store: File or database URL of the store.
        objective: Another objective.
        memory_limit: Another memory limit, such as "4GiB".
        price_per_hour: Another price of an hour of training.

    Raises:
        StudyNotFound: There is no such study.
        StoreError: There is no such store.
        UsageError: The study has no results to recommend from, or lacks what the objective needs.
    """
    if objective is not None:
        check_objective(objective)
    wanted = make_settings(memory_limit=memory_limit, price_per_hour=price_per_hour)
    with open_store(store_address(store), create=False) as opened:
        recording = opened.recording(study)
    planner = Recommend(
        recording.study.settings, objective, wanted.memory_limit_bytes, wanted.price_per_hour
    )
    return Answer(recording, Recommendation.of(recording, planner.conclude(recording)))
