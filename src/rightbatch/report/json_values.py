"""Building blocks of the JSON contract.

A non-finite number, or a figure that could not be estimated, is null with the reason in
`<name>_reason`.
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
    kind = {"device": placement.device or None}
    return {
        **with_reasons(kind, default="It was not recorded."),
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
