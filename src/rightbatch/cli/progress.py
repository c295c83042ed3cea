"""Progress of a study on stderr: one bar per stage with the time left."""

import math
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from rightbatch.decide.planners.recommend import Ask
from rightbatch.records import (
    MemoryProbe,
    NoiseProbe,
    PredictProbe,
    Probe,
    SpeedProbe,
    Status,
    Trial,
)
from rightbatch.report.sentences import outcome_sentence
from rightbatch.report.words import duration

_TITLES = {None: "Workload", "memory": "Memory", "speed": "Speed", "noise": "Noise",
           "learning": "Learning"}  # fmt: skip


class _WhatRuns(ProgressColumn):
    """What is under way, and the most time left as of now."""

    def render(self, task: Task) -> Text:
        """The words of one bar."""
        what, ends = task.fields["what"], task.fields["ends"]
        if ends is None:
            return Text(what)
        seconds = max(0, math.ceil(ends - task.get_time()))
        return Text(f"{what}, ≤ {duration(seconds)} left")


class StudyProgress:
    """An observer that draws; on anything but a terminal it says nothing.

    Args:
        console: Where to draw.
    """

    def __init__(self, console: Console) -> None:
        self._bars = Progress(
            TextColumn("{task.description:<9}", markup=False),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            _WhatRuns(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task: TaskID | None = None
        self._stage: str | None = ""
        self._under_way: dict[Probe, tuple[Ask, float]] = {}
        self._ends: dict[Probe, float] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def asked(self, asked: Ask) -> None:
        """Show what is about to run, beside what is under way, in the bar of its stage."""
        if self._task is None or asked.stage != self._stage:
            self._close()
            self._stage = asked.stage
            self._task = self._bars.add_task(_TITLES[asked.stage], total=1.0, what="", ends=None)
        self._under_way[asked.probe] = asked, 0.0
        self._ends[asked.probe] = self._bars.get_time() + asked.seconds_left
        self._draw()

    def progress(self, asked: Ask, share: float) -> None:
        """Move the bar within a running probe."""
        self._under_way[asked.probe] = asked, share
        self._draw()

    def finished(self, trial: Trial) -> None:
        """Say how a trial ended where it did not end well."""
        self._under_way.pop(trial.probe, None)
        self._ends.pop(trial.probe, None)
        ordinary = trial.outcome.status in (Status.OK, Status.GOAL_NOT_REACHED)
        if self._bars.console.is_terminal and not ordinary:
            told = outcome_sentence(trial.outcome)
            self._bars.console.print(told, style="yellow", highlight=False, markup=False)

    def _draw(self) -> None:
        """The probe that is furthest moves the bar; the one asked for last tells the time left."""
        if self._task is None:
            return
        under_way = self._under_way.values()
        done = max(asked.done + share * (asked.then - asked.done) for asked, share in under_way)
        what = " | ".join(_describe(asked.probe) for asked, _ in under_way)
        last = next(reversed(under_way))[0]
        ends = self._ends.get(last.probe) if last.seconds_left > 0 else None
        self._bars.update(self._task, completed=done, what=what, ends=ends)

    def _close(self) -> None:
        if self._task is not None:
            self._bars.update(self._task, completed=1.0, what="", ends=None)


def _describe(probe: Probe) -> str:
    if isinstance(probe, MemoryProbe):
        return f"trying micro-batch {probe.batch_size:,}"
    if isinstance(probe, PredictProbe):
        return "predicting memory"
    if isinstance(probe, SpeedProbe):
        return f"timing {len(probe.batch_sizes)} batch sizes"
    if isinstance(probe, NoiseProbe):
        return f"gradients at batch size {probe.batch_size:,}"
    size = getattr(probe, "batch_size", None)
    if size is None:
        return "first look"
    return f"batch size {size:,} at {getattr(probe, 'learning_rate', 0.0):.3g}"
