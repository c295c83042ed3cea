"""The main loop of every study: ask the planner, run the probe, store the trial, notify."""

import logging
import math
import os
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from rightbatch import __version__
from rightbatch.api.one_thread import one_thread
from rightbatch.api.references import local_runner, reference
from rightbatch.decide.planners.base import Ask, Planner
from rightbatch.decide.study.evidence import description, wall_seconds
from rightbatch.errors import RunnerError, UsageError, WorkloadFailed
from rightbatch.measure.ports import Ended, Job, Runner
from rightbatch.measure.runners import INSIDE_A_TRIAL
from rightbatch.records import (
    DescribeProbe,
    Outcome,
    Probe,
    Recording,
    Remark,
    Settings,
    Status,
    Study,
    Trial,
    WorkloadReference,
)
from rightbatch.report.sentences import outcome_sentence
from rightbatch.store import Store

_log = logging.getLogger(__name__)

_ENOUGH_MINUTES, _TIMES_THE_BUDGET = 3, 10
"""The budget to propose: at least so many minutes, and so many times the one that was too short."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a study; everything measured is stored.

    Attributes:
        study: Name of the study.
    """

    def __init__(self, study: str) -> None:
        super().__init__(study)
        self.study = study


class Observer:
    """Follows a study, here without doing anything; the command line draws progress bars."""

    def begun(self, study: Study, resumed: bool) -> None:
        """A study starts, or is resumed."""

    def started(self, ask: Ask) -> None:
        """A probe is about to start."""

    def progress(self, ask: Ask, share: float) -> None:
        """The share done of a running probe, 0 to 1."""

    def finished(self, trial: Trial) -> None:
        """A trial was stored."""


def run(
    workload: str | Callable[[], Any],
    planner: Planner[object],
    store: Store,
    *,
    resume: bool = False,
    observer: Observer | None = None,
) -> Recording:
    """Run a study on this machine to its end, or resume one.

    Args:
        workload: A built-in name, "file.py:factory", "module:factory", or the factory.
        planner: Chooses every probe; it has the user's settings.
        store: The store of the study.
        resume: Continue the newest study of the same workload and settings, or return it if it is
            finished; without one, start a new study.
        observer: Follows the study.

    Returns:
        The study with all its trials.

    Raises:
        UsageError: The workload, the goal or a setting cannot be used.
        WorkloadFailed: The user's code raised.
        StoreError: The store cannot be used.
        Interrupted: Ctrl-C.
    """
    if os.environ.get(INSIDE_A_TRIAL):
        raise UsageError(
            "The workload's file starts a study itself when a trial loads it; put that call under "
            "`if __name__ == '__main__':`."
        )
    where, settings = reference(workload), planner.settings
    if resume and where.pickled is not None:
        raise UsageError(
            f"{where.title} cannot be resumed, as it is defined in a notebook, a prompt or another "
            "function; define it at the top level of a file."
        )
    known = newest_study(store, where, settings) if resume else None
    study = known or store.create_study(Study("", where, settings, time.time(), __version__))
    observer = observer or Observer()
    observer.begun(study, known is not None)
    recording = store.recording(study.name)
    if study.finished:
        return recording
    job = Job(
        where,
        DescribeProbe(),
        device=settings.device,
        threads=settings.threads,
        goal=settings.goal,
        memory_limit_bytes=settings.memory_limit_bytes,
    )
    runner = local_runner(job, recording.hardware, settings.workers)
    try:
        return carry_on(store, study, planner, runner, observer)
    except KeyboardInterrupt as stop:
        raise Interrupted(study.name) from stop
    finally:
        runner.close()


def newest_study(store: Store, where: WorkloadReference, settings: Settings) -> Study | None:
    """The newest local study of a workload with the same settings; None where there is none."""
    same = [
        study
        for study in store.studies()
        if study.settings == settings
        and not study.workload.imported
        and (study.workload.file, study.workload.module, study.workload.factory)
        == (where.file, where.module, where.factory)
    ]
    return same[-1] if same else None


def carry_on(
    store: Store, study: Study, planner: Planner[object], runner: Runner, observer: Observer
) -> Recording:
    """Run a study from its current state to its end, storing every trial before the next choice.

    A first probe without a result is repeated, with the whole budget. Probes under way when the
    study ends, in whatever way, end when the runner is closed.

    Returns:
        The study with all its trials.

    Raises:
        UsageError: The settings contradict what the first probe found.
        WorkloadFailed: The user's code raised; everything measured so far is kept.
        RunnerError: The first probe failed.
    """
    with store.writing(study.name), one_thread():
        trials = store.trials(study.name)
        study = _described(store, study, trials)
        begin = time.monotonic() - (wall_seconds(trials) if study.facts else 0.0)
        started: dict[Probe, tuple[float, float]] = {}
        while not planner.is_over(trials):
            spent = time.monotonic() - begin
            if ask := planner.ask(trials, spent, tuple(started), runner.capacity()):
                _log.debug("starting %s", ask.probe)
                observer.started(ask)
                started[ask.probe] = time.time(), time.monotonic()
                runner.start(ask.probe, partial(observer.progress, ask))
                continue
            if not started:
                break
            ended = _next_ended(runner, tuple(started))
            at, then = started.pop(ended.probe)
            trial = Trial(
                len(trials) + 1, ended.probe, ended.outcome, ended.result, at,
                time.monotonic() - then, ended.hardware,
            )  # fmt: skip
            store.add_trial(study.name, trial)
            trials = (*trials, trial)
            _log.info(
                "trial %d: %s, %s, %.2f s",
                trial.number, trial.probe.kind, trial.outcome.status, trial.wall_seconds,
            )  # fmt: skip
            if isinstance(trial.probe, DescribeProbe):
                _check_look(trial, study.settings.budget_seconds)
                study = _described(store, study, trials)
            observer.finished(trial)
        study = replace(study, finished=True)
        store.update_study(study)
    return Recording(study, trials)


def _next_ended(runner: Runner, under_way: tuple[Probe, ...]) -> Ended:
    """The next finished probe; if an optional one fails, the study continues without it."""
    try:
        return runner.next_ended()
    except (WorkloadFailed, UsageError) as error:
        probe = under_way[0]
        if not probe.optional:
            raise
        reason = Remark.of("not_predicted", error=str(error).partition("\n")[0].rstrip("."))
        return Ended(probe, Outcome(Status.NOT_FOLLOWED, reason), None, None)


def _check_look(look: Trial, budget: float) -> None:
    """Refuse a first probe without a result.

    Raises:
        RunnerError: It has none; the message says what to do.
    """
    if look.result is not None:
        return
    why = outcome_sentence(look.outcome)
    if look.outcome.status is not Status.HUNG:
        raise RunnerError(f"The workload could not be described. {why}")
    enough = max(_ENOUGH_MINUTES, math.ceil(_TIMES_THE_BUDGET * budget / 60))
    raise RunnerError(
        f"Loading the workload and its framework took longer than the budget of {budget:g} s; "
        f"raise `budget`, for example to {enough}m. {why}"
    )


def _described(store: Store, study: Study, trials: tuple[Trial, ...]) -> Study:
    """The study with its workload's facts, once a probe has found them."""
    found = description(trials)
    if found is None or study.facts is not None:
        return study
    study = replace(study, facts=found.facts)
    store.update_study(study)
    return study
