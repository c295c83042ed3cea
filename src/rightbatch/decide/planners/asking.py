"""The whole study as a pure function: from its trials to the next probe."""

import math
from collections.abc import Sequence
from dataclasses import replace

from rightbatch.decide.learning.arms import Arm, make_arms
from rightbatch.decide.learning.racing import next_training_probe
from rightbatch.decide.learning.telling import TimeLeft
from rightbatch.decide.planners.base import Ask
from rightbatch.decide.planners.checking import check
from rightbatch.decide.stages.fits import stage_fits
from rightbatch.decide.stages.memory.fit import micro_batch_limit, side_by_side
from rightbatch.decide.stages.memory.search import next_memory_probe
from rightbatch.decide.stages.noise import next_noise_probe
from rightbatch.decide.stages.speed.fit import next_speed_probe
from rightbatch.decide.study import evidence
from rightbatch.decide.study.situation import Situation
from rightbatch.records import (
    STAGES,
    Capacity,
    DescribeProbe,
    Ending,
    Probe,
    Settings,
    Stage,
    TrainingProbe,
    Trial,
)

_SHARES: dict[Stage, float] = {"memory": 0.08, "speed": 0.12, "noise": 0.08}
"""Share of the budget that each stage before learning may take."""
_ONE_OFF = 0.25
"""Part of that for a one-off: no later training benefits from these measurements."""
_LEAST_SECONDS = 1.0
_GRACE = 1.06
"""Trials stop themselves at the end of the budget; one that hangs is killed 6% later."""
_PATIENCE = 0.5
_FIRST_LOOKS = 1.5
"""Before learning, a trial that hangs is killed after half of the remaining time, so that the study
can continue, but not before 1.5 times what the first probe took, which loads the workload too."""
_RUN_PATIENCE = 2.0
"""So is a training run, but not before twice its own time limit."""


def ask(
    settings: Settings,
    trials: tuple[Trial, ...],
    spent_seconds: float,
    under_way: Sequence[Probe] = (),
    capacity: Capacity | None = None,
) -> Ask | None:
    """The next probe of a study with these settings; see `Planner.ask`.

    Only training runs are concurrent: any other probe times the machine, or fills its memory.
    """
    runs = tuple(probe for probe in under_way if isinstance(probe, TrainingProbe))
    most = settings.workers if capacity is None else len(capacity.memory_bytes)
    if len(runs) < len(under_way) or len(runs) >= most:
        return None
    described = evidence.description(trials)
    if described is None:
        deadline = max(_LEAST_SECONDS, _GRACE * settings.budget_seconds - spent_seconds)
        return Ask(
            None,
            DescribeProbe(seconds_limit=deadline, memory_limit_bytes=settings.memory_limit_bytes),
        )
    check(settings, described)
    situation = Situation(described.facts, described.hardware, settings, trials, runs, capacity)
    for stage in settings.stages:
        probe = _next_of(stage, situation, spent_seconds)
        if probe is not None:
            return _asked(
                stage, replace(probe, placement=situation.placement), situation, spent_seconds
            )
    return None


def _next_of(stage: Stage, situation: Situation, spent: float) -> Probe | None:
    budget = situation.settings.budget_seconds
    left = budget - spent
    if left <= 0 or (stage != "learning" and _later_begun(stage, situation)):
        return None
    deadline = max(_LEAST_SECONDS, _GRACE * budget - spent)
    if stage == "learning":
        probe = _learning(situation, left, deadline)
        return None if isinstance(probe, Ending) else probe
    if "learning" in situation.settings.stages:
        deadline = _patience(left, _FIRST_LOOKS * situation.trials[0].wall_seconds, deadline)
    allowed = _share(stage, situation.settings) * budget
    seconds = max(min(allowed - _used(stage, situation), left), 0.0)
    if stage == "memory":
        return next_memory_probe(situation, seconds, deadline)
    fits, seconds = stage_fits(situation), max(seconds, _LEAST_SECONDS)
    if stage == "speed":
        return next_speed_probe(situation, fits, seconds, deadline)
    return next_noise_probe(situation, fits, seconds, deadline)


def _share(stage: Stage, settings: Settings) -> float:
    """Share of the budget that a stage before learning may take."""
    if len(settings.stages) == 1:
        return 0.9
    return _SHARES[stage] * (_ONE_OFF if settings.one_off else 1.0)


def _later_begun(stage: Stage, situation: Situation) -> bool:
    """Whether a later stage has started: this one is then over, also after the study is resumed."""
    later = STAGES[STAGES.index(stage) + 1 :]
    probes = (*(trial.probe for trial in situation.trials), *situation.under_way)
    return any(probe.stage in later for probe in probes)


def is_over(settings: Settings, trials: tuple[Trial, ...]) -> bool:
    """Whether a one-off has its model, so that runs under way are no longer needed."""
    described = evidence.description(trials)
    if described is None or not settings.one_off:
        return False
    return evidence.seconds_to_model(trials, described.facts.goal) is not None


def why_nothing(
    settings: Settings, trials: tuple[Trial, ...], spent_seconds: float
) -> Ending | None:
    """Why `ask` returns no probe while none is under way; None if it returns one.

    Args:
        settings: The user's settings.
        trials: Every trial so far, in order, including the first probe.
        spent_seconds: Wall-clock time of the study so far.
    """
    described = evidence.description(trials)
    if described is None or ask(settings, trials, spent_seconds) is not None:
        return None
    left = settings.budget_seconds - spent_seconds
    if is_over(settings, trials):
        return Ending("arrived")
    if left <= 0:
        return Ending("time")
    if "learning" not in settings.stages:
        return Ending("stages")
    ending = _learning(Situation(described.facts, described.hardware, settings, trials), left, left)
    return ending if isinstance(ending, Ending) else None


def _learning(situation: Situation, left: float, deadline: float) -> TrainingProbe | Ending | None:
    """The next run, of the optimizer with the least training time that has one worth making.

    If none has one, the reason, for the optimizer with the most training time; None if a one-off
    has its model, or as many runs are under way as allowed.
    """
    fits = stage_fits(situation)
    at_once, memories = side_by_side(situation, fits.memories)
    free = at_once - len(situation.under_way)
    if free < 1 or is_over(situation.settings, situation.trials):
        return None
    settings, of_each = situation.settings, replace(fits, memories=memories)
    arms = make_arms(situation, fits, settings.objective, price_per_hour=settings.price_per_hour)
    ending = Ending("untimed")
    for arm in sorted(arms, key=_trained):
        time_left = _time_left(situation, arm, left, 1 / len(arms), free)
        micro = micro_batch_limit(of_each.memory_of(arm.optimizer.name), situation.facts)
        probe = next_training_probe(situation, arm, micro, time_left, deadline)
        if isinstance(probe, TrainingProbe):
            seconds = probe.max_seconds + time_left.overhead
            patience = _patience(left, _RUN_PATIENCE * seconds, deadline)
            return replace(probe, at_once=at_once, seconds_limit=patience)
        ending = probe
    return ending


def _patience(left: float, least: float, deadline: float) -> float:
    """Deadline of a trial, in seconds, after which it is killed."""
    return min(deadline, max(_PATIENCE * left, least, _LEAST_SECONDS))


def _trained(arm: Arm) -> float:
    """Training time of an optimizer, including that promised to its runs under way, in seconds."""
    trained = sum(run.train_seconds for run in arm.model.runs)
    return trained + evidence.promised_seconds(arm.model.under_way)


def _time_left(situation: Situation, arm: Arm, left: float, share: float, free: int) -> TimeLeft:
    """The time that one more run may take, if `free` more can start now."""
    runs = [t for t, _ in evidence.of_kind(situation.trials, TrainingProbe) if t.result is not None]
    trained = evidence.training_seconds(situation.trials)
    wall = sum(trial.wall_seconds for trial in runs)
    overhead = (wall - trained) / len(runs) if runs else 0.5
    allowed = situation.settings.training_budget_seconds
    training = math.inf
    if allowed is not None:
        unpromised = allowed - trained - evidence.promised_seconds(situation.under_way)
        training = min(unpromised / free, share * allowed - _trained(arm))
    return TimeLeft(left, training, overhead)


def _asked(stage: Stage, probe: Probe, situation: Situation, spent: float) -> Ask:
    """The probe with the progress of its stage: the time used, relative to the time allowed."""
    used = _used(stage, situation)
    budget = situation.settings.budget_seconds
    if stage != "learning" and len(situation.settings.stages) > 1:
        whole = max(_share(stage, situation.settings) * budget, used)
    else:
        whole = used + budget - spent
    to_come = {"memory": whole / 4, "learning": getattr(probe, "max_seconds", 0.0)}
    next_seconds = to_come.get(stage, whole)
    done = min(1.0, used / whole)
    return Ask(stage, probe, done, min(1.0, done + next_seconds / whole), max(0.0, whole - used))


def _used(stage: Stage, situation: Situation) -> float:
    """Wall-clock time of a stage so far, in seconds."""
    return evidence.wall_seconds(trial for trial in situation.trials if trial.probe.stage == stage)
