"""Remarks in words."""

from collections.abc import Iterable

from rightbatch.records import Outcome, Remark
from rightbatch.report.sentences import advice, fits, outcomes
from rightbatch.report.sentences.phrases import Sentence

SENTENCES: dict[str, Sentence] = {
    **outcomes.SENTENCES,
    **advice.SENTENCES,
    **fits.SENTENCES,
}
"""The sentence of every code."""


def say(remark: Remark) -> str:
    """The sentence of a remark.

    Raises:
        KeyError: Its code has no sentence.
    """
    sentence = SENTENCES[remark.code]
    values = {name: say(v) if isinstance(v, Remark) else v for name, v in remark.values}
    return sentence.format(**values) if isinstance(sentence, str) else sentence(**values)


def say_all(remarks: Iterable[Remark]) -> tuple[str, ...]:
    """The sentences of several remarks."""
    return tuple(say(remark) for remark in remarks)


def outcome_sentence(outcome: Outcome) -> str:
    """What happened in a trial and what to do; empty if it succeeded.

    For a trial stored by an earlier version, this is its stored sentence.
    """
    return say(outcome.remark) if outcome.remark else ""
