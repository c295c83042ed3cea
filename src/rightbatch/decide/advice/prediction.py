"""A predicted memory line, for choosing where to measure."""

from rightbatch.records import Estimate, PredictResult
from rightbatch.science.memory import MemoryLine


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
