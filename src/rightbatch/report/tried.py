"""What was tried, next to the recommendation: settings in one small table, and single runs."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median, pvariance

from rightbatch.records import Advice, LearningFit, Run
from rightbatch.report import words
from rightbatch.report.runs import DrawnRun
from rightbatch.report.table import Table

Setting = tuple[str, int, str]
"""Optimizer, batch size and learning rate, the last as it is shown."""

_SHOWN: dict[str, Callable[[float], str]] = {
    "time": words.duration,
    "examples": words.number,
    "steps": words.number,
    "energy": words.energy,
    "cost": words.number,
}


@dataclass(frozen=True, slots=True)
class Tried:
    """One training run next to the recommendation.

    Attributes:
        setting: Its settings.
        amount: What it took to the goal of what is minimised; NaN where it did not arrive.
        shown: The same in words.
        ratio: Over what the recommendation takes, to the goal or to the deepest level that it and
            the best run both reached; NaN where that is not known.
        compared: The same in words.
    """

    setting: Setting
    amount: float
    shown: str
    ratio: float
    compared: str


def compare(advice: Advice, runs: Sequence[DrawnRun], metric: str) -> dict[int, Tried]:
    """Every training run next to the recommendation, by the number of its trial.

    Args:
        advice: Of the study.
        runs: Its training runs.
        metric: Name of the validation metric.
    """
    amounts = {drawn.run.trial: _amount(drawn, advice) for drawn in runs}
    best = recommended(advice)
    mine = [
        amounts[drawn.run.trial] for drawn in runs if drawn.reached and _setting(drawn.run) == best
    ]
    reference = median(mine) if mine else math.nan
    fastest = {
        fit.optimizer: next((amounts[r.trial] for r in fit.runs if _is_best(r)), math.nan)
        for fit in advice.fits.learning
    }
    found = {}
    for drawn in runs:
        run, amount = drawn.run, amounts[drawn.run.trial]
        if drawn.reached:
            ratio = amount / reference
            shown, compared = _SHOWN[advice.objective](amount), _times(ratio)
        else:
            ratio, compared = _stopped(run, fastest[run.optimizer] / reference, metric)
            amount, shown = math.nan, "not reached"
        found[run.trial] = Tried(_setting(run), amount, shown, ratio, compared)
    return found


def settings_table(advice: Advice, tried: Mapping[int, Tried]) -> Table | None:
    """One row per setting: the recommended first, then by time; None where nothing was trained.

    Args:
        advice: Of the study.
        tried: Every training run, as `compare` makes it.
    """
    groups: dict[Setting, list[Tried]] = {}
    for run in tried.values():
        groups.setdefault(run.setting, []).append(run)
    best, yours = recommended(advice), _yours(advice)
    several = len(advice.fits.learning) > 1

    def place(setting: Setting) -> tuple[bool, float, float]:
        amount, ratio, _ = _middle(groups[setting])
        return setting != best, _or_last(amount), _or_last(ratio)

    rows = []
    for setting in sorted(groups, key=place):
        amount, ratio, compared = _middle(groups[setting])
        if best in groups and _by_chance(ratio, groups, best, setting):
            compared += " (within noise)"
        marks = ["recommended"] if setting == best else [compared] if compared else []
        marks += ["yours"] if setting == yours else []
        shown = "not reached" if math.isnan(amount) else _SHOWN[advice.objective](amount)
        optimizer, size, rate = setting
        rows.append(
            (
                *((optimizer,) if several else ()),
                words.count(size),
                rate,
                str(len(groups[setting])),
                shown,
                ", ".join(marks),
            )
        )
    first = ("Optimizer", "Batch size") if several else ("Batch size",)
    head = (*first, "Learning rate", "Runs", goal_title(advice), "Compared")
    return Table(head, tuple(rows), (0,) if best in groups else ()) if rows else None


def goal_title(advice: Advice) -> str:
    """The head of a column of what it takes to the goal."""
    return f"{advice.objective.capitalize()} to goal"


def recommended(advice: Advice) -> Setting | None:
    """The recommended settings; None where there is no recommendation from runs."""
    best = advice.recommended
    if best is None or best.seconds_to_goal is None:
        return None
    return best.optimizer, best.batch_size, words.learning_rate(best.learning_rate)


def _yours(advice: Advice) -> Setting | None:
    own = advice.reference
    if own is None:
        return None
    return own.optimizer, own.batch_size, words.learning_rate(own.learning_rate)


def _setting(run: Run) -> Setting:
    return run.optimizer, run.batch_size, words.learning_rate(run.learning_rate)


def _middle(group: Sequence[Tried]) -> tuple[float, float, str]:
    """The median of the runs that arrived; without any, the one nearest to the best."""
    arrived = [run for run in group if not math.isnan(run.amount)]
    if arrived:
        ratio = median(run.ratio for run in arrived)
        return median(run.amount for run in arrived), ratio, _times(ratio)
    nearest = min(group, key=lambda run: _or_last(run.ratio))
    return math.nan, nearest.ratio, nearest.compared


def _by_chance(
    ratio: float, groups: Mapping[Setting, Sequence[Tried]], one: Setting, other: Setting
) -> bool:
    """Whether one is less than the recommended by no more than runs of one setting scatter."""
    logs = [[math.log(run.amount) for run in group if run.amount > 0] for group in groups.values()]
    freedom = sum(len(group) - 1 for group in logs if group)
    counts = [sum(run.amount > 0 for run in groups[each]) for each in (one, other)]
    if not freedom or not all(counts):
        return False
    variance = sum(pvariance(group) * len(group) for group in logs if group) / freedom
    error = math.sqrt(variance * sum(1 / count for count in counts))
    return -2 * error < math.log(ratio) < 0


def _or_last(value: float) -> float:
    return math.inf if math.isnan(value) else value


def _times(ratio: float) -> str:
    return "" if math.isnan(ratio) else words.multiple(ratio)


def _is_best(run: Run) -> bool:
    return run.compared is not None and run.compared.kind == "best"


def _stopped(run: Run, scale: float, metric: str) -> tuple[float, str]:
    """How far a run that did not arrive was behind: over the recommendation's, and in words."""
    found = run.compared
    if run.diverged:
        return math.nan, "diverged"
    if found is None or found.difference is None or found.level is None:
        return math.nan, "stopped"
    ratio = (1 + found.difference) * scale
    times = _times(ratio)
    return ratio, f"{times} up to {metric} {found.level:.4g}" if times else "stopped"


def _amount(run: DrawnRun, advice: Advice) -> float:
    """What a run took of what is minimised; NaN where that is not known."""
    if advice.objective in ("examples", "steps"):
        return run.examples if advice.objective == "examples" else run.steps
    if advice.objective == "energy":
        return run.steps * _joules_per_step(run.run, advice.fits.learning)
    seconds = math.nan if run.seconds is None else run.seconds
    return seconds if advice.objective == "time" else seconds * (advice.price_per_hour or 0) / 3600


def _joules_per_step(run: Run, fits: Sequence[LearningFit]) -> float:
    rows = (row for fit in fits if fit.optimizer == run.optimizer for row in fit.predictions)
    row = next((row for row in rows if row.batch_size == run.batch_size), None)
    return math.nan if row is None or row.joules is None else row.joules.value / row.steps.value
