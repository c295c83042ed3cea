"""The planner's decisions in words: why a run was made, how it compared, and whole races."""

from collections.abc import Sequence

from rightbatch.records import Decision, DecisionKind
from rightbatch.report import words

_CONCLUSIONS: set[DecisionKind] = {
    "slower", "behind", "ahead", "overdue", "silent", "best", "diverged",
    "choose", "choose_first", "choose_untrained",
}  # fmt: skip
"""Decisions that say how a run compared, or that it was chosen."""

_WHY: dict[DecisionKind, str] = {
    "time": "to time its steps",
    "begin": "the cheapest given its speed and a typical critical batch size",
    "look": "short run to compare learning rates",
    "settle": "the best learning rate of the short runs",
    "challenge": "{against} had stalled",
    "return": "continued, as every run had stalled",
    "try": "{against} ended before the goal",
    "race": "could beat the runs so far",
    "repeat": "another seed",
    "asked": "a batch size you named",
    "compare": "your present settings",
}
"""Why a run was made."""

_SENTENCES: dict[DecisionKind, str] = {
    "time": "Timed steps at {one}",
    "begin": "Started at {one}, the cheapest given its speed and a typical critical batch size",
    "look": "Ran {one} briefly to compare learning rates",
    "settle": "Continued with {one}, the best learning rate of the short runs",
    "carry_on": "Continued {one}",
    "challenge": "Tried {one}, as {against} had stalled",
    "return": "Continued {one}, as every run had stalled",
    "try": "Tried {one}, as {against} ended before the goal",
    "race": "Ran {one}, which might beat {against}",
    "repeat": "Ran another seed of {one}",
    "asked": "Ran {one}, a batch size you named",
    "compare": "Ran {one}, your present settings",
    "slower": "{one}: {times} the {quantity} of {against}",
    "behind": "{one}: stopped at {metric} {level:.4g}, {times} the {quantity} of {against}",
    "ahead": "{one}: stopped at {metric} {level:.4g}, {times} the {quantity} of {against}; "
    "continuing was not worth its time",
    "overdue": "{one}: stalled after {metric} {level:.4g}, {times} the {quantity} of {against}",
    "silent": "{one}: stopped before any level to compare",
    "best": "{one}: the best run",
    "diverged": "{one}: diverged",
    "unrivalled": "{one}: did not reach the goal, nor did any other run",
    "choose": "Chose {one}: no further run was expected to be worth its time",
    "choose_first": "Chose {one}, the first to reach the goal",
    "choose_untrained": "Chose {one} from its speed and a typical critical batch size: no run "
    "reached the goal",
}


def sentence(decision: Decision, metric: str, quantity: str = "time") -> str:
    """One decision in one sentence.

    Args:
        decision: The decision.
        metric: Name of the validation metric.
        quantity: What is minimised, such as "time".
    """
    one, against = _sides(decision)
    return _SENTENCES[decision.kind].format(
        one=one,
        against=against,
        times=f"{1 + (decision.difference or 0.0):.2g}×",
        quantity=quantity,
        metric=metric,
        level=decision.level,
    )


def why(reason: str, decisions: Sequence[Decision]) -> str:
    """Why a training run was made.

    Args:
        reason: The reason as worded by an earlier version; empty in a race.
        decisions: The decisions of a race that requested the run's trials, in order.
    """
    reasons = (_WHY.get(each.kind, "").format(against=_sides(each)[1]) for each in decisions)
    return "; ".join(dict.fromkeys(filter(None, (reason, *reasons))))


def story(decisions: Sequence[Decision], metric: str) -> tuple[str, ...]:
    """A race from its first step time to the choice, one sentence each.

    A run made in several trials is mentioned once. A run raced against the best is described by how
    it compared, or as run if that is unknown and it was not chosen.
    """
    timed = [words.count(each.batch_size) for each in decisions if each.kind == "time"]
    opening = [f"Timed steps at {words.listed(timed)}"] if timed else []
    concluded = {each.batch_size for each in decisions if each.kind in _CONCLUSIONS}
    raced = {each.batch_size: each for each in decisions if each.kind in ("race", "repeat")}
    open_ended = {each for size, each in raced.items() if size not in concluded}
    left_out = {"time", "carry_on", "race", "repeat"}
    rest = (each for each in decisions if each.kind not in left_out or each in open_ended)
    return (*opening, *(sentence(each, metric) for each in dict.fromkeys(rest)))


def _sides(decision: Decision) -> tuple[str, str]:
    """The two sides of a comparison: batch sizes, with learning rates if known."""
    one = _setting(decision.batch_size, decision.learning_rate)
    if decision.against is None:
        return one, one
    against = _setting(decision.against, decision.against_rate)
    return one, "another seed" if against == one else against


def _setting(batch_size: int, learning_rate: float | None) -> str:
    return words.count(batch_size) + (f" (lr {learning_rate:.3g})" if learning_rate else "")
