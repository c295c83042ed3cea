"""The first probe of a study: facts of the workload and of the machine."""

from dataclasses import replace

from rightbatch.measure.ports import Progress, Subject
from rightbatch.records import DescribeProbe, DescribeResult, Outcome, Status


def describe(
    subject: Subject, probe: DescribeProbe, progress: Progress
) -> tuple[Outcome, DescribeResult]:
    """Describe the workload and the machine."""
    hardware = subject.device.hardware(subject.threads, probe.memory_limit_bytes)
    hardware = replace(hardware, versions=hardware.versions + subject.versions())
    return Outcome(Status.OK), DescribeResult(subject.facts(), hardware)
