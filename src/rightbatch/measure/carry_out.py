"""What a child process does with its job: one probe of one workload."""

import time
from collections.abc import Generator
from dataclasses import replace

from rightbatch.measure.devices.cpu import CpuDevice
from rightbatch.measure.frameworks.loading import load_subject
from rightbatch.measure.ports import Job, Progress, Subject
from rightbatch.measure.probes.describe import describe
from rightbatch.measure.probes.memory import measure_memory, out_of_memory
from rightbatch.measure.probes.noise import measure_noise
from rightbatch.measure.probes.predict import predict_memory
from rightbatch.measure.probes.speed import measure_speed
from rightbatch.measure.probes.training import TrainingRun, train
from rightbatch.records import (
    DescribeProbe,
    MemoryProbe,
    NoiseProbe,
    Outcome,
    PredictProbe,
    Probe,
    Result,
    SpeedProbe,
    Status,
    TrainingProbe,
)

Measured = tuple[Outcome, Result | None]


def carry_out(job: Job, progress: Progress) -> Measured | Generator[Measured, Job, Measured]:
    """Bring the workload to life and carry out the job's probe.

    Returns:
        The outcome, and what was measured (None where memory ran out first). Of a run that may
        pause, a generator that yields them at each pause and is sent the job to go on with.
    """
    if isinstance(job.probe, PredictProbe):
        job = replace(job, device="cpu")  # a device whose memory is predicted is not used
    begin = time.perf_counter()
    subject = load_subject(job, CpuDevice())
    if isinstance(job.probe, TrainingProbe):
        left = job.probe.seconds_limit - (time.perf_counter() - begin)
        job = replace(job, probe=replace(job.probe, seconds_limit=left))
    if isinstance(job.probe, TrainingProbe) and job.probe.pause:
        return _in_parts(subject, job.probe, progress)
    try:
        return _dispatch(job, subject, progress)
    except Exception as error:
        return _if_memory_ran_out(error, subject, job.probe)


def _in_parts(
    subject: Subject, probe: TrainingProbe, progress: Progress
) -> Generator[Measured, Job, Measured]:
    try:
        run = TrainingRun(subject, probe)
        while True:
            outcome, result = run.go_on(probe, progress)
            if outcome.status is not Status.GOAL_NOT_REACHED:
                return outcome, result
            held = subject.device.held_bytes()
            job = yield outcome, replace(result, held_bytes=held)
            if isinstance(job.probe, TrainingProbe):
                probe = job.probe
    except Exception as error:
        return _if_memory_ran_out(error, subject, probe)


def _if_memory_ran_out(error: Exception, subject: Subject, probe: Probe) -> Measured:
    """The outcome where an exception says so; any other is raised on."""
    if not subject.is_out_of_memory(error):
        raise error
    inference = isinstance(probe, MemoryProbe) and probe.inference
    return out_of_memory(_micro_batch_size(probe), inference), None


def _dispatch(job: Job, subject: Subject, progress: Progress) -> tuple[Outcome, Result | None]:
    probe = job.probe
    if isinstance(probe, DescribeProbe):
        return describe(subject, job.memory_limit_bytes)
    if isinstance(probe, MemoryProbe):
        return measure_memory(subject, probe, progress)
    if isinstance(probe, SpeedProbe):
        return measure_speed(subject, probe, progress)
    if isinstance(probe, NoiseProbe):
        return measure_noise(subject, probe, progress)
    if isinstance(probe, PredictProbe):
        return predict_memory(subject, probe, progress)
    return train(subject, probe, progress)


def _micro_batch_size(probe: Probe) -> int:
    """Examples per forward and backward pass of a probe; 0 where it trains nothing."""
    match probe:
        case DescribeProbe() | PredictProbe():
            return 0
        case MemoryProbe():
            return probe.batch_size
        case SpeedProbe():
            return min(max(probe.batch_sizes), probe.micro_batch_size)
        case NoiseProbe():
            return max(probe.batch_size, probe.micro_batch_size)
    return min(probe.batch_size, probe.micro_batch_size)
