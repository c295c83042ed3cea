"""What the objects of the JSON contract are made of.

A number that is not finite, and every figure that could not be estimated, is null with the reason
beside it under `<name>_reason`.
"""

import math
from collections.abc import Mapping
from typing import Any

from rightbatch.records import BatchPrediction, Estimate, Placement
from rightbatch.report.sentences.phrases import NOTES

Json = dict[str, Any]

SIZES_THAT_FIT = ("largest_batch_size", "safe_batch_size")
NO_RATE = {"learning_rate": "It was not recorded."}
DEFAULT_REASON = "There is not enough data for it."


def estimate_json(found: Estimate | None) -> Json | None:
    """An estimate; None where it has no finite value."""
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
    return value if value is not None and math.isfinite(value) else None


def placement_json(placement: Placement) -> Json:
    """The devices that take a step together; null where their kind is not known."""
    kind = {"device": placement.device or None}
    return {
        **with_reasons(kind, default="It was not recorded."),
        "devices": placement.devices,
        "nodes": placement.nodes,
    }


def with_reasons(
    told: Json, reasons: Mapping[str, str] | None = None, default: str = DEFAULT_REASON
) -> Json:
    """The object with the reason beside every figure that is null or not finite."""
    out: Json = {}
    for name, value in told.items():
        known = not (value is None or (isinstance(value, float) and not math.isfinite(value)))
        out[name] = value if known else None
        if not known:
            out[f"{name}_reason"] = (reasons or {}).get(name) or default
    return out


def prediction_json(row: BatchPrediction) -> Json:
    """What is predicted of a batch size, a row of `results`."""
    unreached = "No training run reached the goal."
    figures = ("steps", "examples", "seconds", "joules", "cost")
    why = {f"predicted_{figure}_to_goal": unreached for figure in figures}
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
        why | NO_RATE | _unmeasured(row.joules, row.cost),
    )


def _unmeasured(joules: Estimate | None, cost: Estimate | None) -> dict[str, str]:
    """Why energy or cost is unknown where that has nothing to do with the goal."""
    why = {}
    if joules is None:
        why["predicted_joules_to_goal"] = "No power was measured."
    if cost is None:
        why["predicted_cost_to_goal"] = "No price was given; see --price-per-hour."
    return why
