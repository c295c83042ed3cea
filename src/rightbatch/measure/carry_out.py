"""The entry point of a trial's process: one probe of one workload."""

import time
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

from rightbatch.measure.devices.cpu import CpuDevice
from rightbatch.measure.frameworks.loading import load_subject
from rightbatch.measure.ports import InParts, Job, Measured, Progress, Subject
from rightbatch.measure.probes.memory import measure_memory, out_of_memory
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


def carry_out(job: Job, progress: Progress) -> Measured | InParts:
    """Load the workload and run the job's probe.

    Returns:
        The outcome, and what was measured (None where memory ran out first). For a run that may
        pause, a generator that yields them at each pause and is sent the job to resume with.
    """
    if not job.probe.uses_device:
        job = replace(job, device="cpu")
    begin = time.perf_counter()
    subject = load_subject(job, CpuDevice())
    left = job.probe.seconds_limit - (time.perf_counter() - begin)
    probe = replace(job.probe, seconds_limit=left)
    try:
        measured = MEASURES[type(probe)](subject, probe, progress)
    except Exception as error:
        return _if_memory_ran_out(error, subject, probe)
    return _in_parts(measured, subject, probe) if isinstance(measured, Generator) else measured


def _in_parts(parts: InParts, subject: Subject, probe: Probe) -> InParts:
    try:
        return (yield from parts)
    except Exception as error:
        return _if_memory_ran_out(error, subject, probe)


def _if_memory_ran_out(error: Exception, subject: Subject, probe: Probe) -> Measured:
    """The outcome for an out-of-memory error; any other exception is raised again."""
    if not subject.is_out_of_memory(error):
        raise error
    inference = isinstance(probe, MemoryProbe) and probe.inference
    return out_of_memory(probe.examples_at_once, inference), None
