"""Why a figure that could not be estimated is missing."""

from rightbatch.decide.advise.capped import why_none
from rightbatch.decide.stages.speed.fit import measured_power
from rightbatch.records import Choice, Fits, LearningFit, Settings


def missing(
    fits: Fits,
    learning: LearningFit | None,
    recommended: Choice | None,
    settings: Settings,
    price_per_hour: float | None,
) -> dict[str, str]:
    """One sentence per missing figure, by its name in the JSON output."""
    told: dict[str, str] = {}
    if fits.memory is None:
        told["largest_batch_size"] = _not_run("memory", settings)
    elif fits.memory.largest_batch_size is None:
        told["largest_batch_size"] = why_none(fits.memory)
    if fits.speed is None:
        told["knee_batch_size"] = _not_run("speed", settings)
    if fits.noise is None:
        told["noise_scale"] = _not_run("noise", settings)
    elif fits.noise.noise_scale is None:
        told["noise_scale"] = fits.noise.reason
    if learning is None:
        why = (
            "No training run reached the goal." if fits.learning else _not_run("learning", settings)
        )
        told["critical_batch_size"] = why
    elif learning.critical_batch_size is None:
        told["critical_batch_size"] = learning.critical_reason
    if recommended is None:
        told["batch_size"] = "Nothing tells yet what a step takes; allow a longer budget."
    unknown = "No training run reached the goal; allow a longer budget or set a nearer goal."
    if recommended is None or recommended.seconds_to_goal is None:
        told["predicted_seconds_to_goal"] = unknown
    if recommended is None or recommended.joules_to_goal is None:
        powered = fits.speed is not None and measured_power(fits.speed)
        told["predicted_joules_to_goal"] = unknown if powered else "No power was measured."
    if price_per_hour is None:
        told["price_per_hour"] = "No price was given."
    if recommended is None or recommended.cost_to_goal is None:
        told["predicted_cost_to_goal"] = (
            unknown if price_per_hour is not None else "No price was given; see --price-per-hour."
        )
    return told


def _not_run(stage: str, settings: Settings) -> str:
    if stage in settings.stages:
        return f"The {stage} stage brought no result in the budget."
    return f"The {stage} stage was not asked for."
