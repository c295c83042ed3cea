"""The JSON contract, version 1: what `--json` prints, documented in docs/json.md.

Every object is strict JSON: a number that is not finite, and every figure that could not be
estimated, is null with the reason beside it under `<name>_reason`.
"""

import math
from collections.abc import Mapping
from typing import Any

from rightbatch.decide.advice.capped import why_none
from rightbatch.records import (
    Accumulation,
    Advice,
    BatchPrediction,
    Choice,
    Estimate,
    Fits,
    LearningFit,
    MemoryFit,
    MemoryProbe,
    MemoryResult,
    NoiseFit,
    Recording,
    SpeedFit,
    Stage,
    Trial,
)
from rightbatch.report.decisions import sentence, why
from rightbatch.report.ending import ending_told
from rightbatch.report.findings import pick_fit

Json = dict[str, Any]

_BY_STAGE = {
    "largest_batch_size": "memory",
    "safe_batch_size": "memory",
    "knee_batch_size": "speed",
    "noise_scale": "noise",
    "critical_batch_size": "learning",
}
_SIZES_THAT_FIT = ("largest_batch_size", "safe_batch_size")
_PRICED = ("predicted_joules_to_goal", "predicted_cost_to_goal")
_NOT_COMPARED = "The times of both settings are not known, or they are the same settings."
_NO_REFERENCE = "The study was recorded elsewhere: nobody's present settings are known."
_NO_RATE = {"learning_rate": "It was not recorded."}
_DEFAULT_REASON = "There is not enough data for it."


def advice_json(advice: Advice) -> Json:
    """The advice as one JSON object, schema "rightbatch/advice/1"."""
    fits = advice.fits
    learning = pick_fit(fits, advice.recommended)
    figures, why = _figures(fits.memory, fits.speed, fits.noise, learning)
    if advice.recommended is None and "batch_size" in advice.missing:
        why |= dict.fromkeys(_choice(None), advice.missing["batch_size"])
    if advice.recommended is not None:
        why |= _NO_RATE
    unpriced = {name: why for name, why in advice.missing.items() if name in _PRICED} | _NO_RATE
    why["reference"] = _NO_REFERENCE
    why["times_as_fast"] = _NO_REFERENCE if advice.reference is None else _NOT_COMPARED
    spent = advice.time_spent
    told = {
        "schema": "rightbatch/advice/1",
        "study": advice.study,
        "goal": advice.goal,
        "objective": advice.objective,
        "price_per_hour": advice.price_per_hour,
        "headline": advice.headline,
        **_choice(advice.recommended),
        "near_optimal": list(advice.near_optimal),
        "binding_constraint": advice.binding_constraint,
        **figures,
        "reference": None
        if advice.reference is None
        else with_reasons(_choice(advice.reference), unpriced),
        "times_as_fast": _estimate(advice.times_as_fast),
        "reasons": list(advice.reasons),
        "ended": None if advice.ended is None else ending_told(advice.ended),
        "warnings": list(advice.warnings),
        "results": [
            {"optimizer": fit.optimizer, **_prediction(row)}
            for fit in fits.learning
            for row in fit.predictions
        ],
        "optimizers": [_compared(choice, fits, unpriced) for choice in advice.by_optimizer],
        "regimes": [
            {"regime": regime, **with_reasons(_choice(choice), unpriced)}
            for regime, choice in advice.regimes
        ],
        "time_spent": with_reasons(
            {
                "training_seconds": spent.training,
                "measuring_seconds": spent.measuring,
                "around_seconds": spent.around,
                "overlapped_seconds": spent.overlapped,
                "budget_seconds": spent.budget,
                "time_to_model_seconds": spent.to_model,
            },
            {
                "budget_seconds": "No budget was set.",
                "time_to_model_seconds": "No run reached a target.",
            },
        ),
    }
    why["ended"] = "The study was recorded elsewhere, or planned by another version."
    return with_reasons(told, why | advice.missing)


def _figures(
    memory: MemoryFit | None,
    speed: SpeedFit | None,
    noise: NoiseFit | None,
    learning: LearningFit | None,
) -> tuple[Json, dict[str, str]]:
    """What each stage found with an optimizer, and why a figure would be missing."""
    why = {name: f"The {stage} stage was not run." for name, stage in _BY_STAGE.items()}
    if noise is not None:
        why["noise_scale"] = noise.reason
    if learning is not None:
        why["critical_batch_size"] = learning.critical_reason
    if memory is not None:
        why |= dict.fromkeys(_SIZES_THAT_FIT, why_none(memory))
    figures = {
        "largest_batch_size": memory.largest_batch_size if memory else None,
        "safe_batch_size": memory.safe_batch_size if memory else None,
        "knee_batch_size": _estimate(speed.knee_batch_size if speed else None),
        "critical_batch_size": _estimate(learning.critical_batch_size if learning else None),
        "noise_scale": _estimate(noise.noise_scale if noise else None),
    }
    return figures, why


def _compared(choice: Choice, fits: Fits, unpriced: Mapping[str, str]) -> Json:
    """The best choice of an optimizer, and what each stage found with it."""
    name = choice.optimizer
    figures, why = _figures(
        fits.memory_of(name), fits.speed_of(name), fits.noise_of(name), pick_fit(fits, choice)
    )
    return with_reasons(_choice(choice) | figures, {**why, **unpriced})


def stage_json(stage: Stage, fits: Fits, recording: Recording) -> Json:
    """One stage's fit and its raw results as one JSON object.

    Args:
        stage: The stage; its schema is "rightbatch/<stage>/1".
        fits: The fits of the recording.
        recording: The study and its trials.
    """
    told: Json = {"schema": f"rightbatch/{stage}/1", "study": recording.study.name}
    if stage == "memory":
        body = _memory(fits, recording)
    elif stage == "speed":
        body = _speed(fits)
    elif stage == "noise":
        body = _noise(fits)
    else:
        facts = recording.study.facts
        body = _learning(fits.learning, facts.goal.metric if facts else "metric")
    default = f"The {stage} stage gave no result." if _absent(stage, fits) else _DEFAULT_REASON
    reasons: dict[str, str] = body.pop("why", {})
    return with_reasons(told | body, reasons, default)


def _absent(stage: Stage, fits: Fits) -> bool:
    return not getattr(fits, stage)


def _choice(choice: Choice | None) -> Json:
    return {
        "optimizer": choice.optimizer if choice else None,
        "batch_size": choice.batch_size if choice else None,
        "learning_rate": choice.learning_rate if choice else None,
        "micro_batch_size": choice.micro_batch_size if choice else None,
        "accumulation_steps": choice.accumulation_steps if choice else None,
        "steps_per_epoch": choice.steps_per_epoch if choice else None,
        "epochs_to_goal": _estimate(choice.epochs_to_goal if choice else None),
        "predicted_seconds_to_goal": _estimate(choice.seconds_to_goal if choice else None),
        "predicted_steps_to_goal": _estimate(choice.steps_to_goal if choice else None),
        "predicted_joules_to_goal": _estimate(choice.joules_to_goal if choice else None),
        "predicted_cost_to_goal": _estimate(choice.cost_to_goal if choice else None),
    }


def _prediction(row: BatchPrediction) -> Json:
    unreached = "No training run reached the goal."
    figures = ("steps", "examples", "seconds", "joules", "cost")
    why = {f"predicted_{figure}_to_goal": unreached for figure in figures}
    return with_reasons(
        {
            "batch_size": row.batch_size,
            "learning_rate": row.learning_rate,
            "predicted_steps_to_goal": _estimate(row.steps),
            "predicted_examples_to_goal": _estimate(row.examples),
            "predicted_seconds_to_goal": _estimate(row.seconds),
            "predicted_joules_to_goal": _estimate(row.joules),
            "predicted_cost_to_goal": _estimate(row.cost),
            "runs_reached": row.runs_reached,
            "runs_censored": row.runs_censored,
        },
        why | _NO_RATE | _unmeasured(row.joules, row.cost),
    )


def _unmeasured(joules: Estimate | None, cost: Estimate | None) -> dict[str, str]:
    """Why energy or cost is not told where that has nothing to do with the goal."""
    why = {}
    if joules is None:
        why["predicted_joules_to_goal"] = "No power was measured."
    if cost is None:
        why["predicted_cost_to_goal"] = "No price was given; see --price-per-hour."
    return why


def _memory(fits: Fits, recording: Recording) -> Json:
    """The first optimizer's fit at the top; every optimizer's answer and trials under it."""
    fit = fits.memory
    rows = [
        _memory_row(trial, trial.probe)
        for trial in recording.trials
        if isinstance(trial.probe, MemoryProbe)
    ]
    return {
        **_memory_figures(fit),
        "memory_limit_bytes": fit.limit_bytes if fit else None,
        "margin": fit.margin if fit else None,
        "mode": "inference" if recording.study.settings.inference else "training",
        "trials": sum(of_one.trials for of_one in fits.memories),
        "seconds": sum((of_one.seconds for of_one in fits.memories), 0.0),
        "prediction": fit.predicted or None if fit else None,
        "enforced_by": fit.enforced_by or None if fit else None,
        "devices": [memory_of_device(recording, fit)],
        "optimizers": [
            with_reasons(_memory_figures(of_one), _why_no_memory(of_one))
            for of_one in fits.memories
        ],
        "results": rows,
        "why": {"prediction": "None was made.", **_why_no_memory(fit)},
    }


def _memory_figures(fit: MemoryFit | None) -> Json:
    """What fits with an optimizer."""
    return {
        "optimizer": fit.optimizer if fit else None,
        "largest_batch_size": fit.largest_batch_size if fit else None,
        "safe_batch_size": fit.safe_batch_size if fit else None,
        "lasted_batch_size": fit.lasted_batch_size if fit else None,
        "bytes_fixed": _estimate(fit.bytes_fixed if fit else None),
        "bytes_per_example": _estimate(fit.bytes_per_example if fit else None),
        "lack_of_fit": fit.lack_of_fit if fit else None,
        "capped_by": fit.capped_by if fit else None,
        "accumulation": _accumulation(fit.accumulation if fit else None),
    }


def _why_no_memory(fit: MemoryFit | None) -> dict[str, str]:
    no_size = {} if fit is None else dict.fromkeys(_SIZES_THAT_FIT, why_none(fit))
    return {
        "accumulation": "The batch size fits without it, or nothing fits.",
        "lasted_batch_size": "None ran 20 steps: memory is no limit, or time was short.",
        **no_size,
    }


def memory_of_device(recording: Recording, fit: MemoryFit | None) -> Json:
    """The answer for one device, a row of `devices`."""
    hardware = recording.study.hardware
    return with_reasons(
        {
            "device": hardware.device if hardware else None,
            "study": recording.study.name,
            "largest_batch_size": fit.largest_batch_size if fit else None,
            "safe_batch_size": fit.safe_batch_size if fit else None,
        },
        default="No batch size that was tried fits in the limit.",
    )


def _accumulation(kept: Accumulation | None) -> Json | None:
    if kept is None:
        return None
    return {
        "batch_size": kept.batch_size,
        "micro_batch_size": kept.micro_batch_size,
        "accumulation_steps": kept.accumulation_steps,
        "ran": kept.ran,
        "caveats": list(kept.caveats),
    }


def _memory_row(trial: Trial, probe: MemoryProbe) -> Json:
    result = trial.result if isinstance(trial.result, MemoryResult) else None
    return with_reasons(
        {
            "trial": trial.number,
            "batch_size": probe.batch_size,
            "optimizer": probe.optimizer,
            "status": str(trial.outcome.status),
            "advice": trial.outcome.advice,
            "peak_bytes": result.peak_bytes if result else None,
            "baseline_bytes": result.baseline_bytes if result else None,
            "step_seconds": result.step_seconds if result else None,
            "accumulation_steps": probe.accumulation_steps,
            "swap_bytes": result.swap_bytes if result else None,
            "spilled_bytes": result.spilled_bytes if result else None,
            "allocator_retries": result.allocator_retries if result else None,
        },
        default=trial.outcome.advice or "The trial ended before it was measured.",
    )


def _speed(fits: Fits) -> Json:
    """The first optimizer's fit at the top; every optimizer's rows under it."""
    fit = fits.speed
    return {
        "optimizer": fit.optimizer if fit else None,
        "knee_batch_size": _estimate(fit.knee_batch_size if fit else None),
        "best_examples_per_second": _estimate(fit.best_examples_per_second if fit else None),
        "alpha_seconds": _estimate(fit.alpha if fit else None),
        "beta_seconds_per_example": _estimate(fit.beta if fit else None),
        "lack_of_fit": fit.lack_of_fit if fit else None,
        "interpolated": fit.interpolated if fit else None,
        "utilisation": fit.utilisation if fit else None,
        "load_share": fit.load_share if fit else None,
        "micro_batch_size": fit.micro_batch_size if fit else None,
        "noisy": fit.noisy if fit else None,
        "noise_reason": fit.noise_reason if fit else "",
        "results": [
            {
                "optimizer": timed.optimizer,
                "batch_size": point.batch_size,
                "step_seconds": _estimate(point.step_seconds),
                "load_seconds": point.load_seconds,
                "examples_per_second": _estimate(point.examples_per_second),
                "samples": list(point.samples),
                **with_reasons(
                    {"power_watts": point.power_watts}, default="No power was measured."
                ),
            }
            for timed in fits.speeds
            for point in timed.points
        ],
    }


def _noise(fits: Fits) -> Json:
    """The first optimizer's scale at the top; every optimizer's rows under it."""
    fit, unclear = fits.noise, "The gradient cannot be told from its noise here."
    return {
        "optimizer": fit.optimizer if fit else None,
        "noise_scale": _estimate(fit.noise_scale if fit else None),
        "results": [
            with_reasons(
                {
                    "optimizer": of_one.optimizer,
                    "step": point.step,
                    "examples": point.examples,
                    "noise_scale": _estimate(point.noise_scale),
                },
                default=unclear,
            )
            for of_one in fits.noises
            for point in of_one.points
        ],
        "why": {"noise_scale": fit.reason} if fit else {},
    }


def _learning(fits: tuple[LearningFit, ...], metric: str) -> Json:
    """The first optimizer's fit at the top; every optimizer's rows and runs under it."""
    first = fits[0] if fits else None
    return {
        "optimizer": first.optimizer if first else None,
        "rule": first.rule if first else None,
        "target": first.target if first else None,
        "critical_batch_size": _estimate(first.critical_batch_size if first else None),
        "steps_min": _estimate(first.steps_min if first else None),
        "lack_of_fit": first.lack_of_fit if first else None,
        "results": [
            {"optimizer": fit.optimizer, **_prediction(row)}
            for fit in fits
            for row in fit.predictions
        ],
        "runs": [
            with_reasons(
                {
                    "optimizer": fit.optimizer,
                    "trial": run.trial,
                    "batch_size": run.batch_size,
                    "learning_rate": run.learning_rate,
                    "seed": run.seed,
                    "status": run.status,
                    "steps_to_goal": run.steps,
                    "steps_done": run.steps_done,
                    "train_seconds": run.train_seconds,
                    "reason": why(run.reason, run.decisions, metric),
                    "verdict": sentence(run.verdict, metric) if run.verdict else "",
                },
                {"steps_to_goal": "The run ended before it reached the goal.", **_NO_RATE},
            )
            for fit in fits
            for run in fit.runs
        ],
        "why": dict.fromkeys(("critical_batch_size", "steps_min"), first.critical_reason)
        if first
        else {},
    }


def _estimate(found: Estimate | None) -> Json | None:
    if found is None or not math.isfinite(found.value):
        return None
    return {
        "value": found.value,
        "low": _end(found.low),
        "high": _end(found.high),
        "level": found.level,
        "unit": found.unit,
        "note": found.note,
    }


def _end(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def with_reasons(
    told: Json, reasons: Mapping[str, str] | None = None, default: str = _DEFAULT_REASON
) -> Json:
    """The object with the reason beside every figure that is null or not finite."""
    out: Json = {}
    for name, value in told.items():
        known = not (value is None or (isinstance(value, float) and not math.isfinite(value)))
        out[name] = value if known else None
        if not known:
            out[f"{name}_reason"] = (reasons or {}).get(name) or default
    return out
