"""Remarks: codes with numbers, which `report.sentences` puts into words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Remark:
    """A reason, a warning or a recommendation, not yet put into words.

    Attributes:
        code: What it says, such as "micro_batch_too_large"; stable once released.
        values: (name, value) pairs that its sentence needs.
    """

    code: str
    values: tuple[tuple[str, Value], ...] = ()

    @classmethod
    def of(cls, code: str, **values: Value) -> Self:
        """A remark with values given as keyword arguments."""
        return cls(code, tuple(values.items()))

    def __getitem__(self, name: str) -> Value:
        """The value with this name.

        Raises:
            KeyError: There is no such value.
        """
        return dict(self.values)[name]


Value = int | float | str | bool | None | tuple[int | str, ...] | Remark
"""A value of a remark; a nested remark is inserted as a sentence."""
