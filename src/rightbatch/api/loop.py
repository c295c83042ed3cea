"""The loop: ask, run, store, tell."""

import math
import time
from dataclasses import replace
from functools import partial
from typing import Protocol

from rightbatch.api.one_thread import one_thread
from rightbatch.decide.planners.recommend import Ask, ask, is_over
from rightbatch.decide.study.evidence import wall_seconds
from rightbatch.errors import RunnerError, UsageError, WorkloadFailed
from rightbatch.measure.ports import Runner
from rightbatch.records import (
    DescribeProbe,
    DescribeResult,
    Outcome,
    PredictProbe,
    Probe,
    Recording,
    Remark,
    Result,
    Status,
    Study,
    Trial,
)
from rightbatch.report.sentences import outcome_sentence
from rightbatch.store import Store

_ENOUGH_MINUTES, _TIMES_THE_BUDGET = 3, 10
"""The least budget to propose, and by how many times the one that did not hold a first look."""


class Observer(Protocol):
    """Told what the loop does; the command line draws progress bars from it."""

    def asked(self, asked: Ask) -> None:
        """A probe is about to be run."""

    def progress(self, asked: Ask, share: float) -> None:
        """The share of a running probe that is done, 0 to 1."""

    def finished(self, trial: Trial) -> None:
        """A trial was stored."""


class Silent:
    """An observer that says nothing."""

    def asked(self, asked: Ask) -> None:
        """Say nothing."""

    def progress(self, asked: Ask, share: float) -> None:
        """Say nothing."""

    def finished(self, trial: Trial) -> None:
        """Say nothing."""


def carry_on(store: Store, study: Study, runner: Runner, observer: Observer) -> Recording:
    """Run a study from where it is to its end; every trial is stored before the next is asked for.

    What was asked is checked against the first look, also where that was stored by an earlier call;
    one that brought nothing is made again, with the whole budget.
    What is under way when it ends, in whatever way, is left to the closing of the runner.

    Returns:
        The study with all its trials.

    Raises:
        WorkloadFailed: The user's code raised; what was measured before is kept.
        RunnerError: The workload could not be looked at.
    """
    with store.writing(study.name), one_thread():
        trials = store.trials(study.name)
        looks = [trial for trial in trials if isinstance(trial.result, DescribeResult)]
        if study.facts is None and looks:
            study = _described(store, study, looks[-1])
        begin = time.monotonic() - (wall_seconds(trials) if looks else 0.0)
        started: dict[Probe, tuple[float, float]] = {}
        while not is_over(study.settings, trials):
            spent = time.monotonic() - begin
            if asked := ask(study.settings, trials, spent, tuple(started)):
                observer.asked(asked)
                started[asked.probe] = time.time(), time.monotonic()
                runner.start(asked.probe, partial(observer.progress, asked))
                continue
            if not started:
                break
            probe, outcome, result = _next_ended(runner, tuple(started))
            at, then = started.pop(probe)
            trial = Trial(len(trials) + 1, probe, outcome, result, at, time.monotonic() - then)
            store.add_trial(study.name, trial)
            trials = (*trials, trial)
            if isinstance(probe, DescribeProbe):
                study = _described(store, study, trial)
            observer.finished(trial)
        study = replace(study, finished=True)
        store.update_study(study)
    return Recording(study, trials)


def _next_ended(
    runner: Runner, under_way: tuple[Probe, ...]
) -> tuple[Probe, Outcome, Result | None]:
    """What the runner brings; a prediction that fails is no reason to end a study."""
    try:
        return runner.next_ended()
    except (WorkloadFailed, UsageError) as error:
        probe = under_way[0]
        if not isinstance(probe, PredictProbe):
            raise
        why = str(error).partition("\n")[0].rstrip(".")
        return probe, Outcome(Status.NOT_FOLLOWED, Remark.of("not_predicted", error=why)), None


def _why_not_looked_at(outcome: Outcome, budget: float) -> str:
    """Why a first look brought nothing, and what to do."""
    told = outcome_sentence(outcome)
    if outcome.status is not Status.HUNG:
        return f"The workload could not be looked at. {told}"
    enough = max(_ENOUGH_MINUTES, math.ceil(_TIMES_THE_BUDGET * budget / 60))
    return (
        "Loading the workload and its framework alone took longer than the budget of "
        f"{budget:g} s; give it a larger one, such as --budget {enough}m. {told}"
    )


def _described(store: Store, study: Study, trial: Trial) -> Study:
    """The study with its workload's facts, checked against what was asked."""
    if not isinstance(trial.result, DescribeResult):
        raise RunnerError(_why_not_looked_at(trial.outcome, study.settings.budget_seconds))
    facts = trial.result.facts
    known = [optimizer.name for optimizer in facts.optimizers]
    for name in study.settings.optimizers:
        if name not in known:
            raise UsageError(
                f"There is no optimizer {name!r}; this workload has {', '.join(known)}."
            )
    if study.settings.one_off and facts.goal.target is None:
        raise UsageError(
            f"The goal {str(facts.goal)!r} has no level at which one model would be done; give one "
            "that has, such as 'accuracy >= 0.9', or do not ask for a one-off."
        )
    if study.settings.learning_rate == "rule" and facts.goal.target is None:
        raise UsageError(
            f"The goal {str(facts.goal)!r} has no level to race for; give one that has, such as "
            "'accuracy >= 0.9', or let learning rates be searched."
        )
    if study.settings.objective == "energy" and not trial.result.hardware.counts_energy:
        raise UsageError(
            f"Nothing counts the energy of {trial.result.hardware.device_name} here, so that it "
            "cannot be minimised; `rightbatch doctor` tells of what power is measured, or choose "
            "another objective."
        )
    if study.settings.multiple_of > facts.train_examples:
        raise UsageError(
            f"No multiple of {study.settings.multiple_of} is at most the {facts.train_examples} "
            "training examples; ask for multiples of a smaller number."
        )
    study = replace(study, facts=facts, hardware=trial.result.hardware)
    store.update_study(study)
    return study
