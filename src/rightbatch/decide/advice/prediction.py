"""A prediction of memory among the trials of a study: what it says, and how it was used."""

from collections.abc import Sequence

from rightbatch.decide.advice.evidence import of_kind
from rightbatch.records import Estimate, PredictProbe, PredictResult, Trial
from rightbatch.science.memory import MemoryLine


def prediction(trials: Sequence[Trial]) -> PredictResult | None:
    """The prediction of a study; None where none was made, or it failed."""
    results = (trial.result for trial, _ in of_kind(trials, PredictProbe))
    return next((result for result in results if isinstance(result, PredictResult)), None)


def how_predicted(trials: Sequence[Trial]) -> str:
    """One sentence on what a prediction was good for; empty where none was asked for."""
    found = prediction(trials)
    if found is None:
        return next((trial.outcome.advice for trial, _ in of_kind(trials, PredictProbe)), "")
    most = f"up to {found.largest_batch_size:,}" if found.largest_batch_size else "of none"
    told = f"Memory was predicted before it was measured, for a micro-batch {most}"
    return f"{told}, by small real steps. {found.reason}" if found.reason else f"{told}."


def predicted_line(result: PredictResult) -> MemoryLine:
    """The line of a prediction near its limit, in the form that a fit to measured points has.

    It has no intervals. Its lack of fit is the largest relative distance of a followed size from
    it; sizes far below the limit may lie off the line, where a validation pass decides their peak.
    """
    fixed, slope = result.bytes_fixed, result.bytes_per_example
    note = "predicted without the device"
    return MemoryLine(
        fixed=Estimate(fixed, unit="bytes", note=note),
        slope=Estimate(slope, unit="bytes/example", note=note),
        lack_of_fit=max(
            abs(fixed + slope * peak.batch_size - peak.total_bytes) / peak.total_bytes
            for peak in result.peaks
        ),
    )
