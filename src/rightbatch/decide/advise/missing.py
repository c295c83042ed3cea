"""Why a figure that could not be estimated is missing."""

from rightbatch.decide.advise.capped import why_none
from rightbatch.decide.stages.speed.fit import measured_power
from rightbatch.records import Choice, Fits, LearningFit, Remark, Settings, Stage


def missing(
    fits: Fits,
    learning: LearningFit | None,
    recommended: Choice | None,
    settings: Settings,
    price_per_hour: float | None,
) -> dict[str, Remark]:
    """One remark per missing figure, by its name in the JSON output."""
    why: dict[str, Remark | None] = {}
    if fits.memory is None:
        why["largest_batch_size"] = _not_run("memory", settings)
    elif fits.memory.largest_batch_size is None:
        why["largest_batch_size"] = why_none(fits.memory)
    if fits.speed is None:
        why["knee_batch_size"] = _not_run("speed", settings)
    why["noise_scale"] = _not_run("noise", settings) if fits.noise is None else fits.noise.reason
    if learning is not None:
        why["critical_batch_size"] = learning.critical_reason
    elif fits.learning:
        why["critical_batch_size"] = Remark.of("no_run_reached_goal")
    else:
        why["critical_batch_size"] = _not_run("learning", settings)
    if recommended is None:
        why["batch_size"] = Remark.of("no_step_time")
    unreached, unpowered = Remark.of("goal_not_reached"), Remark.of("no_power")
    if recommended is None or recommended.seconds_to_goal is None:
        why["predicted_seconds_to_goal"] = unreached
    if recommended is None or recommended.joules_to_goal is None:
        powered = fits.speed is not None and measured_power(fits.speed)
        why["predicted_joules_to_goal"] = unreached if powered else unpowered
    if price_per_hour is None:
        why["price_per_hour"] = why["predicted_cost_to_goal"] = Remark.of("no_price")
    elif recommended is None or recommended.cost_to_goal is None:
        why["predicted_cost_to_goal"] = unreached
    return {name: remark for name, remark in why.items() if remark is not None}


def _not_run(stage: Stage, settings: Settings) -> Remark:
    code = "stage_without_result" if stage in settings.stages else "stage_not_selected"
    return Remark.of(code, stage=stage)
