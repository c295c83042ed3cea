"""The verdict of a study: the recommendation, what it gains, how sure it is, what may change it."""

import math
from collections.abc import Iterator

from rightbatch.records import Advice, BindingConstraint, Choice, EndingKind, Estimate, Study
from rightbatch.report import words
from rightbatch.report.sentences.phrases import LIMITED_BY
from rightbatch.report.table import Pairs

_KEYWORDS = ("batch_size", "micro_batch_size", "accumulation_steps", "learning_rate")
_QUANTITIES = {"time": "seconds", "energy": "joules"}
"""The field of a prediction for an objective, if it has another name."""
_OUT_OF_TIME: tuple[EndingKind, ...] = ("time", "late", "training_time", "stopped")
_CHANGED_BY: dict[BindingConstraint, str] = {
    "memory": "more memory",
    "data_set_size": "more training data",
    "sizes_considered": "larger batch sizes than considered",
    "throughput": "a device that is faster at large batches",
}
"""What lifts the constraint that limits the batch size."""


def make_verdict(study: Study, advice: Advice) -> Pairs:
    """The verdict as (name, value) pairs, the settings first."""
    best, limit = advice.recommended, ("Limited by", LIMITED_BY[advice.binding_constraint])
    if best is None:
        return (*_without_choice(advice), limit)
    rows = [("Settings", _settings(() if study.facts is None else study.facts.names, best))]
    if best.seconds_to_goal is not None:
        gain = _against_reference(advice, best, best.seconds_to_goal)
        time = words.estimate(best.seconds_to_goal)
        rows.append(("Time to goal", f"{time}, {gain}" if gain else time))
    if best.joules_to_goal is not None:
        energy = words.estimate(best.joules_to_goal)
        rows.append(("Energy to goal", energy + _energy_against(advice, best, best.joules_to_goal)))
    if best.cost_to_goal is not None:
        price = f"at {advice.price_per_hour:,g} an hour"
        rows.append(("Cost to goal", f"{words.bare(best.cost_to_goal)} {price}"))
    if best.epochs_to_goal is not None:
        steps = words.steps(best.steps_per_epoch)
        rows.append(("Epochs to goal", f"{words.bare(best.epochs_to_goal)}, {steps} each"))
    if advice.near_optimal:
        others = [size for size in advice.near_optimal if size != best.batch_size]
        are = "is" if len(others) == 1 else "are"
        near = f"{words.sizes(others)} {are} also" if others else "no other size is"
        rows.append(("Near-optimal", f"{near} within 10%"))
    changes = ", ".join(_changes(advice, best)) or "another goal, model or machine"
    return (*rows, limit, ("Could change it", changes))


def _without_choice(advice: Advice) -> Pairs:
    """What is known without a recommendation."""
    fits, rows = advice.fits, []
    if fits.memory is not None and fits.memory.largest_batch_size is not None:
        rows.append(("Largest that ran", words.count(fits.memory.largest_batch_size)))
    if fits.speed is not None:
        rows.append(("Throughput knee", words.batch_size(fits.speed.knee_batch_size)))
    if fits.noise is not None and fits.noise.noise_scale is not None:
        rows.append(("Noise scale", words.estimate(fits.noise.noise_scale)))
    return tuple(rows)


def _changes(advice: Advice, best: Choice) -> Iterator[str]:
    """What may change the recommendation: more runs, a lifted constraint, less noise."""
    out_of_time = advice.ended is not None and advice.ended.kind in _OUT_OF_TIME
    more = "a larger budget" if out_of_time or best.seconds_to_goal is None else "more runs"
    rivals = _rivals(advice, best)
    if rivals:
        named = words.sizes(rivals) if len(rivals) < 4 else f"{len(rivals)} other sizes"
        yield f"{more} ({named} may be as good)"
    elif out_of_time or advice.binding_constraint == "budget":
        yield more
    if advice.binding_constraint in _CHANGED_BY:
        yield _CHANGED_BY[advice.binding_constraint]
    if advice.fits.speed is not None and advice.fits.speed.noisy:
        yield "a quiet machine"


def _rivals(advice: Advice, best: Choice) -> tuple[int, ...]:
    """Other batch sizes whose 95% interval overlaps that of the recommended one."""
    name = _QUANTITIES.get(advice.objective, advice.objective)
    found = {
        row.batch_size: getattr(row, name)
        for fit in advice.fits.learning
        if fit.optimizer == best.optimizer
        for row in fit.known
    }
    mine = found.pop(best.batch_size, None)
    if mine is None or mine.high is None:
        return ()
    return tuple(size for size, each in found.items() if each and (each.low or 0.0) <= mine.high)


def _settings(names: Pairs, best: Choice) -> str:
    """The settings to paste, under the names of the user's library or as Python keywords."""
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
    """Steps per epoch of a choice, with their derivation."""
    steps = words.count(best.steps_per_epoch)
    if study.facts is None:
        return steps
    examples = words.count(study.facts.train_examples)
    return f"{steps} ({examples} examples / {words.count(best.batch_size)})"


def _against_reference(advice: Advice, best: Choice, seconds: Estimate) -> str:
    """The time to goal compared with that of the present settings; empty if unknown."""
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
    return (one.optimizer, one.batch_size, repr(one.learning_rate)) == (
        other.optimizer, other.batch_size, repr(other.learning_rate),
    )  # fmt: skip


def _energy_against(advice: Advice, best: Choice, joules: Estimate) -> str:
    """The energy to goal compared with that of the present settings; empty if unknown."""
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
    """The figures at the top of a report, as (name, value, remark)."""
    best = advice.recommended
    if best is None:
        return ()
    micro = f"{best.accumulation_steps} × micro-batch {words.count(best.micro_batch_size)}"
    parts = "no gradient accumulation" if best.accumulation_steps == 1 else micro
    tiles = [("Batch size", words.count(best.batch_size), parts)]
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
