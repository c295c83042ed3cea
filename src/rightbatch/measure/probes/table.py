"""The function for each kind of probe."""

from collections.abc import Callable
from typing import Any

from rightbatch.measure.ports import InParts, Measured, Progress, Subject
from rightbatch.measure.probes.describe import describe
from rightbatch.measure.probes.memory import measure_memory
from rightbatch.measure.probes.noise import measure_noise
from rightbatch.measure.probes.predict import predict_memory
from rightbatch.measure.probes.speed import measure_speed
from rightbatch.measure.probes.training import train
from rightbatch.records import (
    DescribeProbe,
    MemoryProbe,
    NoiseProbe,
    PredictProbe,
    Probe,
    SpeedProbe,
    TrainingProbe,
)

Measure = Callable[[Subject, Any, Progress], Measured | InParts]
"""(subject, probe of its kind, progress) -> the outcome and what was measured."""

MEASURES: dict[type[Probe], Measure] = {
    DescribeProbe: describe,
    MemoryProbe: measure_memory,
    SpeedProbe: measure_speed,
    NoiseProbe: measure_noise,
    TrainingProbe: train,
    PredictProbe: predict_memory,
}
