"""What was tried, compared with the recommendation: settings in one table, and single runs."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median, pvariance

from rightbatch.decide.study.evidence import grouped
from rightbatch.records import Advice, Choice, LearningFit, Run
from rightbatch.report import words
from rightbatch.report.runs import DrawnRun
from rightbatch.report.table import Table

Setting = tuple[str, int, str]
"""Optimizer, batch size and learning rate, the last as displayed."""

_SHOWN: dict[str, Callable[[float], str]] = {
    "time": words.duration,
    "examples": words.number,
    "steps": words.number,
    "energy": words.energy,
    "cost": words.number,
}


@dataclass(frozen=True, slots=True)
class Tried:
    """One training run compared with the recommendation.

    Attributes:
        setting: Its settings.
        amount: The amount of what is minimised that it took to the goal; NaN if not reached.
        shown: The amount in words.
        ratio: Its amount relative to the recommendation's, to the goal or to the deepest level that
            it and the best run both reached; NaN if unknown.
        compared: The ratio in words.
    """

    setting: Setting
    amount: float
    shown: str
    ratio: float
    compared: str


def compare(advice: Advice, runs: Sequence[DrawnRun], metric: str) -> dict[int, Tried]:
    """Every training run compared with the recommendation, by trial number.

    Args:
        advice: The advice of the study.
        runs: Its training runs.
        metric: Name of the validation metric.
    """
    amounts = {drawn.run.trial: _amount(drawn, advice) for drawn in runs}
    best = recommended(advice)
    mine = [amounts[each.run.trial] for each in runs if each.reached and _setting(each.run) == best]
    reference = median(mine) if mine else math.nan
    fastest = {
        fit.optimizer: amounts[run.trial]
        for fit in advice.fits.learning
        for run in reversed(fit.runs)
        if run.compared is not None and run.compared.kind == "best"
    }
    found = {}
    for drawn in runs:
        run, amount = drawn.run, amounts[drawn.run.trial]
        if drawn.reached:
            ratio = amount / reference
            shown, compared = _SHOWN[advice.objective](amount), _times(ratio)
        else:
            ratio, compared = _stopped(
                run, fastest.get(run.optimizer, math.nan) / reference, metric
            )
            amount, shown = math.nan, "not reached"
        found[run.trial] = Tried(_setting(run), amount, shown, ratio, compared)
    return found


def settings_table(advice: Advice, tried: Mapping[int, Tried]) -> Table | None:
    """One row per setting: the recommended one, the present one, then by amount; None without runs.

    Args:
        advice: The advice of the study.
        tried: Every training run, as returned by `compare`.
    """
    groups = grouped((run.setting, run) for run in tried.values())
    best = recommended(advice)
    yours = None if advice.reference is None else _setting(advice.reference)
    several = len(advice.fits.learning) > 1
    typical = {setting: _typical(group) for setting, group in groups.items()}
    arrived = {
        setting: [run.amount for run in group if run.amount > 0]
        for setting, group in groups.items()
    }
    scatter = _scatter(arrived.values())

    def place(setting: Setting) -> tuple[bool, bool, float, float]:
        amount, ratio, _ = typical[setting]
        return setting != best, setting != yours, _or_last(amount), _or_last(ratio)

    rows = []
    for setting in sorted(groups, key=place):
        amount, ratio, compared = typical[setting]
        counts = [len(arrived[each]) for each in (best, setting)] if best in arrived else []
        if setting == best:
            compared = "recommended"
        elif _by_chance(ratio, counts, scatter):
            compared += " (within noise)"
        optimizer, size, rate = setting
        rows.append(
            (
                *((optimizer,) if several else ()),
                words.count(size),
                rate,
                str(len(groups[setting])),
                "not reached" if math.isnan(amount) else _SHOWN[advice.objective](amount),
                ", ".join(filter(None, (compared, "yours" if setting == yours else ""))),
            )
        )
    head = (
        *(("Optimizer",) if several else ()),
        "Batch size",
        "Learning rate",
        "Runs",
        f"Median {advice.objective}",
        "vs recommended",
    )
    return Table(head, tuple(rows), (0,) if best in groups else ()) if rows else None


def recommended(advice: Advice) -> Setting | None:
    """The recommended settings; None without a recommendation from runs."""
    best = advice.recommended
    return None if best is None or best.seconds_to_goal is None else _setting(best)


def _setting(source: Run | Choice) -> Setting:
    return source.optimizer, source.batch_size, words.learning_rate(source.learning_rate)


def _typical(group: Sequence[Tried]) -> tuple[float, float, str]:
    """Amount, ratio and words: the median of runs that reached the goal, else the best ratio."""
    arrived = [run for run in group if not math.isnan(run.amount)]
    if arrived:
        ratio = median(run.ratio for run in arrived)
        return median(run.amount for run in arrived), ratio, _times(ratio)
    nearest = min(group, key=lambda run: _or_last(run.ratio))
    return math.nan, nearest.ratio, nearest.compared


def _scatter(groups: Iterable[Sequence[float]]) -> float:
    """Pooled variance of log amounts within groups; NaN if no group has two."""
    logs = [[math.log(amount) for amount in group] for group in groups if group]
    freedom = sum(len(group) - 1 for group in logs)
    squares = sum(pvariance(group) * len(group) for group in logs)
    return squares / freedom if freedom else math.nan


def _by_chance(ratio: float, counts: Sequence[int], scatter: float) -> bool:
    """Whether two settings differ by less than twice the standard error of the difference.

    Args:
        ratio: The ratio of their amounts.
        counts: Runs of each that reached the goal; empty without a recommendation to compare with.
        scatter: Variance of the log amount between runs of one setting; NaN if unknown.
    """
    if not counts or not all(counts):
        return False
    return abs(math.log(ratio)) < 2 * math.sqrt(scatter * sum(1 / count for count in counts))


def _or_last(value: float) -> float:
    """A sort key that puts NaN last."""
    return math.inf if math.isnan(value) else value


def _times(ratio: float) -> str:
    if math.isnan(ratio):
        return ""
    return f"{ratio:.2f}×" if ratio < 10 else words.multiple(ratio)


def _stopped(run: Run, scale: float, metric: str) -> tuple[float, str]:
    """Ratio and words of a run that did not reach the goal, up to the level it was compared at.

    Args:
        run: The run.
        scale: Amount of the run it was compared with, relative to the recommendation's.
        metric: Name of the validation metric.
    """
    found = run.compared
    if run.diverged:
        return math.nan, "diverged"
    if found is None or found.difference is None or found.level is None or math.isnan(scale):
        return math.nan, "stopped"
    ratio = (1 + found.difference) * scale
    return ratio, f"{_times(ratio)} up to {metric} {found.level:.4g}"


def _amount(drawn: DrawnRun, advice: Advice) -> float:
    """The amount of what is minimised that a run took; NaN if unknown."""
    seconds = math.nan if drawn.seconds is None else drawn.seconds
    match advice.objective:
        case "examples":
            return drawn.examples
        case "steps":
            return drawn.steps
        case "energy":
            return drawn.steps * _joules_per_step(drawn.run, advice.fits.learning)
        case "cost":
            return seconds * (advice.price_per_hour or 0) / 3600
    return seconds


def _joules_per_step(run: Run, fits: Sequence[LearningFit]) -> float:
    """Energy per step at a run's optimizer and batch size; NaN if unknown."""
    rows = (row for fit in fits if fit.optimizer == run.optimizer for row in fit.predictions)
    row = next((row for row in rows if row.batch_size == run.batch_size), None)
    return math.nan if row is None or row.joules is None else row.joules.value / row.steps.value
