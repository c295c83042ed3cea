"""The JSON contract, version 1: the output of `--json`, documented in docs/json.md.

Every object is strict JSON: a non-finite number, or a figure that could not be estimated, is null
with the reason in `<name>_reason`.
"""

import math
from collections.abc import Mapping
from typing import Any

from rightbatch.decide.advise.capped import why_none
from rightbatch.records import (
    Advice,
    BatchPrediction,
    Choice,
    Estimate,
    Fits,
    LearningFit,
    MemoryFit,
    NoiseFit,
    Placement,
    SpeedFit,
    TimeSpent,
)
from rightbatch.report.decisions import ending_sentence
from rightbatch.report.findings import pick_fit
from rightbatch.report.sentences import say, say_all
from rightbatch.report.sentences.phrases import NOTES

Json = dict[str, Any]

SIZES_THAT_FIT = ("largest_batch_size", "safe_batch_size")
NO_RATE = {"learning_rate": "It was not recorded."}
DEFAULT_REASON = "There is not enough data for it."

_BY_STAGE = {
    "largest_batch_size": "memory",
    "safe_batch_size": "memory",
    "knee_batch_size": "speed",
    "noise_scale": "noise",
    "critical_batch_size": "learning",
}
_PRICED = ("predicted_joules_to_goal", "predicted_cost_to_goal")
_NO_REFERENCE = "The study was recorded elsewhere, without present settings."


def advice_json(advice: Advice) -> Json:
    """The advice as one JSON object, schema "rightbatch/advice/1"."""
    fits = advice.fits
    learning = pick_fit(fits, advice.recommended)
    missing = {name: say(remark) for name, remark in advice.remarks.missing.items()}
    figures, why = _figures(fits.memory, fits.speed, fits.noise, learning)
    if advice.recommended is not None:
        why |= NO_RATE
    elif "batch_size" in missing:
        why |= dict.fromkeys(_choice(None), missing["batch_size"])
    unpriced = {name: reason for name, reason in missing.items() if name in _PRICED} | NO_RATE
    why |= {
        "reference": _NO_REFERENCE,
        "times_as_fast": _NO_REFERENCE
        if advice.reference is None
        else "One of the two times is unknown, or both are the same settings.",
        "ended": "The study was recorded elsewhere, or planned by another version.",
    }
    values = {
        "schema": "rightbatch/advice/1",
        "study": advice.study,
        "goal": advice.goal,
        "objective": advice.objective,
        "price_per_hour": advice.price_per_hour,
        "headline": say(advice.remarks.headline),
        **_choice(advice.recommended),
        "near_optimal": list(advice.near_optimal),
        "limited_by": advice.binding_constraint,
        "binding_constraint": advice.binding_constraint,
        **figures,
        "reference": None
        if advice.reference is None
        else with_reasons(_choice(advice.reference), unpriced),
        "times_as_fast": estimate_json(advice.times_as_fast),
        "reasons": list(say_all(advice.remarks.reasons)),
        "ended": None if advice.ended is None else ending_sentence(advice.ended),
        "warnings": list(say_all(advice.remarks.warnings)),
        "results": [
            {"optimizer": fit.optimizer, **prediction_json(row)}
            for fit in fits.learning
            for row in fit.predictions
        ],
        "optimizers": [_compared(choice, fits, unpriced) for choice in advice.by_optimizer],
        "regimes": [
            {"regime": regime, **with_reasons(_choice(choice), unpriced)}
            for regime, choice in advice.regimes
        ],
        "time_spent": _time_spent(advice.time_spent),
    }
    return with_reasons(values, why | missing)


def _time_spent(spent: TimeSpent) -> Json:
    """Where the time went; renamed figures also appear under their old names."""
    return with_reasons(
        {
            "training_seconds": spent.training,
            "measuring_seconds": spent.measuring,
            "overhead_seconds": spent.overhead,
            "around_seconds": spent.overhead,
            "overlapped_seconds": spent.overlapped,
            "budget_seconds": spent.budget,
            "time_to_model_seconds": spent.to_model,
        },
        {
            "budget_seconds": "No budget was set.",
            "time_to_model_seconds": "No run reached the goal.",
        },
    )


def _figures(
    memory: MemoryFit | None,
    speed: SpeedFit | None,
    noise: NoiseFit | None,
    learning: LearningFit | None,
) -> tuple[Json, dict[str, str]]:
    """The figures of each stage for one optimizer, and the reasons for any that are missing."""
    why = {name: f"The {stage} stage was not run." for name, stage in _BY_STAGE.items()}
    if noise is not None and noise.reason is not None:
        why["noise_scale"] = say(noise.reason)
    if learning is not None and learning.critical_reason is not None:
        why["critical_batch_size"] = say(learning.critical_reason)
    if memory is not None:
        why |= dict.fromkeys(SIZES_THAT_FIT, say(why_none(memory)))
    figures = {
        "largest_batch_size": memory.largest_batch_size if memory else None,
        "safe_batch_size": memory.safe_batch_size if memory else None,
        "knee_batch_size": estimate_json(speed.knee_batch_size if speed else None),
        "critical_batch_size": estimate_json(learning.critical_batch_size if learning else None),
        "noise_scale": estimate_json(noise.noise_scale if noise else None),
    }
    return figures, why


def _compared(choice: Choice, fits: Fits, unpriced: Mapping[str, str]) -> Json:
    """The best choice of an optimizer, and the figures of each stage."""
    name = choice.optimizer
    figures, why = _figures(
        fits.memory_of(name), fits.speed_of(name), fits.noise_of(name), pick_fit(fits, choice)
    )
    return with_reasons(_choice(choice) | figures, {**why, **unpriced})


def _choice(choice: Choice | None) -> Json:
    """A choice; null throughout without one."""
    return {
        "optimizer": choice.optimizer if choice else None,
        "batch_size": choice.batch_size if choice else None,
        "learning_rate": choice.learning_rate if choice else None,
        "micro_batch_size": choice.micro_batch_size if choice else None,
        "accumulation_steps": choice.accumulation_steps if choice else None,
        "placement": placement_json(choice.placement) if choice else None,
        "steps_per_epoch": choice.steps_per_epoch if choice else None,
        "epochs_to_goal": estimate_json(choice.epochs_to_goal if choice else None),
        "predicted_seconds_to_goal": estimate_json(choice.seconds_to_goal if choice else None),
        "predicted_steps_to_goal": estimate_json(choice.steps_to_goal if choice else None),
        "predicted_joules_to_goal": estimate_json(choice.joules_to_goal if choice else None),
        "predicted_cost_to_goal": estimate_json(choice.cost_to_goal if choice else None),
    }


def estimate_json(found: Estimate | None) -> Json | None:
    """An estimate; None without a finite value."""
    if found is None or not math.isfinite(found.value):
        return None
    return {
        "value": found.value,
        "low": _end(found.low),
        "high": _end(found.high),
        "level": found.level,
        "unit": found.unit,
        "note": NOTES[found.note],
    }


def _end(value: float | None) -> float | None:
    """An end of an interval; None if it is unbounded."""
    return value if value is not None and math.isfinite(value) else None


def placement_json(placement: Placement) -> Json:
    """The devices that share each step; their kind is null if unknown."""
    return {
        **with_reasons({"device": placement.device or None}, default="It was not recorded."),
        "devices": placement.devices,
        "nodes": placement.nodes,
    }


def with_reasons(
    values: Json, reasons: Mapping[str, str] | None = None, default: str = DEFAULT_REASON
) -> Json:
    """The object with a reason for every value that is null or not finite."""
    out: Json = {}
    for name, value in values.items():
        known = not (value is None or (isinstance(value, float) and not math.isfinite(value)))
        out[name] = value if known else None
        if not known:
            out[f"{name}_reason"] = (reasons or {}).get(name) or default
    return out


def prediction_json(row: BatchPrediction) -> Json:
    """The prediction for a batch size, a row of `results`."""
    figures = ("steps", "examples", "seconds", "joules", "cost")
    why = dict.fromkeys(
        (f"predicted_{figure}_to_goal" for figure in figures), "No training run reached the goal."
    )
    if row.joules is None:
        why["predicted_joules_to_goal"] = "No power was measured."
    if row.cost is None:
        why["predicted_cost_to_goal"] = "No price was given (price_per_hour)."
    return with_reasons(
        {
            "batch_size": row.batch_size,
            "learning_rate": row.learning_rate,
            "predicted_steps_to_goal": estimate_json(row.steps),
            "predicted_examples_to_goal": estimate_json(row.examples),
            "predicted_seconds_to_goal": estimate_json(row.seconds),
            "predicted_joules_to_goal": estimate_json(row.joules),
            "predicted_cost_to_goal": estimate_json(row.cost),
            "runs_reached": row.runs_reached,
            "runs_censored": row.runs_censored,
        },
        why | NO_RATE,
    )
