"""What is minimised: whether it was measured, and what is to be said of it."""

from collections.abc import Sequence

from rightbatch.decide.stages.speed.fit import measured_power
from rightbatch.errors import UsageError
from rightbatch.records import BatchPrediction, Fits, Objective, Remark, SpeedFit


def check_price(objective: str, price_per_hour: float | None) -> None:
    """Refuse cost without a price.

    Raises:
        UsageError: There is none.
    """
    if objective == "cost" and price_per_hour is None:
        raise UsageError(
            "The objective cost needs the price of an hour; give `price_per_hour`, such as 2.50."
        )


def check_objective(
    objective: Objective, price_per_hour: float | None, fits: Fits, study: str
) -> None:
    """Refuse an objective for which the cost of a step is unknown.

    Raises:
        UsageError: Cost without a price, or energy where no power was measured.
    """
    check_price(objective, price_per_hour)
    if objective == "energy" and not any(map(measured_power, fits.speeds)):
        raise UsageError(
            f"Study {study} holds no measurement of power, so energy is unknown; choose another "
            "objective, or a device whose power `rightbatch doctor` reports as measured."
        )


def objective_reasons(
    objective: Objective,
    price_per_hour: float | None,
    speed: SpeedFit | None,
    rows: Sequence[BatchPrediction],
    chosen: BatchPrediction,
) -> tuple[Remark, ...]:
    """The numbers behind a choice by energy or by cost; none for other objectives.

    Args:
        objective: What is minimised.
        price_per_hour: Price of an hour, in the user's currency; None where it is not known.
        speed: Step times of the recommended optimizer.
        rows: What is known of its batch sizes.
        chosen: The best guess among them.
    """
    if objective == "cost":
        return (Remark.of("cost_follows_time", price_per_hour=price_per_hour),)
    watts = {} if objective != "energy" or speed is None else measured_power(speed)
    if not watts:
        return ()
    first, last = min(watts), max(watts)
    power = Remark.of(
        "power", first=first, first_watts=watts[first], last=last, last_watts=watts[last]
    )
    return (power, *_fastest(rows, chosen))


def without_power(objective: Objective, speeds: Sequence[SpeedFit]) -> tuple[Remark, ...]:
    """What could not be compared by energy; none for other objectives."""
    names = tuple(speed.optimizer for speed in speeds if not measured_power(speed))
    if objective != "energy" or not names:
        return ()
    if len(names) == len(speeds):
        return (Remark.of("energy_without_power"),)
    return (Remark.of("optimizers_without_power", optimizers=names),)


def _fastest(rows: Sequence[BatchPrediction], chosen: BatchPrediction) -> tuple[Remark, ...]:
    """What the fastest batch size takes next to the one of the least energy; none if the same."""
    arrived = [row for row in rows if row.runs_reached]
    fastest = min(arrived, key=lambda row: row.seconds.value, default=chosen)
    if fastest.batch_size == chosen.batch_size or chosen.joules is None or fastest.joules is None:
        return ()
    return (
        Remark.of(
            "fastest_takes_more_energy",
            batch_size=fastest.batch_size,
            less_time=1 - fastest.seconds.value / chosen.seconds.value,
            more_energy=fastest.joules.value / chosen.joules.value - 1,
        ),
    )
