"""The verdict of a study in words: what is recommended, and how it compares with today."""

import math

from rightbatch.records import WHAT_BINDS, Advice, Choice, Estimate, Study
from rightbatch.report import words


def make_verdict(study: Study, advice: Advice) -> tuple[tuple[str, str], ...]:
    """What is recommended, in rows of a name and its words."""
    best = advice.recommended
    if best is None:
        return _verdict_without_choice(advice)
    rows = [
        ("Batch size", _micro(best)),
    ]
    if not math.isnan(best.learning_rate):
        rate = words.learning_rate(best.learning_rate)
        rows.append(("Learning rate", f"{rate} with {best.optimizer}"))
    if study.facts is not None and study.facts.names:
        rows.append(("To set", _in_the_users_names(study.facts.names, best)))
    rows.append(("An epoch", epoch_told(study, best)))
    if best.seconds_to_goal is not None:
        rows.append(("Time to goal", _time_against(advice, best, best.seconds_to_goal)))
    if best.joules_to_goal is not None:
        told = words.estimate(best.joules_to_goal) + _energy_against(
            advice, best, best.joules_to_goal
        )
        rows.append(("Energy to goal", told))
    if best.cost_to_goal is not None:
        price = f"at {advice.price_per_hour:,g} an hour"
        rows.append(("Cost to goal", f"{words.bare(best.cost_to_goal)} {price}"))
    if best.epochs_to_goal is not None:
        told = words.bare(best.epochs_to_goal)
        if best.steps_to_goal is not None:
            told += f", {words.number(best.steps_to_goal.value)} steps in all"
        rows.append(("Epochs to goal", told))
    if advice.near_optimal:
        rows.append(("As good", f"{words.sizes(advice.near_optimal)} (within 10% of the best)"))
    return (*rows, ("What binds", WHAT_BINDS[advice.binding_constraint]))


def _verdict_without_choice(advice: Advice) -> tuple[tuple[str, str], ...]:
    """What is known all the same where nothing can be recommended."""
    fits, rows = advice.fits, []
    if fits.memory is not None and fits.memory.largest_batch_size is not None:
        rows.append(("Largest that ran", words.count(fits.memory.largest_batch_size)))
    if fits.speed is not None:
        rows.append(("Throughput knee", words.batch_size(fits.speed.knee_batch_size)))
    if fits.noise is not None and fits.noise.noise_scale is not None:
        rows.append(("Noise scale", words.estimate(fits.noise.noise_scale)))
    return (*rows, ("What binds", WHAT_BINDS[advice.binding_constraint]))


def _micro(best: Choice) -> str:
    micro = words.micro_batches(best.micro_batch_size, best.accumulation_steps)
    return f"{words.count(best.batch_size)} = micro-batch {micro}"


def _in_the_users_names(names: tuple[tuple[str, str], ...], best: Choice) -> str:
    """The settings as the user's library calls them, to be pasted."""
    settings = {
        "micro_batch_size": str(best.micro_batch_size),
        "accumulation_steps": str(best.accumulation_steps),
        "learning_rate": f"{best.learning_rate:.3g}",
    }
    return ", ".join(f"{name}={settings[field]}" for name, field in names if field in settings)


def epoch_told(study: Study, best: Choice) -> str:
    """What an epoch comes to at a choice."""
    if study.facts is None:
        return f"{words.count(best.steps_per_epoch)} steps"
    return words.epoch(study.facts.train_examples, best.batch_size, best.steps_per_epoch)


def _time_against(advice: Advice, best: Choice, seconds: Estimate) -> str:
    ratio = _against_reference(advice, best, seconds)
    return f"{words.estimate(seconds)}, {ratio}" if ratio else words.estimate(seconds)


def _against_reference(advice: Advice, best: Choice, seconds: Estimate) -> str:
    yours = advice.reference
    if yours is None or yours.seconds_to_goal is None:
        return ""
    if _same(yours, best):
        return "with the settings you use today"
    ratio = words.against(
        seconds.value, yours.seconds_to_goal.value, yours.batch_size, advice.times_as_fast
    )
    return f"{ratio} ({words.duration(yours.seconds_to_goal.value)})"


def _same(one: Choice, other: Choice) -> bool:
    rates = one.learning_rate, other.learning_rate
    same_rate = rates[0] == rates[1] or all(map(math.isnan, rates))
    return same_rate and (one.optimizer, one.batch_size) == (other.optimizer, other.batch_size)


def _energy_against(advice: Advice, best: Choice, joules: Estimate) -> str:
    yours = advice.reference
    if yours is None or yours.joules_to_goal is None or _same(yours, best):
        return ""
    ratio = joules.value / yours.joules_to_goal.value
    if 1 / 1.05 < ratio < 1.05:
        return f", about the same as your {words.count(yours.batch_size)}"
    more = f"{words.share(abs(ratio - 1))} {'less' if ratio < 1 else 'more'}"
    present = words.energy(yours.joules_to_goal.value)
    return f", {more} than your {words.count(yours.batch_size)} ({present})"


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
        tiles.append(("As good", near, "batch sizes within 10% of the best"))
    return tuple(tiles)
