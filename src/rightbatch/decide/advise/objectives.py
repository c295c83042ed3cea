"""What is minimised: whether it can be told, and what is to be said of it."""

from collections.abc import Sequence

from rightbatch.decide.stages.speed.fit import measured_power
from rightbatch.errors import UsageError
from rightbatch.records import BatchPrediction, Fits, Objective, SpeedFit

NO_PRICE = (
    "The objective cost needs what an hour costs; add --price-per-hour, such as "
    "--price-per-hour 2.50."
)


def check_objective(
    objective: Objective, price_per_hour: float | None, fits: Fits, study: str
) -> None:
    """Refuse an objective that nothing tells the cost of a step for.

    Raises:
        UsageError: Cost without a price, or energy where no power was measured.
    """
    if objective == "cost" and price_per_hour is None:
        raise UsageError(NO_PRICE)
    if objective == "energy" and not any(map(measured_power, fits.speeds)):
        raise UsageError(
            f"Study {study} holds no measurement of power, so that energy cannot be told; choose "
            "another objective, or a device of which `rightbatch doctor` says that power is "
            "measured."
        )


def objective_reasons(
    objective: Objective,
    price_per_hour: float | None,
    speed: SpeedFit | None,
    rows: Sequence[BatchPrediction],
    chosen: BatchPrediction | None,
) -> tuple[str, ...]:
    """The numbers behind a choice by energy or by cost, one sentence each; none for the others.

    Args:
        objective: What is minimised.
        price_per_hour: What an hour costs, in the user's currency; None where it is not known.
        speed: Step times of the recommended optimizer.
        rows: What is known of its batch sizes.
        chosen: The best guess among them.
    """
    if objective == "cost":
        return (
            f"At {price_per_hour:,g} an hour cost goes as time: the order of batch sizes is the "
            "same.",
        )
    if objective != "energy" or speed is None:
        return ()
    watts = measured_power(speed)
    if not watts:
        return ()
    told = [_power(watts)]
    if chosen is not None and (sentence := _fastest(rows, chosen)):
        told.append(sentence)
    return tuple(told)


def without_power(objective: Objective, speeds: Sequence[SpeedFit]) -> tuple[str, ...]:
    """What could not be compared by energy, in a sentence; none for other objectives."""
    names = [speed.optimizer for speed in speeds if not measured_power(speed)]
    if objective != "energy" or not names:
        return ()
    if len(names) == len(speeds):
        return ("No power was measured, so that energy cannot be told; choose another objective.",)
    return (f"Power was not measured with {' and '.join(names)}, which is not compared.",)


def _power(watts: dict[int, float]) -> str:
    first, last = min(watts), max(watts)
    if first == last:
        return f"The device draws {watts[first]:.3g} W at batch size {first:,}."
    return (
        f"The device draws {watts[first]:.3g} W at batch size {first:,} and {watts[last]:.3g} W at "
        f"{last:,}, measured over training steps."
    )


def _fastest(rows: Sequence[BatchPrediction], chosen: BatchPrediction) -> str:
    """What the fastest batch size takes next to the one of the least energy; empty if the same."""
    arrived = [row for row in rows if row.runs_reached]
    fastest = min(arrived, key=lambda row: row.seconds.value, default=chosen)
    if fastest.batch_size == chosen.batch_size or chosen.joules is None or fastest.joules is None:
        return ""
    sooner = 1 - fastest.seconds.value / chosen.seconds.value
    more = fastest.joules.value / chosen.joules.value - 1
    return (
        f"Batch size {fastest.batch_size:,} is predicted to reach the goal in {sooner:.0%} less "
        f"time, for {more:.0%} more energy."
    )
