"""Progress of a study on stderr: one bar per stage with the time left."""

import math
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

from rightbatch.api.study import Observer
from rightbatch.decide.planners.base import Ask
from rightbatch.records import Probe, Status, Study, Trial
from rightbatch.report.probes import PROBES, STAGE_TITLES
from rightbatch.report.sentences import outcome_sentence
from rightbatch.report.words import duration


class _WhatRuns(ProgressColumn):
    """What is under way, and the most time left."""

    def render(self, task: Task) -> Text:
        """The text beside one bar."""
        what, ends = task.fields["what"], task.fields["ends"]
        if ends is None:
            return Text(what)
        seconds = max(0, math.ceil(ends - task.get_time()))
        return Text(f"{what}, ≤ {duration(seconds)} left")


class StudyProgress(Observer):
    """An observer that draws progress bars on a terminal, and nothing elsewhere.

    Args:
        console: Where to draw.
        resume: Whether a study was to be resumed.
    """

    def __init__(self, console: Console, resume: bool = False) -> None:
        self._resume = resume
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

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def begun(self, study: Study, resumed: bool) -> None:
        """Say so where a new study starts although one was to be resumed."""
        if self._resume and not resumed:
            self._bars.console.print(
                "There is no study of this workload with these options to resume; starting a new "
                "one.",
                soft_wrap=True,
            )

    def started(self, ask: Ask) -> None:
        """Show a probe that is about to start in the progress bar of its stage."""
        if self._task is None or ask.stage != self._stage:
            if self._task is not None:
                self._bars.update(self._task, completed=1.0, what="", ends=None)
            self._stage = ask.stage
            self._task = self._bars.add_task(STAGE_TITLES[ask.stage], total=1.0, what="", ends=None)
        self._under_way[ask.probe] = ask, 0.0
        self._ends[ask.probe] = self._bars.get_time() + ask.seconds_left
        self._draw()

    def progress(self, ask: Ask, share: float) -> None:
        """Move the bar within a running probe."""
        self._under_way[ask.probe] = ask, share
        self._draw()

    def finished(self, trial: Trial) -> None:
        """Print how a trial ended, if it failed."""
        self._under_way.pop(trial.probe, None)
        self._ends.pop(trial.probe, None)
        ordinary = trial.outcome.status in (Status.OK, Status.GOAL_NOT_REACHED)
        if self._bars.console.is_terminal and not ordinary:
            sentence = outcome_sentence(trial.outcome)
            self._bars.console.print(sentence, style="yellow", highlight=False, markup=False)

    def _draw(self) -> None:
        """Redraw the bar: its length from the most advanced probe, its time from the newest."""
        if self._task is None:
            return
        running = self._under_way.values()
        done = max(ask.done + share * (ask.then - ask.done) for ask, share in running)
        what = " | ".join(PROBES[type(ask.probe)](ask.probe) for ask, _ in running)
        last = next(reversed(running))[0]
        ends = self._ends.get(last.probe) if last.seconds_left > 0 else None
        self._bars.update(self._task, completed=done, what=what, ends=ends)
