"""The planner's decisions in words: why a run was made, what became of it, and whole races."""

from collections.abc import Sequence

from rightbatch.records import Decision, DecisionKind

_ENDS: set[DecisionKind] = {"slower", "behind", "ahead", "overdue", "silent", "best", "diverged"}
_ENDS |= {"choose", "choose_first", "choose_untrained"}
"""What became of a run."""

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
"""Why a run was made, from what was known then."""

_SENTENCES: dict[DecisionKind, str] = {
    "time": "Timed steps at {one}",
    "begin": "Started at {one}, the cheapest given its speed and a typical critical batch size",
    "look": "Ran {one} for a short time to compare learning rates",
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
    "ahead": "{one}: stopped at {metric} {level:.4g}, {times} the {quantity} of {against}, as more "
    "was not worth its time",
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
    """One decision, in one sentence.

    Args:
        decision: What was decided.
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
    """Why a training run was made: the decisions of a race in order.

    Args:
        reason: The words of an earlier version's planner; empty in a race.
        decisions: Why the race made it, piece by piece.
    """
    asked = (each for each in decisions if each.kind in _WHY)
    found = [_WHY[each.kind].format(against=_sides(each)[1]) for each in asked]
    return "; ".join(dict.fromkeys(filter(None, (reason, *found))))


def story(decisions: Sequence[Decision], metric: str) -> tuple[str, ...]:
    """A race from its first step time to the choice, one sentence each.

    Runs that were made in pieces are told once; those raced against the best, by what became of
    them, or as run where that is not known and they were not chosen.
    """
    timed = [f"{told.batch_size:,}" for told in decisions if told.kind == "time"]
    opening = [f"Timed steps at {_listed(timed)}"] if timed else []
    ends = {told.batch_size for told in decisions if told.kind in _ENDS}
    raced = {told.batch_size: told for told in decisions if told.kind in ("race", "repeat")}
    untold = {told for size, told in raced.items() if size not in ends}
    left_out = {"time", "carry_on", "race", "repeat"}
    rest = (told for told in decisions if told.kind not in left_out or told in untold)
    return (*opening, *(sentence(told, metric) for told in dict.fromkeys(rest)))


def _sides(decision: Decision) -> tuple[str, str]:
    """The two that are compared: batch sizes with their learning rates where those are known."""
    one = _setting(decision.batch_size, decision.learning_rate)
    if decision.against is None:
        return one, one
    against = _setting(decision.against, decision.against_rate)
    return one, "another seed" if against == one else against


def _setting(batch_size: int, learning_rate: float | None) -> str:
    return f"{batch_size:,}" + (f" (lr {learning_rate:.3g})" if learning_rate else "")


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
