"""The JSON objects of single stages, fits and raw results, documented in docs/json.md."""

from rightbatch.decide.advise.capped import why_none
from rightbatch.records import (
    Accumulation,
    Fits,
    MemoryFit,
    MemoryProbe,
    MemoryResult,
    Recording,
    Stage,
    Trial,
)
from rightbatch.report.decisions import sentence, why
from rightbatch.report.json import (
    DEFAULT_REASON,
    NO_RATE,
    SIZES_THAT_FIT,
    Json,
    estimate_json,
    placement_json,
    prediction_json,
    with_reasons,
)
from rightbatch.report.sentences import outcome_sentence, say, say_all


def stage_json(stage: Stage, fits: Fits, recording: Recording) -> Json:
    """One stage's fit and its raw results as one JSON object.

    Args:
        stage: The stage; its schema is "rightbatch/<stage>/1".
        fits: The fits of the recording.
        recording: The study and its trials.
    """
    make = {"memory": _memory, "speed": _speed, "noise": _noise, "learning": _learning}
    body = make[stage](fits, recording)
    reasons: dict[str, str] = body.pop("why", {})
    default = DEFAULT_REASON if getattr(fits, stage) else f"The {stage} stage gave no result."
    return with_reasons(
        {"schema": f"rightbatch/{stage}/1", "study": recording.study.name, **body},
        reasons,
        default,
    )


def _memory(fits: Fits, recording: Recording) -> Json:
    """The first optimizer's fit on top; the sizes and trials of every optimizer below."""
    fit = fits.memory
    return {
        **_memory_figures(fit),
        "memory_limit_bytes": fit.limit_bytes if fit else None,
        "margin": fit.margin if fit else None,
        "mode": "inference" if recording.study.settings.inference else "training",
        "trials": sum(each.trials for each in fits.memories),
        "seconds": sum((each.seconds for each in fits.memories), 0.0),
        "prediction": say(fit.predicted) if fit and fit.predicted else None,
        "enforced_by": fit.enforced_by or None if fit else None,
        "devices": [memory_of_device(recording, fit)],
        "optimizers": [
            with_reasons(_memory_figures(each), _why_no_memory(each)) for each in fits.memories
        ],
        "results": [
            _memory_row(trial, trial.probe)
            for trial in recording.trials
            if isinstance(trial.probe, MemoryProbe)
        ],
        "why": {"prediction": "None was made.", **_why_no_memory(fit)},
    }


def _memory_figures(fit: MemoryFit | None) -> Json:
    """The figures of a memory fit; null throughout without one."""
    return {
        "optimizer": fit.optimizer if fit else None,
        "largest_batch_size": fit.largest_batch_size if fit else None,
        "safe_batch_size": fit.safe_batch_size if fit else None,
        "lasted_batch_size": fit.lasted_batch_size if fit else None,
        "bytes_fixed": estimate_json(fit.bytes_fixed if fit else None),
        "bytes_per_example": estimate_json(fit.bytes_per_example if fit else None),
        "lack_of_fit": fit.lack_of_fit if fit else None,
        "capped_by": fit.capped_by if fit else None,
        "accumulation": _accumulation(fit.accumulation if fit else None),
    }


def _why_no_memory(fit: MemoryFit | None) -> dict[str, str]:
    """The reasons for missing figures of a memory fit."""
    return {
        "accumulation": "The batch size fits without it, or nothing fits.",
        "lasted_batch_size": "None ran 20 steps: memory is no limit, or time was short.",
        **({} if fit is None else dict.fromkeys(SIZES_THAT_FIT, say(why_none(fit)))),
    }


def memory_of_device(recording: Recording, fit: MemoryFit | None) -> Json:
    """The sizes that fit on one device, a row of `devices`."""
    hardware = recording.hardware
    return with_reasons(
        {
            "device": hardware.device if hardware else None,
            "study": recording.study.name,
            "largest_batch_size": fit.largest_batch_size if fit else None,
            "safe_batch_size": fit.safe_batch_size if fit else None,
        },
        default="No micro-batch tried fits the memory limit.",
    )


def _accumulation(kept: Accumulation | None) -> Json | None:
    if kept is None:
        return None
    return {
        "batch_size": kept.batch_size,
        "micro_batch_size": kept.micro_batch_size,
        "accumulation_steps": kept.accumulation_steps,
        "ran": kept.ran,
        "caveats": list(say_all(kept.caveats)),
    }


def _memory_row(trial: Trial, probe: MemoryProbe) -> Json:
    result = trial.result if isinstance(trial.result, MemoryResult) else None
    return with_reasons(
        {
            "trial": trial.number,
            "batch_size": probe.batch_size,
            "optimizer": probe.optimizer,
            "status": str(trial.outcome.status),
            "advice": outcome_sentence(trial.outcome),
            "peak_bytes": result.peak_bytes if result else None,
            "baseline_bytes": result.baseline_bytes if result else None,
            "step_seconds": result.step_seconds if result else None,
            "accumulation_steps": probe.accumulation_steps,
            "swap_bytes": result.swap_bytes if result else None,
            "spilled_bytes": result.spilled_bytes if result else None,
            "allocator_retries": result.allocator_retries if result else None,
        },
        default=outcome_sentence(trial.outcome) or "The trial ended before it was measured.",
    )


def _speed(fits: Fits, _recording: Recording) -> Json:
    """The first optimizer's fit on top; the rows of every optimizer below."""
    fit = fits.speed
    return {
        "optimizer": fit.optimizer if fit else None,
        "knee_batch_size": estimate_json(fit.knee_batch_size if fit else None),
        "best_examples_per_second": estimate_json(fit.best_examples_per_second if fit else None),
        "alpha_seconds": estimate_json(fit.alpha if fit else None),
        "beta_seconds_per_example": estimate_json(fit.beta if fit else None),
        "lack_of_fit": fit.lack_of_fit if fit else None,
        "interpolated": fit.interpolated if fit else None,
        "utilisation": fit.utilisation if fit else None,
        "load_share": fit.load_share if fit else None,
        "micro_batch_size": fit.micro_batch_size if fit else None,
        "noisy": fit.noisy if fit else None,
        "noise_reason": say(fit.noise_reason) if fit and fit.noise_reason else "",
        "results": [
            {
                "optimizer": timed.optimizer,
                "batch_size": point.batch_size,
                "step_seconds": estimate_json(point.step_seconds),
                "load_seconds": point.load_seconds,
                "examples_per_second": estimate_json(point.examples_per_second),
                "samples": list(point.samples),
                "placement": placement_json(point.placement),
                **with_reasons(
                    {"power_watts": point.power_watts}, default="No power was measured."
                ),
            }
            for timed in fits.speeds
            for point in timed.points
        ],
    }


def _noise(fits: Fits, _recording: Recording) -> Json:
    """The first optimizer's noise scale on top; the rows of every optimizer below."""
    fit, unclear = fits.noise, "The gradient is indistinguishable from zero here."
    return {
        "optimizer": fit.optimizer if fit else None,
        "noise_scale": estimate_json(fit.noise_scale if fit else None),
        "results": [
            with_reasons(
                {
                    "optimizer": each.optimizer,
                    "step": point.step,
                    "examples": point.examples,
                    "noise_scale": estimate_json(point.noise_scale),
                },
                default=unclear,
            )
            for each in fits.noises
            for point in each.points
        ],
        "why": {"noise_scale": say(fit.reason)} if fit and fit.reason else {},
    }


def _learning(fits: Fits, recording: Recording) -> Json:
    """The first optimizer's fit on top; the rows and runs of every optimizer below."""
    facts, objective = recording.study.facts, recording.study.settings.objective
    metric = facts.goal.metric if facts else "metric"
    first = fits.learning[0] if fits.learning else None
    return {
        "optimizer": first.optimizer if first else None,
        "rule": first.rule if first else None,
        "target": first.target if first else None,
        "critical_batch_size": estimate_json(first.critical_batch_size if first else None),
        "steps_min": estimate_json(first.steps_min if first else None),
        "lack_of_fit": first.lack_of_fit if first else None,
        "results": [
            {"optimizer": fit.optimizer, **prediction_json(row)}
            for fit in fits.learning
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
                    "steps_done": run.curve.steps,
                    "train_seconds": run.train_seconds,
                    "reason": why(run.reason, run.decisions),
                    "verdict": sentence(run.compared, metric, objective) if run.compared else "",
                },
                {"steps_to_goal": "The run ended before it reached the goal.", **NO_RATE},
            )
            for fit in fits.learning
            for run in fit.runs
        ],
        "why": dict.fromkeys(("critical_batch_size", "steps_min"), say(first.critical_reason))
        if first and first.critical_reason
        else {},
    }
