"""The stages of a study, in order."""

from typing import Literal

Stage = Literal["memory", "speed", "noise", "learning"]
STAGES: tuple[Stage, ...] = ("memory", "speed", "noise", "learning")
