"""A first look at a workload."""

from dataclasses import replace

from rightbatch.measure.ports import Subject
from rightbatch.records import DescribeResult, Outcome, Status


def describe(subject: Subject, limit_bytes: int | None) -> tuple[Outcome, DescribeResult]:
    """The plain facts of the workload and of the machine."""
    hardware = subject.device.hardware(subject.threads, limit_bytes)
    hardware = replace(hardware, versions=hardware.versions + subject.versions())
    return Outcome(Status.OK), DescribeResult(subject.facts(), hardware)
