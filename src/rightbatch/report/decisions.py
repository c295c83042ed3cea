"""The planner's decisions in words: why a run was made, how it compared, and why it all ended."""

from collections.abc import Sequence

from rightbatch.records import Decision, DecisionKind, Ending, EndingKind
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

_LEFT = "{left} of the {budget} budget left"
_ENDINGS: dict[EndingKind, str] = {
    "time": "Stopped at the end of the budget: {spent} of {budget} used{overhead}.",
    "late": f"Stopped with {_LEFT}: no run worth making would have reached the goal in that time"
    "{run}.",
    "training_time": "Stopped at the end of the training budget: {trained} of {training} used.",
    "worth": f"Stopped early with {_LEFT}: another {{run_seconds}} run was not expected to improve "
    "the {objective} to goal by even {worth}.",
    "arrived": f"Stopped at the first run that reached the goal, with {_LEFT}.",
    "exhausted": f"Stopped with {_LEFT}: there was nothing else to try.",
    "stages": f"Stopped with {_LEFT}: the selected stages are done.",
    "untimed": f"Stopped with {_LEFT}: {{lacking}}, so no run could be chosen.",
    "stopped": "Interrupted after {spent} of the {budget} budget; resume the study to continue.",
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
    timed = [each.batch_size for each in decisions if each.kind == "time"]
    opening = [f"Timed steps at {words.sizes(timed)}"] if timed else []
    concluded = {each.batch_size for each in decisions if each.kind in _CONCLUSIONS}
    raced = {each.batch_size: each for each in decisions if each.kind in ("race", "repeat")}
    open_ended = {each for size, each in raced.items() if size not in concluded}
    left_out = {"time", "carry_on", "race", "repeat"}
    rest = (each for each in decisions if each.kind not in left_out or each in open_ended)
    return (*opening, *(sentence(each, metric) for each in dict.fromkeys(rest)))


def ending_sentence(ending: Ending) -> str:
    """Why a study ended, in one sentence."""
    overhead = words.duration(ending.overhead_seconds or 0.0)
    fastest = words.duration(ending.run_seconds or 0.0)
    return _ENDINGS[ending.kind].format(
        spent=words.duration(ending.spent_seconds),
        left=words.duration(max(0.0, ending.budget_seconds - ending.spent_seconds)),
        budget=words.duration(ending.budget_seconds),
        trained=words.duration(ending.trained_seconds),
        training=words.duration(ending.training_budget_seconds or 0.0),
        objective=ending.objective,
        worth=f"{100 * (ending.worth or 0.0):.2g}%",
        run_seconds=fastest,
        overhead="" if ending.overhead_seconds is None else f" (overhead per trial: {overhead})",
        lacking=f"no {'power' if ending.objective == 'energy' else 'step time'} was measured",
        run="" if ending.run_seconds is None else f" (the fastest took {fastest} of training)",
    )


def _sides(decision: Decision) -> tuple[str, str]:
    """The two sides of a comparison: batch sizes, with learning rates if known."""
    one = _setting(decision.batch_size, decision.learning_rate)
    if decision.against is None:
        return one, one
    against = _setting(decision.against, decision.against_rate)
    return one, "another seed" if against == one else against


def _setting(batch_size: int, learning_rate: float | None) -> str:
    return words.count(batch_size) + (f" (lr {learning_rate:.3g})" if learning_rate else "")
