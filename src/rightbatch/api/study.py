"""The one pass of every study: ask a planner, have a runner carry it out, store, tell."""

import logging
import math
import os
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from rightbatch import __version__
from rightbatch.api.one_thread import one_thread
from rightbatch.api.references import reference
from rightbatch.api.runner import local_runner
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
"""The least budget to propose, and by how many times the one that did not hold a first look."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C while a study ran; what was measured is stored.

    Attributes:
        study: Name of the study.
    """

    def __init__(self, study: str) -> None:
        super().__init__(study)
        self.study = study


class Observer(Protocol):
    """Follows a study; the command line draws progress bars from it."""

    def begun(self, study: Study, resumed: bool) -> None:
        """A study begins, or goes on."""

    def asked(self, ask: Ask) -> None:
        """A probe is about to be run."""

    def progress(self, ask: Ask, share: float) -> None:
        """The share of a running probe that is done, 0 to 1."""

    def finished(self, trial: Trial) -> None:
        """A trial was stored."""


class Silent:
    """An observer that says nothing."""

    def begun(self, study: Study, resumed: bool) -> None:
        """Say nothing."""

    def asked(self, ask: Ask) -> None:
        """Say nothing."""

    def progress(self, ask: Ask, share: float) -> None:
        """Say nothing."""

    def finished(self, trial: Trial) -> None:
        """Say nothing."""


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
        planner: What decides on every probe, with the user's settings.
        store: Where the study is kept.
        resume: Go on with the newest study of the same workload and settings, or return it as it
            is where it is finished; where there is none, begin one.
        observer: Follows what happens.

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
            "A study was started while a trial loads the workload's file; put the call under "
            "`if __name__ == '__main__':`."
        )
    where, settings = reference(workload), planner.settings
    if resume and where.pickled is not None:
        raise UsageError(
            f"Only a function at the top of a file can be found again to resume; {where.title} is "
            "of a notebook, a prompt or another function."
        )
    known = newest_study(store, where, settings) if resume else None
    study = known or store.create_study(Study("", where, settings, time.time(), __version__))
    observer = observer or Silent()
    observer.begun(study, known is not None)
    if study.finished:
        return store.recording(study.name)
    job = Job(
        where,
        DescribeProbe(),
        device=settings.device,
        threads=settings.threads,
        goal=settings.goal,
        memory_limit_bytes=settings.memory_limit_bytes,
    )
    runner = local_runner(job, store.recording(study.name).hardware, settings.workers)
    try:
        return carry_on(store, study, planner, runner, observer)
    except KeyboardInterrupt as stop:
        raise Interrupted(study.name) from stop
    finally:
        runner.close()


def newest_study(store: Store, where: WorkloadReference, settings: Settings) -> Study | None:
    """The newest study made here of a workload with the same settings; None where there is none."""
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
    """Run a study from where it is to its end; every trial is stored before the next is asked for.

    A first look that brought nothing is made again, with the whole budget. What is under way when
    the study ends, in whatever way, is left to the closing of the runner.

    Returns:
        The study with all its trials.

    Raises:
        UsageError: What the user wants contradicts what the first look found.
        WorkloadFailed: The user's code raised; what was measured before is kept.
        RunnerError: The workload could not be looked at.
    """
    with store.writing(study.name), one_thread():
        trials = store.trials(study.name)
        study = _described(store, study, trials)
        begin = time.monotonic() - (wall_seconds(trials) if study.facts else 0.0)
        started: dict[Probe, tuple[float, float]] = {}
        while not planner.is_over(trials):
            spent = time.monotonic() - begin
            if ask := planner.ask(trials, spent, tuple(started), runner.capacity()):
                _log.debug("starts %s", ask.probe)
                observer.asked(ask)
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
    """What the runner brings; where something optional fails, the study goes on without it."""
    try:
        return runner.next_ended()
    except (WorkloadFailed, UsageError) as error:
        probe = under_way[0]
        if not probe.optional:
            raise
        why = str(error).partition("\n")[0].rstrip(".")
        outcome = Outcome(Status.NOT_FOLLOWED, Remark.of("not_predicted", error=why))
        return Ended(probe, outcome, None, None)


def _check_look(look: Trial, budget: float) -> None:
    """Refuse a first look that brought nothing.

    Raises:
        RunnerError: It did; the message says what to do.
    """
    if look.result is not None:
        return
    why = outcome_sentence(look.outcome)
    if look.outcome.status is not Status.HUNG:
        raise RunnerError(f"The workload could not be looked at. {why}")
    enough = max(_ENOUGH_MINUTES, math.ceil(_TIMES_THE_BUDGET * budget / 60))
    raise RunnerError(
        "Loading the workload and its framework alone took longer than the budget of "
        f"{budget:g} s; give it a larger `budget`, such as {enough}m. {why}"
    )


def _described(store: Store, study: Study, trials: tuple[Trial, ...]) -> Study:
    """The study with its workload's facts, where a look has found them."""
    found = description(trials)
    if found is None or study.facts is not None:
        return study
    study = replace(study, facts=found.facts)
    store.update_study(study)
    return study
