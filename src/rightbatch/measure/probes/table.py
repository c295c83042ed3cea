"""The function for each kind of probe."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from rightbatch.measure.ports import InParts, Measured, Progress, Subject
from rightbatch.measure.probes.memory import measure_memory
from rightbatch.measure.probes.noise import measure_noise
from rightbatch.measure.probes.predict import predict_memory
from rightbatch.measure.probes.speed import measure_speed
from rightbatch.measure.probes.training import train
from rightbatch.records import (
    DescribeProbe,
    DescribeResult,
    MemoryProbe,
    NoiseProbe,
    Outcome,
    PredictProbe,
    Probe,
    SpeedProbe,
    Status,
    TrainingProbe,
)


def describe(
    subject: Subject, probe: DescribeProbe, progress: Progress
) -> tuple[Outcome, DescribeResult]:
    """Facts of the workload and of the machine, the first probe of a study."""
    hardware = subject.device.hardware(subject.threads, probe.memory_limit_bytes)
    hardware = replace(hardware, versions=hardware.versions + subject.versions())
    return Outcome(Status.OK), DescribeResult(subject.facts(), hardware)


MEASURES: dict[type[Probe], Callable[[Subject, Any, Progress], Measured | InParts]] = {
    DescribeProbe: describe,
    MemoryProbe: measure_memory,
    SpeedProbe: measure_speed,
    NoiseProbe: measure_noise,
    TrainingProbe: train,
    PredictProbe: predict_memory,
}
"""Kind of probe -> (subject, probe, progress) -> the outcome and what was measured."""
