"""Trials -> Fits -> Advice."""

import math
from dataclasses import replace

from rightbatch.decide.advise.against import Predicted, times_as_fast
from rightbatch.decide.advise.capped import (
    binding_constraint,
    enough_data,
    near_optimal,
    no_size_fits,
)
from rightbatch.decide.advise.objectives import check_objective, objective_reasons, without_power
from rightbatch.decide.advise.reasons import missing, reasons, warnings
from rightbatch.decide.learning.arms import Arm, make_arms
from rightbatch.decide.learning.fit import choose, cost, fit_learning, predict_pair
from rightbatch.decide.stages.fits import stage_fits
from rightbatch.decide.stages.memory.fit import micro_batch_limit
from rightbatch.decide.study import evidence
from rightbatch.decide.study.situation import Situation
from rightbatch.errors import UsageError
from rightbatch.records import (
    Advice,
    BatchPrediction,
    BindingConstraint,
    Choice,
    Estimate,
    Fits,
    MemoryFit,
    Objective,
    Recording,
    Remark,
    Remarks,
    TimeSpent,
    Value,
    WorkloadFacts,
)


def situation_of(recording: Recording) -> Situation:
    """The study's facts, hardware, settings and trials, in order and each once.

    Raises:
        UsageError: The study ended before the workload could be described.
    """
    study = recording.study
    if study.facts is None or recording.hardware is None:
        raise UsageError(
            f"Study {study.name} ended before its workload was described; run it again."
        )
    return Situation(
        study.facts, recording.hardware, study.settings, evidence.distinct(recording.trials)
    )


def advise(
    recording: Recording,
    objective: Objective | None = None,
    memory_limit_bytes: int | None = None,
    price_per_hour: float | None = None,
) -> Advice:
    """Recommend from what is stored; measures nothing.

    Args:
        recording: The study and its trials, in any order; a repeated one counts once.
        objective: What to minimise instead of the study's own objective.
        memory_limit_bytes: Memory limit instead of the study's own.
        price_per_hour: What an hour costs instead of the price in the study.

    Returns:
        The advice, with `recommended` None where there is not enough data for any.

    Raises:
        UsageError: The study ended before the workload could be described, or does not tell what
            the objective asks for.
    """
    situation = situation_of(recording)
    aim: Objective = objective or situation.settings.objective
    price = situation.settings.price_per_hour if price_per_hour is None else price_per_hour
    measured = stage_fits(situation, memory_limit_bytes)
    if objective is not None:
        check_objective(aim, price, measured, recording.study.name)
    arms = make_arms(situation, measured, aim, memory_limit_bytes is not None, price)
    learned = {arm.optimizer.name: fit_learning(arm.model, arm.rows) for arm in arms}
    ranked = sorted(
        ((arm, arm.chosen) for arm in arms if arm.chosen is not None), key=_predicted_cost
    )
    best = ranked[0] if ranked else None
    best_fit = learned[best[0].optimizer.name] if best else None
    recommended = _recommended(best, arms, situation)
    fits = replace(
        measured if recommended is None else _seen_from(measured, recommended.optimizer),
        learning=tuple(fit for fit in learned.values() if fit is not None),
    )
    optimal, binding = _optimal(best, situation, fits)
    present = _present(arms, situation)
    return Advice(
        study=recording.study.name,
        goal=str(situation.facts.goal),
        objective=aim,
        recommended=recommended,
        reference=_reference(present, situation, measured),
        times_as_fast=times_as_fast(best, present) if best and present else None,
        near_optimal=optimal,
        binding_constraint=binding,
        remarks=Remarks(
            _headline(recommended, best is not None, situation.facts, fits.memory),
            (
                *(objective_reasons(aim, price, fits.speed, best[0].rows, best[1]) if best else ()),
                *reasons(fits, best_fit, binding, situation.trials),
            ),
            (*without_power(aim, fits.speeds), *warnings(fits, situation, recommended)),
            missing(fits, best_fit, recommended, situation.settings, price),
        ),
        fits=fits,
        by_optimizer=tuple(_choice(*each, situation) for each in ranked),
        regimes=_regimes(arms, best[0] if best else None, situation),
        time_spent=_time_spent(situation),
        price_per_hour=price,
    )


def _seen_from(measured: Fits, optimizer: str) -> Fits:
    """The fits with those of one optimizer in front."""
    return replace(
        measured,
        memory=measured.memory_of(optimizer),
        speed=measured.speed_of(optimizer),
        noise=measured.noise_of(optimizer),
    )


def _predicted_cost(predicted: Predicted) -> float:
    arm, row = predicted
    return cost(arm.model, row)


def _choice(arm: Arm, row: BatchPrediction, situation: Situation) -> Choice:
    """A prediction as settings to train with."""
    return replace(
        _settings(arm.optimizer.name, row.batch_size, row.learning_rate, situation, arm.memory),
        epochs_to_goal=_scaled(
            row.steps, 1 / situation.facts.steps_per_epoch(row.batch_size), "epochs"
        ),
        seconds_to_goal=row.seconds,
        steps_to_goal=row.steps,
        joules_to_goal=row.joules,
        cost_to_goal=row.cost,
    )


def _settings(
    optimizer: str, size: int, rate: float, situation: Situation, memory: MemoryFit | None
) -> Choice:
    """A batch size as settings to train with, its cost unknown.

    The micro-batch is the even share of the fewest accumulation steps that fit in memory with it.
    """
    accumulation = math.ceil(size / micro_batch_limit(memory, situation.facts))
    return Choice(
        optimizer=optimizer,
        batch_size=size,
        learning_rate=float(f"{rate:.3g}"),
        micro_batch_size=math.ceil(size / accumulation),
        accumulation_steps=accumulation,
        steps_per_epoch=situation.facts.steps_per_epoch(size),
        placement=situation.placement,
    )


def _scaled(estimate: Estimate, factor: float, unit: str) -> Estimate:
    return replace(
        estimate,
        value=estimate.value * factor,
        low=None if estimate.low is None else estimate.low * factor,
        high=None if estimate.high is None else estimate.high * factor,
        unit=unit,
    )


def _recommended(best: Predicted | None, arms: list[Arm], situation: Situation) -> Choice | None:
    """The best prediction; while no run has arrived, a first guess, its cost unknown.

    The guess is what came nearest to the goal, or before any run the cheapest by the prior.
    """
    if best is not None:
        return _choice(*best, situation)
    if not arms:
        return None
    arm = arms[0]
    row = choose(arm.model, arm.rows)
    size = min(situation.sizes, key=arm.model.prior) if row is None else row.batch_size
    rate = arm.model.rule(size) if row is None else row.learning_rate
    return _settings(arm.optimizer.name, size, rate, situation, arm.memory)


def _present(arms: list[Arm], situation: Situation) -> Predicted | None:
    """What the user's present settings are predicted to cost; None where that is not known."""
    own = situation.facts.optimizers[0]
    if situation.facts.recorded:
        return None
    for arm in arms:
        if arm.optimizer.name == own.name and arm.chosen is not None:
            row = predict_pair(arm.model, situation.facts.batch_size, own.learning_rate, arm.costs)
            return None if row is None else (arm, row)
    return None


def _reference(present: Predicted | None, situation: Situation, fits: Fits) -> Choice | None:
    """The user's present settings, with what they are predicted to cost where that is known.

    None for a study recorded elsewhere, which does not tell anybody's.
    """
    if situation.facts.recorded:
        return None
    if present is not None:
        return _choice(*present, situation)
    own = situation.facts.optimizers[0]
    memory = fits.memory_of(own.name)
    return _settings(own.name, situation.facts.batch_size, own.learning_rate, situation, memory)


def _optimal(
    best: Predicted | None, situation: Situation, fits: Fits
) -> tuple[tuple[int, ...], BindingConstraint]:
    nothing_fits = no_size_fits(fits.memory)
    if best is None:
        return (), "memory" if nothing_fits or evidence.ran_out(situation.trials) else "budget"
    arm, size = best[0], best[1].batch_size
    if nothing_fits:
        return (size,), "memory"
    rows = arm.rows
    optimal = near_optimal({row.batch_size: cost(arm.model, row) for row in rows}, size)
    if not enough_data(rows, situation.sizes):
        return optimal, "budget"
    return optimal, binding_constraint(size, optimal, rows, fits, situation.facts, situation.sizes)


def _regimes(
    arms: list[Arm], best: Arm | None, situation: Situation
) -> tuple[tuple[str, Choice], ...]:
    """Stochastic, mini-batch and full-batch gradient descent side by side, where asked for.

    Each with the optimizer it is cheapest with; with the best one where no run arrived at the size.
    """
    if best is None or not situation.settings.batch_sizes:
        return ()
    names = {1: "stochastic", situation.facts.train_examples: "full batch"}
    arrived = [(arm, row) for arm in arms for row in arm.rows if row.runs_reached]
    dearest_first = sorted(arrived, key=_predicted_cost, reverse=True)
    known = {row.batch_size: (best, row) for row in best.rows}
    known |= {row.batch_size: (arm, row) for arm, row in dearest_first}
    return tuple(
        (
            names.get(size, "mini-batch"),
            _choice(*known[size], situation)
            if size in known
            else _settings(
                best.optimizer.name, size, best.model.rule(size), situation, best.memory
            ),
        )
        for size in situation.sizes
    )


def _headline(
    recommended: Choice | None, arrived: bool, facts: WorkloadFacts, memory: MemoryFit | None
) -> Remark:
    if recommended is None:
        return Remark.of("no_recommendation")
    rate = recommended.learning_rate
    settings: dict[str, Value] = {
        "batch_size": recommended.batch_size,
        "optimizer": recommended.optimizer,
        "learning_rate": None if math.isnan(rate) else rate,
    }
    if not arrived:
        return Remark.of("first_guess", goal=str(facts.goal), **settings)
    return Remark.of("train_where_more_fits" if no_size_fits(memory) else "train_with", **settings)


def _time_spent(situation: Situation) -> TimeSpent:
    training = evidence.training_seconds(situation.trials)
    measuring = evidence.measuring_seconds(situation.trials)
    of_each = sum(trial.wall_seconds for trial in situation.trials)
    return TimeSpent(
        training,
        measuring,
        max(0.0, of_each - training - measuring),
        None if situation.facts.recorded else situation.settings.budget_seconds,
        evidence.seconds_to_model(situation.trials, situation.facts.goal),
        max(0.0, of_each - evidence.wall_seconds(situation.trials)),
    )
