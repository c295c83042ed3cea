"""The verdict of a study in words: what is recommended, and how it compares with today."""

import math

from rightbatch.records import Advice, Choice, Estimate, Study
from rightbatch.report import words
from rightbatch.report.sentences.phrases import LIMITED_BY

Rows = tuple[tuple[str, str], ...]
"""(what, value) pairs."""

_KEYWORDS = ("batch_size", "micro_batch_size", "accumulation_steps", "learning_rate")


def make_verdict(study: Study, advice: Advice) -> Rows:
    """What is recommended, in rows of a name and its words."""
    best = advice.recommended
    if best is None:
        return (*_without_choice(advice), ("Limited by", LIMITED_BY[advice.binding_constraint]))
    rows = []
    if best.seconds_to_goal is not None:
        rows.append(("Time to goal", _time_against(advice, best, best.seconds_to_goal)))
    if best.joules_to_goal is not None:
        energy = words.estimate(best.joules_to_goal)
        rows.append(("Energy to goal", energy + _energy_against(advice, best, best.joules_to_goal)))
    if best.cost_to_goal is not None:
        price = f"at {advice.price_per_hour:,g} an hour"
        rows.append(("Cost to goal", f"{words.bare(best.cost_to_goal)} {price}"))
    if best.epochs_to_goal is not None:
        steps = words.steps(best.steps_per_epoch)
        rows.append(("Epochs to goal", f"{words.bare(best.epochs_to_goal)} of {steps} each"))
    if advice.near_optimal:
        rows.append(("Near-optimal", _near_optimal(advice.near_optimal)))
    rows.append(("Limited by", LIMITED_BY[advice.binding_constraint]))
    names = () if study.facts is None else study.facts.names
    return (*rows, ("Settings", _settings(names, best)))


def _without_choice(advice: Advice) -> Rows:
    """What is known all the same where nothing can be recommended."""
    fits, rows = advice.fits, []
    if fits.memory is not None and fits.memory.largest_batch_size is not None:
        rows.append(("Largest that ran", words.count(fits.memory.largest_batch_size)))
    if fits.speed is not None:
        rows.append(("Throughput knee", words.batch_size(fits.speed.knee_batch_size)))
    if fits.noise is not None and fits.noise.noise_scale is not None:
        rows.append(("Noise scale", words.estimate(fits.noise.noise_scale)))
    return tuple(rows)


def _near_optimal(sizes: tuple[int, ...]) -> str:
    if len(sizes) == 1:
        return f"only {words.sizes(sizes)} is within 10% of the best"
    return f"{words.sizes(sizes)} are within 10% of the best"


def _settings(names: tuple[tuple[str, str], ...], best: Choice) -> str:
    """The settings to paste, as the user's library calls them, else as Python keywords."""
    settings = {
        "batch_size": str(best.batch_size),
        "micro_batch_size": str(best.micro_batch_size),
        "accumulation_steps": str(best.accumulation_steps),
        "learning_rate": words.learning_rate(best.learning_rate),
    }
    if not names:
        left_out = {"learning_rate"} if math.isnan(best.learning_rate) else set()
        if best.accumulation_steps == 1:
            left_out |= {"micro_batch_size", "accumulation_steps"}
        names = tuple((name, name) for name in _KEYWORDS if name not in left_out)
    return ", ".join(f"{name}={settings[field]}" for name, field in names if field in settings)


def steps_per_epoch(study: Study, best: Choice) -> str:
    """Steps of an epoch at a choice, and what they are made from."""
    steps = words.count(best.steps_per_epoch)
    if study.facts is None:
        return steps
    examples = words.count(study.facts.train_examples)
    return f"{steps} ({examples} examples / {words.count(best.batch_size)})"


def _time_against(advice: Advice, best: Choice, seconds: Estimate) -> str:
    ratio = _against_reference(advice, best, seconds)
    return f"{words.estimate(seconds)}, {ratio}" if ratio else words.estimate(seconds)


def _against_reference(advice: Advice, best: Choice, seconds: Estimate) -> str:
    yours = advice.reference
    if yours is None or yours.seconds_to_goal is None:
        return ""
    if same_settings(yours, best):
        return "the settings you use today"
    return words.against(
        seconds.value, yours.seconds_to_goal.value, yours.batch_size, advice.times_as_fast
    )


def same_settings(one: Choice, other: Choice) -> bool:
    """Whether two choices are the same settings."""
    rates = one.learning_rate, other.learning_rate
    same_rate = rates[0] == rates[1] or all(map(math.isnan, rates))
    return same_rate and (one.optimizer, one.batch_size) == (other.optimizer, other.batch_size)


def _energy_against(advice: Advice, best: Choice, joules: Estimate) -> str:
    yours = advice.reference
    if yours is None or yours.joules_to_goal is None or same_settings(yours, best):
        return ""
    ratio = joules.value / yours.joules_to_goal.value
    present = f"your {words.count(yours.batch_size)}"
    if words.about_same(ratio):
        return f", about the same as {present}"
    energy = words.energy(yours.joules_to_goal.value)
    return f", {words.multiple(ratio)} that of {present} ({energy})"


def make_tiles(advice: Advice) -> tuple[tuple[str, str, str], ...]:
    """The figures that a report begins with: name, value and a remark."""
    best = advice.recommended
    if best is None:
        return ()
    micro = f"{words.count(best.micro_batch_size)} × {best.accumulation_steps}"
    tiles = [
        ("Batch size", words.count(best.batch_size), f"micro-batch {micro}"),
    ]
    if not math.isnan(best.learning_rate):
        rate = words.learning_rate(best.learning_rate)
        tiles.append(("Learning rate", rate, f"with {best.optimizer}"))
    if best.seconds_to_goal is not None:
        remark = _against_reference(advice, best, best.seconds_to_goal)
        tiles.append(("Time to goal", words.duration(best.seconds_to_goal.value), remark))
    if advice.near_optimal:
        near = words.sizes(advice.near_optimal)
        tiles.append(("Near-optimal", near, "batch sizes within 10% of the best"))
    return tuple(tiles)
