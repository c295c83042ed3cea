"""The Runner on this machine: every probe in its own child process."""

import logging
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from tempfile import TemporaryDirectory

from rightbatch.measure.ports import CUDA_CONTEXT_BYTES, Ended, Job, Measured, Progress
from rightbatch.measure.runners.call import Call, first_to_end
from rightbatch.measure.runners.call_end import CallEnd, CallEndKind
from rightbatch.measure.runners.outcome import outcome_of
from rightbatch.measure.runners.process import TrialServer
from rightbatch.measure.runners.waiting import Waiting
from rightbatch.records import (
    Capacity,
    DescribeProbe,
    DescribeResult,
    Hardware,
    MemoryProbe,
    Probe,
    Result,
    Status,
    TrainingResult,
)

_log = logging.getLogger(__name__)

INSIDE_A_TRIAL = "RIGHTBATCH_TRIAL"
"""Set in the environment of trials, so that a study cannot be started from inside one."""
_THREAD_COUNTS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "NPROC",  # XLA's pool on a CPU
)
_SHARED_DEVICES = ("cuda", "gpu")
"""Kinds of device that several processes can share; a TPU serves one."""


@dataclass(slots=True)
class _UnderWay:
    """A probe under way.

    Attributes:
        probe: The probe.
        call: Its process.
        limit_bytes: Memory that its processes may use; None where the runner does not enforce it.
        progress: Called with the share done, 0 to 1.
        begun: Start, by the monotonic clock.
        crowded: Whether paused runs hold, or held, part of an accelerator's memory beside it.
        again: How its process ended at a first try beside them, where this is the second.
    """

    probe: Probe
    call: Call
    limit_bytes: int | None
    progress: Progress
    begun: float
    crowded: bool
    again: CallEndKind | None


class LocalRunner:
    """Runs probes, each in a fresh child process with a deadline.

    Runs side by side share the memory limit equally and, unless their number was given, the
    threads. A run that may pause stays alive where it stopped, as long as there is room.
    """

    def __init__(
        self,
        job_template: Job,
        preload: Sequence[str],
        fork: bool = True,
        entry: str = "rightbatch.measure.carry_out:carry_out",
        hardware: Hardware | None = None,
        preload_threadless: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        at_most: int = 1,
    ) -> None:
        """Describe the runner; its processes start with the first probe.

        Args:
            job_template: The job, except for its probe.
            preload: Modules that every trial needs, imported once.
            fork: False for a framework that does not survive a fork.
            entry: Function that a child calls with (job, progress), as "module:function".
            hardware: The device of the trials; None to learn it from the first probe.
            preload_threadless: Modules imported once if that starts no thread.
            environment: Environment variables that the workload needs.
            at_most: Largest number of training runs under way at the same time.
        """
        self._at_most = at_most
        self._job = job_template
        self._hardware = hardware
        self._entry = entry
        self._compiled = TemporaryDirectory(prefix="rightbatch-")
        self._new_server = partial(
            TrialServer, preload, fork=fork, preload_threadless=preload_threadless
        )
        self._workload_environment = dict(environment or {})
        self._servers: dict[int | None, TrialServer] = {}
        self._waiting = Waiting()
        self._may_wait = True
        self._under_way: list[_UnderWay] = []

    def capacity(self) -> Capacity | None:
        """How many runs share this machine's memory; None before that is known."""
        if self._hardware is None:
            return None
        return Capacity.shared(self._hardware.memory_limit_bytes, self._at_most)

    def run(self, probe: Probe, progress: Progress) -> Measured:
        """Run one probe alone; errors as for `start` and `next_ended`."""
        self.start(probe, progress)
        ended = self.next_ended()
        return ended.outcome, ended.result

    def start(self, probe: Probe, progress: Progress) -> None:
        """Start a probe, or resume its paused run, beside those under way.

        The runner enforces the memory limit of processes on a CPU; on an accelerator the framework
        does.

        Raises:
            RunnerError: The process could not be started.
        """
        self._begin(probe, progress, probe.seconds_limit)

    def _begin(
        self, probe: Probe, progress: Progress, seconds: float, again: CallEndKind | None = None
    ) -> None:
        begun = time.monotonic()
        whole, parts = self._limit_bytes(probe), probe.at_once
        limit = None if whole is None else whole // parts
        job = replace(
            self._job,
            probe=replace(probe, seconds_limit=seconds),
            threads=self._threads(parts),
            device=self._device(),
        )
        waited = self._waiting.take(probe)
        self._make_room(probe, whole)
        call = waited or self._server(job.threads).start(limit)
        crowded = self._on_accelerator and len(self._waiting) > 0
        self._under_way.append(_UnderWay(probe, call, limit, progress, begun, crowded, again))
        if waited is None:
            # Starting the server counts as the first probe's time.
            passed = time.monotonic() - begun if isinstance(probe, DescribeProbe) else 0.0
            call.begin(self._entry, job, seconds - passed, progress)
        else:
            call.go_on(job, seconds, progress)

    def next_ended(self) -> Ended:
        """Wait until one of the probes under way ends.

        One that failed on an accelerator while paused runs held part of its memory is run once
        more without them, in the rest of its time.

        Raises:
            WorkloadFailed: The user's code raised, or exited without a result.
            UsageError: As the child raised it, such as WorkloadNotFound.
            RunnerError: The process could not be reached.
        """
        first = first_to_end([one.call for one in self._under_way])
        ended = next(one for one in self._under_way if one.call is first)
        ending = first.follow()
        if ending.output_tail:
            _log.debug("output of the %s trial:\n%s", ended.probe.kind, ending.output_tail)
        self._under_way.remove(ended)
        if (left := _seconds_for_another_try(ended, ending)) is not None:
            self._waiting.end_all()
            self._begin(ended.probe, ended.progress, left, ending.kind)
            return self.next_ended()
        try:
            outcome, result = outcome_of(ending, ended.probe, ended.limit_bytes)
        except BaseException:
            first.end()
            raise
        if isinstance(result, DescribeResult):
            self._hardware = result.hardware
        if ended.again == "raised":
            self._may_wait = False  # the device serves one process at a time
        self._waiting.put(ended.probe, first, *self._used(first, result))
        for one in self._under_way:
            one.crowded |= self._on_accelerator and first.paused
        if any(one.again is not None for one in self._under_way):
            self._waiting.end_all()  # a second try runs without them
        return Ended(ended.probe, outcome, result, self._hardware)

    def close(self) -> None:
        """End every process that is left."""
        while self._under_way:
            self._under_way.pop().call.end()
        self._waiting.end_all()
        while self._servers:
            self._servers.popitem()[1].close()
        self._compiled.cleanup()

    def _server(self, threads: int | None) -> TrialServer:
        """The server of trials with that many threads, which libraries read on import."""
        if threads not in self._servers:
            self._servers[threads] = self._new_server(
                environment=_environment(threads, self._compiled.name) | self._workload_environment
            )
        return self._servers[threads]

    def _threads(self, parts: int) -> int | None:
        """Threads of a trial: the number given, else an equal share for runs side by side."""
        if self._job.threads is not None or self._hardware is None or parts == 1:
            return self._job.threads
        return max(1, self._hardware.threads // parts)

    @property
    def _on_accelerator(self) -> bool:
        return (self._hardware or self._job).device not in {None, "cpu"}

    def _device(self) -> str | None:
        """The device of a trial: without a name, JAX would fall back from a busy GPU to the CPU."""
        found = self._hardware.device if self._hardware else ""
        return found if self._job.device is None and found.startswith("gpu") else self._job.device

    def _make_room(self, probe: Probe, limit_bytes: int | None) -> None:
        """End paused runs until a probe and those under way have the memory they need."""
        probes = [*(one.probe for one in self._under_way), probe]
        if not self._on_accelerator:
            self._waiting.make_room(probes, limit_bytes)
            return
        self._waiting.make_room(probes, self._shared_bytes(), CUDA_CONTEXT_BYTES)
        self._waiting.make_room_on_host()

    def _shared_bytes(self) -> int | None:
        """Memory of an accelerator that processes share; None where it serves one at a time."""
        if self._hardware is None or not self._may_wait:
            return None
        shared = self._hardware.device.startswith(_SHARED_DEVICES)
        return self._hardware.memory_limit_bytes if shared else None

    def _used(self, call: Call, result: Result | None) -> tuple[int, int]:
        """Peak memory of a trial, and what it holds while it is paused.

        Observed by the runner on a CPU, reported by the trial on an accelerator; 0 where it is not.
        """
        if not self._on_accelerator:
            return call.peak_bytes, call.peak_bytes
        if isinstance(result, TrainingResult) and result.peak_bytes:
            return max(result.peak_bytes, result.held_bytes), result.held_bytes
        return 0, 0

    def _limit_bytes(self, probe: Probe) -> int | None:
        """Memory that trials under way may use; None on an accelerator, whose memory counts."""
        if self._on_accelerator:
            return None
        if isinstance(probe, MemoryProbe):
            return probe.limit_bytes
        if self._job.memory_limit_bytes is None and self._hardware is not None:
            return self._hardware.memory_limit_bytes
        return self._job.memory_limit_bytes


def _seconds_for_another_try(ended: _UnderWay, ending: CallEnd) -> float | None:
    """Time left, in seconds, for a trial that may have failed because of paused runs; else None.

    Less than the failed try took is not enough for another.
    """
    if not ended.crowded or ended.again is not None:
        return None
    failed = ending.kind in {"raised", "out_of_memory"} or (
        ending.kind == "returned"
        and outcome_of(ending, ended.probe, None)[0].status is Status.OUT_OF_MEMORY
    )
    passed = time.monotonic() - ended.begun
    left = ended.probe.seconds_limit - passed
    return left if failed and left > passed else None


def _environment(threads: int | None, compiled: str) -> dict[str, str]:
    """Environment variables that numerical libraries read on import.

    Thread counts; GPU memory allocated on demand, as TensorFlow and XLA would otherwise reserve
    nearly all of it at once and hide the peak; and, unless the user has one, a cache folder in
    which JAX finds steps compiled by earlier trials, each of which takes a second or more.
    """
    variables = {
        "JAX_COMPILATION_CACHE_DIR": os.environ.get("JAX_COMPILATION_CACHE_DIR", compiled),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        "OMP_WAIT_POLICY": "PASSIVE",
        "PYTHONUNBUFFERED": "1",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        INSIDE_A_TRIAL: "1",
    }
    if threads is not None:
        variables |= dict.fromkeys(_THREAD_COUNTS, str(threads))
    if threads == 1:
        flags = os.environ.get("XLA_FLAGS", "")
        variables["XLA_FLAGS"] = f"{flags} --xla_cpu_multi_thread_eigen=false".strip()
    return variables
