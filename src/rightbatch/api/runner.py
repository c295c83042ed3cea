"""The runner of a workload, with the modules and variables that its processes need."""

from rightbatch.api.references import environment, preload, preload_threadless
from rightbatch.measure.ports import Job
from rightbatch.measure.runners import LocalRunner
from rightbatch.records import Hardware


def local_runner(job: Job, hardware: Hardware | None = None, at_most: int = 1) -> LocalRunner:
    """A runner on this machine.

    Args:
        job: The job of every trial, except for its probe.
        hardware: The device of the trials; None to learn it from the first probe.
        at_most: Largest number of training runs under way at the same time.
    """
    where = job.workload
    return LocalRunner(
        job,
        preload(where),
        hardware=hardware,
        preload_threadless=preload_threadless(where),
        environment=environment(where),
        at_most=at_most,
    )
