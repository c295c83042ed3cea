"""Settings of a study from what a user types."""

import math
import warnings
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import TypeVar, get_args

from rightbatch.decide.advise.objectives import check_price
from rightbatch.errors import UsageError
from rightbatch.records import (
    STAGES,
    LearningRates,
    Objective,
    Settings,
    parse_bytes,
    parse_duration,
    parse_goal,
    whole_number,
)

_LARGEST_SEED = 2**31 - 1
"""Seeds of runs count up from the study's, and NumPy takes none from 2**32 on."""

_Item = TypeVar("_Item")


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
    learning_rates: str = "search",
    workers: int = 1,
    price_per_hour: float | None = None,
    learning_rate: str | None = None,
) -> Settings:
    """Settings from what a user types.

    Args:
        budget: Wall-clock time for the whole study, such as "3m" or seconds.
        training_budget: Time in training steps of the learning stage; None for no limit.
        objective: "time", "examples", "steps", "energy", where power can be measured, or "cost".
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
        learning_rates: "search" for the best of each batch size; "rule" for the one that the
            optimizer's scaling rule makes of the workload's own.
        workers: Training runs to have under way at the same time, memory permitting.
        price_per_hour: What an hour of training costs, in your currency.
        learning_rate: The name of `learning_rates` in earlier versions.

    Raises:
        UsageError: One of them cannot be used; the message says which and why.
    """
    check_objective(objective)
    check_price(objective, price_per_hour)
    price_per_hour = None if price_per_hour is None else _price(price_per_hour)
    if objective == "energy" and "speed" not in stages:
        raise UsageError("Power is measured in the speed stage; leave that in to minimise energy.")
    if learning_rate is not None:
        warnings.warn("learning_rate is now called learning_rates.", FutureWarning, 2)
        learning_rates = learning_rate
    if learning_rates not in get_args(LearningRates):
        raise UsageError(
            "`learning_rates` must be 'search' or 'rule'; your own rate belongs in the Workload."
        )
    if unknown := [stage for stage in stages if stage not in STAGES]:
        raise UsageError(f"There is no stage {unknown[0]!r}; the stages are {', '.join(STAGES)}.")
    margin = as_margin(margin)
    threads = as_count_or_none("threads", threads)
    max_batch_size = as_count_or_none("max_batch_size", max_batch_size)
    batch_size = as_count_or_none("batch_size", batch_size)
    multiple_of = whole_number("multiple_of", multiple_of, least=1)
    workers = whole_number("workers", workers, least=1)
    seed = whole_number("seed", seed)
    if not 0 <= seed <= _LARGEST_SEED:
        raise UsageError(f"seed is {seed}; it must be from 0 to {_LARGEST_SEED}.")
    if max_batch_size is not None and multiple_of > max_batch_size:
        raise UsageError(
            f"No multiple of {multiple_of} is at most {max_batch_size}; raise max_batch_size."
        )
    if inference and batch_size is not None:
        raise UsageError(
            "Forward passes alone accumulate nothing, so that batch_size would do nothing with "
            "inference; leave one of them out."
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
            learning_rates=learning_rates,  # type: ignore[arg-type]
            workers=workers,
            price_per_hour=price_per_hour,
        )
    except ValueError as error:
        raise UsageError(str(error)) from None


def check_objective(objective: str) -> None:
    """Refuse an objective that there is not.

    Raises:
        UsageError: It is none of those that there are.
    """
    if objective not in get_args(Objective):
        *most, last = get_args(Objective)
        raise UsageError(f"The objective {objective!r} is none of {', '.join(most)} and {last}.")


def _price(price_per_hour: float) -> float:
    if not _is_number(price_per_hour):
        raise UsageError(f"The price per hour is {price_per_hour!r}; it must be a number.")
    if not (price_per_hour > 0 and math.isfinite(price_per_hour)):
        raise UsageError(f"The price per hour is {price_per_hour}; it must be a number above 0.")
    return float(price_per_hour)


def as_margin(margin: float) -> float:
    """A margin as Python's own float, whichever library's number it is.

    Raises:
        UsageError: It is no number, below 0, or 1 and more.
    """
    if not _is_number(margin):
        raise UsageError(f"The margin is {margin!r}; it must be a number.")
    if not 0 <= margin < 1:
        raise UsageError(f"The margin {margin} is no share; it must be from 0 to below 1.")
    return float(margin)


def as_count_or_none(name: str, value: int | None) -> int | None:
    """A whole number from 1, or None for what is not told.

    Raises:
        UsageError: It is neither; the message names it.
    """
    return None if value is None else whole_number(name, value, least=1)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def listed(given: str | Sequence[_Item]) -> tuple[str | _Item, ...]:
    """What was given one by one; a text is taken apart at its commas.

    Raises:
        UsageError: It is neither text nor a sequence.
    """
    if isinstance(given, str):
        return tuple(part.strip() for part in given.split(",") if part.strip())
    if not isinstance(given, Iterable):
        raise UsageError(f"{given!r} is no list; write names or numbers, such as 'sgd,adam'.")
    return tuple(given)


def _batch_size(size: int | str) -> int:
    if isinstance(size, str) and size.strip() == "full":
        return 0
    try:
        number = int(size) if isinstance(size, str | Integral) else 0
    except ValueError:
        number = 0
    if number < 1:
        raise UsageError(f"{size!r} is no batch size; write numbers from 1, or full.")
    return number
