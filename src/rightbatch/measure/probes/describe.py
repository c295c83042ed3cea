"""A first look at a workload."""

from dataclasses import replace

from rightbatch.measure.ports import Progress, Subject
from rightbatch.records import DescribeProbe, DescribeResult, Outcome, Status


def describe(
    subject: Subject, probe: DescribeProbe, progress: Progress
) -> tuple[Outcome, DescribeResult]:
    """The plain facts of the workload and of the machine."""
    hardware = subject.device.hardware(subject.threads, probe.memory_limit_bytes)
    hardware = replace(hardware, versions=hardware.versions + subject.versions())
    return Outcome(Status.OK), DescribeResult(subject.facts(), hardware)
