"""Something worth saying, as a code and its numbers; `report.sentences` puts it into words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Remark:
    """A reason, a warning or a piece of advice that is not yet a sentence.

    Attributes:
        code: What is to be said, such as "micro_batch_too_large"; stable once released.
        values: (name, value) pairs that the sentence needs, by name.
    """

    code: str
    values: tuple[tuple[str, Value], ...] = ()

    @classmethod
    def of(cls, code: str, **values: Value) -> Self:
        """A remark with its values by name."""
        return cls(code, tuple(values.items()))

    def __getitem__(self, name: str) -> Value:
        """The value of that name.

        Raises:
            KeyError: There is none.
        """
        return dict(self.values)[name]


Value = int | float | str | bool | None | tuple[int | str, ...] | Remark
"""What a remark's sentence is filled with; another remark stands in it as its own sentence."""
