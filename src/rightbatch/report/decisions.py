"""The planner's decisions in words, one sentence each."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from rightbatch.records import Decision, DecisionKind, RunSummary

_ENDS: set[DecisionKind] = {"slower", "behind", "ahead", "overdue", "silent", "best", "diverged"}
_ENDS |= {"choose", "choose_first", "choose_untrained"}
"""What became of a run."""

_SENTENCES: dict[DecisionKind, str] = {
    "begin": "began with {size}, the cheapest by its speed and what is usual",
    "look": "a short look at {size}",
    "settle": "settled on {size} by those looks",
    "carry_on": "{size} was on its way to the target",
    "challenge": "{against} had stalled: raced {size} against it",
    "return": "every run had stalled: went on with {size}",
    "try": "{against} ended without the target: tried {size}",
    "slower": "{raced} took {percent}% longer to the target",
    "behind": "{raced} was {percent}% behind at {metric} {level:.4g}, given up",
    "ahead": "{raced} was {percent}% ahead at {metric} {level:.4g}, but no more was worth its time",
    "overdue": "{raced} was {percent}% ahead at {metric} {level:.4g}, but then stood still",
    "silent": "{raced} reached no level to compare, given up",
    "best": "{size} was the best of all runs",
    "diverged": "{size} diverged",
    "unrivalled": "{size} did not reach the target, nor did any other run",
    "choose": "chose {size}: nothing more was expected to be worth its time",
    "choose_first": "chose {size}, which was the first to reach the target",
    "choose_untrained": "chose {size} by what is known beforehand: no run reached the target",
    "time": "timed steps at {size}",
    "race": "raced {size} against {against}",
    "repeat": "ran another seed of {size}",
    "asked": "{size} was asked for",
    "compare": "ran {size}, your present settings, to compare with",
}

_LEVEL: dict[DecisionKind, str] = {
    "slower": "{raced} was as fast to the target",
    "behind": "{raced} was level at {metric} {level:.4g}, given up",
    "ahead": "{raced} was level at {metric} {level:.4g}, but no more was worth its time",
    "overdue": "{raced} was level at {metric} {level:.4g}, but then stood still",
}
"""The same where less than half a percent lies between the two."""


def sentence(decision: Decision, metric: str) -> str:
    """One decision, told in one sentence.

    Args:
        decision: What was decided.
        metric: Name of the validation metric.
    """
    size, against = _sides(decision)
    raced = f"raced {size} against {against}: it"
    if size == against:
        raced = f"raced another seed of {size}: it"
    elif decision.batch_size != decision.against:
        raced = f"raced {size} against {against}: {decision.batch_size:,}"
    percent = f"{100 * abs(decision.difference or 0.0):.0f}"
    told = _LEVEL.get(decision.kind) if percent == "0" else None
    return (told or _SENTENCES[decision.kind]).format(
        size=size,
        against=against,
        raced=raced,
        percent=percent,
        metric=metric,
        level=decision.level,
    )


def why(reason: str, decisions: Sequence[Decision], metric: str) -> str:
    """Why a training run was made: the decisions of a race in order.

    Args:
        reason: The words of an earlier version's planner; empty in a race.
        decisions: Why the race asked for it, piece by piece.
        metric: Name of the validation metric.
    """
    told = [sentence(each, metric) for each in decisions if each.kind != "carry_on"]
    return "; ".join(filter(None, (reason, *told)))


def story(decisions: Sequence[Decision], metric: str) -> tuple[str, ...]:
    """A race from its first step time to the choice, one sentence each.

    Runs that were asked for in pieces are told once; those raced against the best, by what became
    of them, or as raced where nothing tells that and they were not chosen.
    """
    timed = [f"{told.batch_size:,}" for told in decisions if told.kind == "time"]
    opening = [f"timed steps at {_listed(timed)}"] if timed else []
    ends = {told.batch_size for told in decisions if told.kind in _ENDS}
    raced = {told.batch_size: told for told in decisions if told.kind in ("race", "repeat")}
    untold = {told for size, told in raced.items() if size not in ends}
    left_out = {"time", "carry_on", "race", "repeat"}
    rest = (told for told in decisions if told.kind not in left_out or told in untold)
    return (*opening, *(sentence(told, metric) for told in dict.fromkeys(rest)))


def race_told(runs: Sequence[RunSummary], metric: str) -> tuple[str, ...]:
    """The race of a study: how it went on, then what became of its runs; none outside a race.

    Args:
        runs: The training runs of one optimizer, in order.
        metric: Name of the validation metric.
    """
    asked = [decision for run in runs for decision in run.decisions]
    if not asked:
        return ()
    verdicts = [run.verdict for run in runs if run.verdict and run.verdict.kind != "best"]
    begun = [decision for decision in asked if decision.kind not in ("race", "repeat")]
    return (*story(begun, metric), *_verdicts(verdicts, metric))


def _verdicts(verdicts: Sequence[Decision], metric: str) -> list[str]:
    """What became of runs, one sentence for all runs of a setting that took longer to the target.

    Every run is in the table of runs; where runs are cheap there are dozens of a setting.
    """
    alike: dict[Decision, list[Decision]] = {}
    for told in verdicts:
        setting = replace(told, difference=None) if told.kind == "slower" else told
        alike.setdefault(setting, []).append(told)
    return [_together(group, metric) for group in alike.values()]


def _together(group: Sequence[Decision], metric: str) -> str:
    if len(group) == 1 or group[0].kind != "slower":
        return sentence(group[0], metric)
    middle = median(each.difference or 0.0 for each in group)
    told = sentence(replace(group[0], difference=middle), metric)
    return f"{told}, the median of {len(group)} runs"


def _sides(decision: Decision) -> tuple[str, str]:
    """The two that are compared: batch sizes, with learning rates where those differ."""
    size, against = f"{decision.batch_size:,}", f"{decision.against or 0:,}"
    rate, other = decision.learning_rate, decision.against_rate
    if not rate or not other or rate == other:
        return size, against
    same_size = decision.against == decision.batch_size
    rated = f"{other:.3g}" if same_size else f"{against} at {other:.3g}"
    return f"{size} at learning rate {rate:.3g}", rated


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
