"""Training trials -> LearningFit."""

import math
from collections.abc import Sequence
from dataclasses import replace

from rightbatch.decide.learning.model import LearningModel, deepest
from rightbatch.decide.stages.speed.costs import StepCosts
from rightbatch.decide.study.situation import RATE_OCTAVES
from rightbatch.records import (
    BatchPrediction,
    Decision,
    DecisionKind,
    Estimate,
    LearningFit,
    Note,
    Remark,
    Run,
)
from rightbatch.science.convergence import HyperbolaFit, fit_hyperbola
from rightbatch.science.stats import sum_of_variances, t_quantile

_CAUTION = 0.5
"""A pair is ranked by its mean log cost plus half a standard deviation, so that a lucky single
run does not win over one as good that is better known."""
KNOWN_SD = 0.4
"""Standard deviation of log cost beyond which a prediction is too vague to show."""
_UNEVENNESS = 0.09
"""Log steps by which batch sizes miss the hyperbola beyond what their runs show: half of how uneven
the response surface takes them to be, as a curve follows the rest."""

_POWER_SD = 0.1
"""Standard deviation of log power, which is the mean of one window of half a second by sensors that
are right to some 5%."""


def predictions(
    model: LearningModel, sizes: Sequence[int], costs: StepCosts
) -> tuple[BatchPrediction, ...]:
    """What is known of every batch size considered or tried, ascending; vague ones left out."""
    if not model.runs:
        return ()
    tried = {run.batch_size for run in model.runs}
    rows = (predict_size(model, size, costs) for size in sorted({*sizes, *tried}))
    return tuple(row for row in rows if row is not None)


def fit_learning(model: LearningModel, rows: Sequence[BatchPrediction]) -> LearningFit | None:
    """The predictions and the hyperbola through the runs; None without runs."""
    if not model.runs or model.level is None:
        return None
    target = model.goal.target
    if target is not None and not model.arrived:
        return _unreached(model, rows, target)
    hyperbola = _hyperbola(model, rows)
    return LearningFit(
        optimizer=model.optimizer.name,
        rule=model.optimizer.rule,
        target=model.level,
        runs=compared(model),
        predictions=tuple(rows),
        steps_min=hyperbola.s_min,
        critical_batch_size=hyperbola.critical_batch_size,
        critical_reason=hyperbola.reason,
        lack_of_fit=hyperbola.lack_of_fit,
    )


def _unreached(model: LearningModel, rows: Sequence[BatchPrediction], target: float) -> LearningFit:
    """The fit while no run has reached the goal: which runs there were, and no cost."""
    unknown = Estimate(math.nan)
    return LearningFit(
        optimizer=model.optimizer.name,
        rule=model.optimizer.rule,
        target=target,
        runs=tuple(replace(run, steps=None) for run in compared(model)),
        predictions=tuple(
            replace(
                row,
                steps=unknown,
                examples=unknown,
                seconds=unknown,
                joules=None if row.joules is None else unknown,
                cost=None if row.cost is None else unknown,
                runs_reached=0,
                runs_censored=row.runs_reached + row.runs_censored,
            )
            for row in rows
            if row.runs_reached + row.runs_censored
        ),
        steps_min=None,
        critical_batch_size=None,
        critical_reason=Remark.of("no_run_reached_goal"),
        lack_of_fit=None,
    )


def predict_size(model: LearningModel, size: int, costs: StepCosts) -> BatchPrediction | None:
    """What is known of one batch size at its best learning rate; None where that is too vague."""
    arrived = {
        run.learning_rate for run in model.runs if run.batch_size == size and run.steps is not None
    }
    rates = sorted(arrived or {model.rule(size) * 2**octave for octave in RATE_OCTAVES})
    scores = [mean + _CAUTION * sd for mean, sd in model.predict([(size, r) for r in rates])]
    return predict_pair(model, size, rates[scores.index(min(scores))], costs)


def predict_pair(
    model: LearningModel, size: int, rate: float, costs: StepCosts
) -> BatchPrediction | None:
    """What is known of one batch size at one learning rate; None where that is too vague.

    Its counts of runs are those of the batch size, at any learning rate.
    """
    ((mean, sd),) = model.predict([(size, rate)])
    if sd > KNOWN_SD:
        return None
    log_steps = mean - math.log(model.cost_per_step(size))
    log_seconds = log_steps + math.log(costs.seconds(size))
    log_examples = log_steps + math.log(costs.examples(size))
    learned = (sd**2, model.surface.freedom)
    stepped = costs.seconds.log_error(size)
    half, timed = half_width([learned]), half_width([learned, stepped])
    runs = [run for run in model.runs if run.batch_size == size]
    joules = price = None
    if costs.joules is not None:
        powered = half_width([learned, stepped, (_POWER_SD**2, math.inf)])
        joules = _estimate(
            log_steps + math.log(costs.joules(size)), powered, "J", "surface_step_time_and_power"
        )
    if costs.per_second is not None:
        price = _estimate(
            log_seconds + math.log(costs.per_second), timed, "currency", "surface_and_step_time"
        )
    return BatchPrediction(
        batch_size=size,
        learning_rate=rate,
        steps=_estimate(log_steps, half, "steps", "response_surface"),
        examples=_estimate(log_examples, half, "examples", "response_surface"),
        seconds=_estimate(log_seconds, timed, "s", "surface_and_step_time"),
        runs_reached=sum(run.steps is not None for run in runs),
        runs_censored=sum(run.steps is None for run in runs),
        joules=joules,
        cost=price,
    )


def cost(model: LearningModel, row: BatchPrediction) -> float:
    """Predicted cost of a row under the model's objective."""
    return row.steps.value * model.cost_per_step(row.batch_size)


def choose(model: LearningModel, rows: Sequence[BatchPrediction]) -> BatchPrediction | None:
    """The best guess among batch sizes where a run arrived; None where none did."""
    arrived = [row for row in rows if row.runs_reached]
    predicted = model.predict([(row.batch_size, row.learning_rate) for row in arrived])
    scores = {
        row.batch_size: mean + _CAUTION * sd
        for row, (mean, sd) in zip(arrived, predicted, strict=True)
    }
    return min(arrived, key=lambda row: scores[row.batch_size], default=None)


def half_width(parts: Sequence[tuple[float, float]]) -> float:
    """Half of a 95% interval of a sum of errors, each (variance, degrees of freedom)."""
    variance, freedom = sum_of_variances(parts)
    return t_quantile(0.95, freedom) * math.sqrt(variance)


def _estimate(log_value: float, half: float, unit: str, note: Note) -> Estimate:
    low, high = math.exp(log_value - half), math.exp(log_value + half)
    return Estimate(math.exp(log_value), low, high, 0.95, unit, note)


def _hyperbola(model: LearningModel, rows: Sequence[BatchPrediction]) -> HyperbolaFit:
    """S(B) through the runs at each batch size's best learning rate."""
    octaves = model.rate_octaves
    best = {
        row.batch_size: octaves(row.batch_size, row.learning_rate)
        for row in rows
        if row.runs_reached
    }
    chosen = [
        run
        for run in model.runs
        if best.get(run.batch_size) == octaves(run.batch_size, run.learning_rate)
    ]
    return fit_hyperbola(
        [run.batch_size for run in chosen],
        [run.steps for run in chosen],
        [None if run.steps is not None else float(run.curve.steps) for run in chosen],
        unevenness=_UNEVENNESS,
    )


def compared(model: LearningModel) -> tuple[Run, ...]:
    """The runs of a model, each compared with the best one."""
    return tuple(replace(run, compared=_compared(model, run)) for run in model.runs)


def _compared(model: LearningModel, run: Run) -> Decision:
    decision, best = Decision("unrivalled", run.batch_size, learning_rate=_rate(run)), model.best
    if run.diverged:
        return replace(decision, kind="diverged")
    if best is None or best.steps is None or (run.steps is not None and not model.arrived):
        return decision
    if run.trial == best.trial:
        return replace(decision, kind="best")
    decision = replace(decision, against=best.batch_size, against_rate=_rate(best))
    price = model.cost_per_step(run.batch_size) / model.cost_per_step(best.batch_size)
    if run.steps is not None:
        return replace(decision, kind="slower", difference=price * run.steps / best.steps - 1)
    both = deepest(run, best, model.goal)
    if both is None:
        return replace(decision, kind="silent")
    level, own_met, met = both
    kind: DecisionKind = "ahead" if own_met * price < met else "behind"
    return replace(decision, kind=kind, difference=price * own_met / met - 1, level=level)


def _rate(run: Run) -> float | None:
    return None if math.isnan(run.learning_rate) else run.learning_rate
