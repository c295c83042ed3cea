"""The learning stage: the race that replays play, over a study's own trials.

`race.next_move` says what to train; this makes a probe of it.
"""

import math
from dataclasses import replace
from itertools import count

from rightbatch.decide.learning.arms import Arm
from rightbatch.decide.learning.extras import (
    AMPLE,
    FIRST_SHARE,
    SEEDS,
    another_seed,
    asked_for,
    fastest,
    runs_left,
)
from rightbatch.decide.learning.race import Mode, next_move
from rightbatch.decide.learning.state import Choose, Move, Race, Train, Tuning
from rightbatch.decide.learning.telling import TimeLeft, race_of
from rightbatch.decide.study.evidence import of_kind
from rightbatch.decide.study.situation import Situation
from rightbatch.records import Decision, Ending, EndingKind, TrainingProbe, WorkloadFacts, level_at
from rightbatch.science.evaluations import evaluated_step
from rightbatch.science.relative_cost import CostPrior

PATIENCE = 1.5
"""A run may cost this many times the best one before it is given up."""
_MILESTONES = ((0.35, 2.0), (0.5, 1.8), (0.7, 1.6), (0.85, 1.45))
"""(way, slack): the level the best run had after `way` of its cost must be met by slack·way."""
_SLOWER = 4.0
"""A trial may take so many times what its run's steps, all of them since a process that is gone
starts anew, should take as they were timed."""
_WORTH = 0.05
_WORTH_AT_MOST = 0.0005
"""Where learning rates are searched the time given is used: all that is left of it is worth 5% of
the cost, and a run the share of that which it takes; 0.05% for one run is always worth its time."""
_PATIENCE_WHEN_AMPLE = 2.5
"""Patience where runs are cheap: those given up make seeds look more alike than they are."""
_REACH_WHEN_AMPLE = 3.0
"""There batch sizes further off are raced too: neighbours alone can be a valley of their own."""
_PRIOR = CostPrior(critical_sd=2.0)
"""The noise scale of the study tells more of its critical batch size than examples per epoch do."""
_IN_TIME = 0.9
"""Where learning rates are searched, only what arrives is recommended."""
_PIECE = 0.2
"""A run goes on by this share of the best time, or by what a trial takes beside training."""


def next_training_probe(
    situation: Situation, arm: Arm, micro_batch_size: int, left: TimeLeft, deadline: float
) -> TrainingProbe | Ending:
    """What the race asks for; why it ends once it has chosen, or where the time is too short."""
    race = race_of(situation, arm, left)
    if left.for_one_run <= 0:
        return _ended(
            "time" if left.wall - left.overhead <= 0 else "training_time", arm, race, left
        )
    if not race.batch_sizes:
        return _ended("exhausted", arm, race, left)
    searched = situation.settings.learning_rates != "rule"
    tuning = _searched(situation, arm, race, left) if searched else Tuning()
    move = _move(situation, arm, race, tuning)
    if isinstance(move, Choose):
        return _why_chosen(move, arm, race, left, tuning)
    size = move.batch_size
    rate = arm.model.rule(size) * 2**move.octaves
    if move.run is None:
        seed = _unused_seed(situation, arm, size, rate)
    else:
        run = race.runs[move.run].run
        rate, seed = run.learning_rate, run.seed
    probe = TrainingProbe(
        optimizer=arm.optimizer.name,
        batch_size=size,
        micro_batch_size=min(size, micro_batch_size),
        learning_rate=rate,
        seed=seed,
        max_steps=evaluated_step(move.limit, size, situation.facts.train_examples),
        max_seconds=left.for_one_run,
        seconds_limit=deadline,
        pause=arm.model.goal.target is not None,
        decision=_with_rates(move, arm, rate, len(race.octaves) > 1),
    )
    return _limited(probe, arm, situation.facts)


def _why_chosen(choice: Choose, arm: Arm, race: Race, left: TimeLeft, tuning: Tuning) -> Ending:
    kind: EndingKind = "late" if choice.late else "worth"
    if choice.decisions[-1].kind == "choose_untrained":
        kind = "exhausted"
    return replace(_ended(kind, arm, race, left), worth=tuning.worth if kind == "worth" else None)


def _ended(kind: EndingKind, arm: Arm, race: Race, left: TimeLeft) -> Ending:
    """Why nothing more is asked for, with what a run takes."""
    reference = fastest(race)
    seconds = None if reference is None else reference.steps * arm.seconds(reference.batch_size)
    return Ending(kind, None, seconds, left.overhead if race.runs else None)


def _move(situation: Situation, arm: Arm, race: Race, tuning: Tuning) -> Move:
    """What the race asks for, or the user; where rates are searched, for the time that is given."""
    mode: Mode = "one-off" if situation.settings.one_off else "recurring"
    if situation.settings.learning_rates == "rule":
        return next_move(race, mode, tuning)
    extra = asked_for(situation, arm, race)
    if extra is not None:
        return extra
    best = fastest(race)
    longest = math.inf if best is None else tuning.patience * best.seconds
    runs = tuple(replace(run, ended=run.ended or run.seconds > longest) for run in race.runs)
    move = next_move(replace(race, runs=runs), mode, tuning)
    if isinstance(move, Choose) and mode == "recurring":
        return another_seed(arm, race) or move
    return move


def _searched(situation: Situation, arm: Arm, race: Race, left: TimeLeft) -> Tuning:
    """Where learning rates are searched: what a run is worth, and in what pieces it goes on."""
    reference = fastest(race)
    if reference is None:
        size = situation.facts.batch_size
        least = left.overhead * arm.model.cost_per_step(size) / arm.seconds(size)
        return Tuning(least_seconds=least, patience=PATIENCE, prior=_PRIOR)
    runs = runs_left(race, reference)
    seconds = reference.steps * arm.seconds(reference.batch_size)
    pieces = arm.model.goal.target is not None
    piece = min(PATIENCE, max(_PIECE, left.overhead / seconds)) if pieces else PATIENCE
    to_be_made = min(runs, left.wall / (seconds + left.overhead))
    worth = min(_WORTH_AT_MOST, _WORTH / to_be_made)
    tuning = Tuning(worth=worth, patience=PATIENCE, chunk=piece, in_time=_IN_TIME, prior=_PRIOR)
    if runs <= AMPLE:
        return tuning
    return replace(  # runs are cheap, and replicates show how noisy seeds are
        tuning,
        patience=_PATIENCE_WHEN_AMPLE,
        reach=_REACH_WHEN_AMPLE,
        crosswise=True,
        seeds=SEEDS,
        prior=replace(tuning.prior, seed_sd=arm.model.surface.noise_sd),
    )


def _with_rates(move: Train, arm: Arm, rate: float, searched: bool) -> Decision:
    """The decision with learning rates, where the race looks for them."""
    decision = move.decision
    against = decision.against
    if math.isnan(rate) or not searched:
        return decision
    return replace(
        decision,
        learning_rate=rate,
        against_rate=None if against is None else arm.model.rule(against) * 2**move.against_octaves,
    )


def _limited(probe: TrainingProbe, arm: Arm, facts: WorkloadFacts) -> TrainingProbe:
    """A probe with what it may take; a run that will not wait has all its steps, and milestones."""
    model, size = arm.model, probe.batch_size
    if probe.pause:
        expected = _SLOWER * probe.max_steps * arm.seconds(size)
        return replace(probe, max_seconds=min(probe.max_seconds, expected))
    seconds = probe.max_seconds * (1.0 if model.best is not None else FIRST_SHARE)
    raced = probe.decision is not None and probe.decision.kind in ("race", "repeat")
    return replace(
        probe,
        max_steps=_whole_run(arm, size, facts),
        max_seconds=seconds,
        milestones=_milestones(arm, size) if raced else (),
    )


def _unused_seed(situation: Situation, arm: Arm, size: int, rate: float) -> int:
    """The first seed that a setting was not trained with, and is not under way with."""
    probes = [probe for _, probe in of_kind(situation.trials, TrainingProbe)]
    used = {
        probe.seed
        for probe in (*probes, *arm.model.under_way)
        if (probe.optimizer, probe.batch_size, probe.learning_rate)
        == (arm.optimizer.name, size, rate)
    }
    return next(seed for seed in count(situation.settings.seed) if seed not in used)


def _whole_run(arm: Arm, size: int, facts: WorkloadFacts) -> int:
    """Steps of a run towards the best metric within a limit: to that, or as far as is worth it."""
    goal, model = arm.model.goal, arm.model
    steps = math.inf
    if goal.within_epochs is not None:
        steps = goal.within_epochs * facts.steps_per_epoch(size)
    if goal.within_seconds is not None:
        steps = goal.within_seconds / arm.seconds(size)
    if model.best is not None:
        steps = min(steps, PATIENCE * model.cost(model.best) / model.cost_per_step(size))
    return max(1, math.ceil(steps))


def _milestones(arm: Arm, size: int) -> tuple[tuple[int, float], ...]:
    """(step, level) pairs from the best run's curve that a run at a batch size is to meet."""
    model, best = arm.model, arm.model.best
    if best is None or best.steps is None:
        return ()
    path = best.curve.improvements(model.goal)
    times = model.cost_per_step(best.batch_size) / model.cost_per_step(size)
    levels = ((way, slack, level_at(path, way * best.steps)) for way, slack in _MILESTONES)
    return tuple(
        (math.ceil(slack * times * way * best.steps), level)
        for way, slack, level in levels
        if level is not None
    )
