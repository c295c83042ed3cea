"""What a child process does with its job: one probe of one workload."""

from dataclasses import replace

from rightbatch.measure.devices.cpu import CpuDevice
from rightbatch.measure.frameworks.loading import load_subject
from rightbatch.measure.ports import Job, Progress, Subject
from rightbatch.measure.probes.describe import describe
from rightbatch.measure.probes.memory import measure_memory, out_of_memory
from rightbatch.measure.probes.noise import measure_noise
from rightbatch.measure.probes.predict import predict_memory
from rightbatch.measure.probes.speed import measure_speed
from rightbatch.measure.probes.training import train
from rightbatch.records import (
    DescribeProbe,
    MemoryProbe,
    NoiseProbe,
    Outcome,
    PredictProbe,
    Probe,
    Result,
    SpeedProbe,
)


def carry_out(job: Job, progress: Progress) -> tuple[Outcome, Result | None]:
    """Bring the workload to life and carry out the job's probe.

    Returns:
        The outcome, and what was measured (None where memory ran out first).
    """
    if isinstance(job.probe, PredictProbe):
        job = replace(job, device="cpu")  # a device whose memory is predicted is not used
    subject = load_subject(job, CpuDevice())
    try:
        return _dispatch(job, subject, progress)
    except Exception as error:
        if not subject.is_out_of_memory(error):
            raise
        return out_of_memory(_micro_batch_size(job.probe)), None


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
