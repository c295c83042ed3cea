"""Settings of a study from user input."""

import math
import warnings
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import TypeVar, get_args

from rightbatch.decide.advise.objectives import check_price
from rightbatch.errors import RenamedWarning, UsageError
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

_MOST_WORKERS = 1024
_LEAST_BYTES = 2**20

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
    """Settings of a study from user input.

    Args:
        budget: Wall-clock time for the whole study, such as "3m" or seconds.
        training_budget: Limit on training time in the learning stage; None for no limit.
        objective: "time", "examples", "steps", "energy" (where power can be measured) or "cost".
        stages: Stages to run.
        optimizers: Optimizers to compare, as a sequence or as text such as "sgd,adam"; none for the
            workload's own.
        batch_sizes: The only batch sizes to consider, likewise; "full" is the training set.
        goal: A goal that replaces the workload's.
        memory_limit: Memory a trial may use, such as "4GiB" or bytes.
        margin: Safety margin: share of the memory limit to keep free.
        max_batch_size: Largest batch size to consider.
        threads: Compute threads per trial.
        device: "cpu", "cuda" ...
        seed: Seed of the study.
        batch_size: Batch size to keep by gradient accumulation.
        multiple_of: Divisor of the micro-batch sizes in the memory stage.
        inference: Whether the memory stage runs forward passes alone.
        one_off: Whether to stop at the first run that reaches the goal, for one trained model.
        learning_rates: "search" for the best at each batch size; "rule" to scale the workload's own
            by the optimizer's scaling rule.
        workers: Training runs to run at the same time, memory permitting.
        price_per_hour: Price of an hour of training, in your currency.
        learning_rate: The name of `learning_rates` in earlier versions.

    Raises:
        UsageError: A setting cannot be used; the message says which and why.
    """
    check_objective(objective)
    check_price(objective, price_per_hour)
    if objective == "energy" and "speed" not in stages:
        raise UsageError("The objective energy needs the speed stage; add it to `stages`.")
    if learning_rate is not None:
        warnings.warn("learning_rate is now called learning_rates.", RenamedWarning, 2)
        learning_rates = learning_rate
    if learning_rates not in get_args(LearningRates):
        raise UsageError(
            f"`learning_rates` is {learning_rates!r}; it must be 'search' or 'rule'. Your own rate "
            "belongs in the Workload."
        )
    if unknown := [stage for stage in stages if stage not in STAGES]:
        raise UsageError(f"There is no stage {unknown[0]!r}; use {', '.join(STAGES)}.")
    max_batch_size = as_count_or_none("max_batch_size", max_batch_size)
    multiple_of = whole_number("`multiple_of`", multiple_of, least=1)
    seed = whole_number("`seed`", seed)
    if not 0 <= seed <= _LARGEST_SEED:
        raise UsageError(f"`seed` is {seed}; it must be from 0 to {_LARGEST_SEED}.")
    if max_batch_size is not None and multiple_of > max_batch_size:
        raise UsageError(
            f"No multiple of {multiple_of} is at most {max_batch_size}; raise `max_batch_size`."
        )
    if inference and batch_size is not None:
        raise UsageError(
            "`batch_size` sets gradient accumulation, which `inference` has none of; leave one of "
            "them out."
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
            memory_limit_bytes=None if memory_limit is None else as_memory(memory_limit),
            margin=as_margin(margin),
            max_batch_size=max_batch_size,
            threads=as_count_or_none("threads", threads),
            device=device,
            seed=seed,
            batch_size=as_count_or_none("batch_size", batch_size),
            multiple_of=multiple_of,
            inference=inference,
            one_off=one_off,
            learning_rates=learning_rates,  # type: ignore[arg-type]
            workers=whole_number("`workers`", workers, least=1, most=_MOST_WORKERS),
            price_per_hour=None if price_per_hour is None else _price(price_per_hour),
        )
    except ValueError as error:
        raise UsageError(str(error)) from None


def check_objective(objective: str) -> None:
    """Refuse an unknown objective.

    Raises:
        UsageError: There is no such objective.
    """
    known = get_args(Objective)
    if objective not in known:
        raise UsageError(f"There is no objective {objective!r}; use {', '.join(known)}.")


def _price(price: float) -> float:
    """A price as Python's own float, whichever library's number it is."""
    if not (_is_number(price) and price > 0 and math.isfinite(price)):
        raise UsageError(f"`price_per_hour` is {price!r}; it must be a number above 0.")
    return float(price)


def as_margin(margin: float) -> float:
    """A margin as Python's own float, whichever library's number it is.

    Raises:
        UsageError: It is not a number from 0 to below 1.
    """
    if not (_is_number(margin) and 0 <= margin < 1):
        raise UsageError(f"`margin` is {margin!r}; it must be a number from 0 to below 1.")
    return float(margin)


def as_memory(given: str | float) -> int:
    """A memory size in bytes, such as "4GiB".

    Raises:
        ValueError: It is none, or so small that another unit is meant.
    """
    size = parse_bytes(given)
    if size < _LEAST_BYTES:
        raise ValueError(f"{given} is {size:,} bytes, in which nothing runs; write 4GiB or 512MiB.")
    return size


def as_count_or_none(name: str, value: int | None) -> int | None:
    """A whole number from 1, or None.

    Raises:
        UsageError: It is neither; the message names it.
    """
    return None if value is None else whole_number(f"`{name}`", value, least=1)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def listed(given: str | Sequence[_Item]) -> tuple[str | _Item, ...]:
    """The items of a sequence, or of text that separates them with commas.

    Raises:
        UsageError: It is neither text nor a sequence.
    """
    if isinstance(given, str):
        return tuple(part.strip() for part in given.split(",") if part.strip())
    if not isinstance(given, Iterable):
        raise UsageError(f"{given!r} is not a list; write names or numbers, such as 'sgd,adam'.")
    return tuple(given)


def _batch_size(size: int | str) -> int:
    """A batch size; 0 for "full", the training set."""
    if isinstance(size, str) and size.strip() == "full":
        return 0
    try:
        number = int(size) if isinstance(size, str | Integral) else 0
    except ValueError:
        number = 0
    if number < 1:
        raise UsageError(f"{size!r} is not a batch size; write whole numbers from 1, or full.")
    return whole_number("A batch size", number)
