"""The recommendation for Python users: an advice with its words."""

from dataclasses import dataclass, fields
from html import escape
from typing import Self

from rightbatch.records import Advice, Recording
from rightbatch.report.sentences import say, say_all
from rightbatch.report.table import Pairs
from rightbatch.report.verdict import make_verdict


@dataclass(frozen=True, slots=True)
class Recommendation(Advice):
    """An advice with its sentences.

    Attributes:
        verdict: The verdict as (name, value) pairs.
    """

    verdict: Pairs = ()

    @classmethod
    def of(cls, recording: Recording, advice: Advice) -> Self:
        """The advice of a recording, with its verdict in words."""
        same = {field.name: getattr(advice, field.name) for field in fields(Advice)}
        return cls(**same, verdict=make_verdict(recording.study, advice))

    @property
    def headline(self) -> str:
        """The recommendation in one sentence."""
        return say(self.remarks.headline)

    @property
    def reasons(self) -> tuple[str, ...]:
        """The numbers behind it, one sentence each."""
        return say_all(self.remarks.reasons)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What makes the advice less certain, one sentence each."""
        return say_all(self.remarks.warnings)

    @property
    def missing(self) -> dict[str, str]:
        """Why each missing figure could not be estimated, by its JSON name."""
        return {name: say(remark) for name, remark in self.remarks.missing.items()}

    def __str__(self) -> str:
        """The verdict in a few lines of plain text."""
        width = max(len(name) for name, _ in self.verdict)
        rows = (f"  {name:<{width}}  {value}" for name, value in self.verdict)
        warnings = (f"  Warning: {warning}" for warning in self.warnings)
        return "\n".join((f"{self.study}: {self.goal}", self.headline, *rows, *warnings))

    def _repr_html_(self) -> str:
        """The verdict as a table, for a notebook."""
        rows = [
            ("Goal", self.goal),
            *self.verdict,
            *(("Why", reason) for reason in self.reasons),
            *(("Warning", warning) for warning in self.warnings),
        ]
        cells = "".join(f"<tr><th>{escape(a)}</th><td>{escape(b)}</td></tr>" for a, b in rows)
        return f"<table><caption>{escape(self.headline)}</caption>{cells}</table>"
