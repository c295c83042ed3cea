"""The Runner on this machine: every probe in a child process of its own."""

import os
import re
import signal
import sysconfig
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory

from rightbatch import errors
from rightbatch.errors import RightbatchError, RunnerError, WorkloadFailed
from rightbatch.measure.ports import Job, Progress
from rightbatch.measure.runners.call import Call, first_to_end
from rightbatch.measure.runners.ending import Ending
from rightbatch.measure.runners.process import TrialServer
from rightbatch.measure.runners.waiting import Waiting
from rightbatch.records import (
    DescribeProbe,
    DescribeResult,
    Hardware,
    MemoryProbe,
    MemoryResult,
    Outcome,
    PredictProbe,
    Probe,
    Result,
    SpeedProbe,
    Status,
    TrainingProbe,
)

INSIDE_A_TRIAL = "RIGHTBATCH_TRIAL"
"""Set in the environment of trials, so that a study started from inside one can be refused."""
_THREAD_COUNTS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "NPROC",  # XLA's pool on a CPU
)
_FRAME = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+) in (?P<function>.+)')


@dataclass(frozen=True, slots=True)
class _UnderWay:
    """A probe that is being carried out.

    Attributes:
        probe: The probe.
        call: Its process.
        limit_bytes: Memory that its processes may use; None where that is not watched here.
    """

    probe: Probe
    call: Call
    limit_bytes: int | None


class LocalRunner:
    """Carries out probes, each in a fresh child process with a deadline.

    Runs that are side by side have equal parts of the memory limit and, unless their number was
    given, of the threads. A run that may pause stays alive where it stopped, as long as there is
    room.
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
    ) -> None:
        """Describe the runner; its processes start with the first probe.

        Args:
            job_template: The job, but for its probe.
            preload: Modules that every trial needs, imported once.
            fork: False for a framework that does not survive a fork.
            entry: What a child calls with (job, progress), as "module:function".
            hardware: The device of the trials; None to learn it from the first look.
            preload_threadless: Modules imported once if that starts no thread.
            environment: Variables that the workload asks for.
        """
        self._job = job_template
        self._hardware = hardware
        self._entry = entry
        self._compiled = TemporaryDirectory(prefix="rightbatch-")
        self._preload, self._preload_threadless = preload, preload_threadless
        self._fork = fork
        self._asked_environment = dict(environment or {})
        self._servers: dict[int | None, TrialServer] = {}
        self._waiting = Waiting()
        self._under_way: list[_UnderWay] = []

    def run(self, probe: Probe, progress: Progress) -> tuple[Outcome, Result | None]:
        """Carry out one probe, alone; errors as of `start` and `next_ended`."""
        self.start(probe, progress)
        _, outcome, result = self.next_ended()
        return outcome, result

    def start(self, probe: Probe, progress: Progress) -> None:
        """Begin to carry out a probe, or have a run that waits go on, beside those under way.

        The memory limit holds for processes on a CPU; on an accelerator the framework keeps its
        own account.

        Raises:
            RunnerError: The process could not be started.
        """
        begun = time.monotonic()
        whole, parts = self._limit_bytes(probe), _at_once(probe)
        limit = None if whole is None else whole // parts
        job = replace(self._job, probe=probe, threads=self._threads(parts))
        waited = self._waiting.take(probe)
        self._waiting.make_room([*(one.probe for one in self._under_way), probe], whole)
        call = waited or self._server(job.threads).start(limit)
        self._under_way.append(_UnderWay(probe, call, limit))
        if waited is None:
            first = isinstance(probe, DescribeProbe)  # what comes before it takes of its time
            passed = time.monotonic() - begun if first else 0.0
            call.begin(self._entry, job, probe.seconds_limit - passed, progress)
        else:
            call.go_on(job, probe.seconds_limit, progress)

    def next_ended(self) -> tuple[Probe, Outcome, Result | None]:
        """Wait until one of the probes under way has ended.

        Raises:
            WorkloadFailed: The user's code raised, or left without a result.
            UsageError: As the child raised it, such as WorkloadNotFound.
            RunnerError: The process could not be spoken to.
        """
        first = first_to_end([one.call for one in self._under_way])
        ended = next(one for one in self._under_way if one.call is first)
        ending = first.follow()
        self._under_way.remove(ended)
        self._waiting.put(ended.probe, first)
        return ended.probe, *self._told(ending, ended.probe, ended.limit_bytes)

    def _told(
        self, ending: Ending, probe: Probe, limit: int | None
    ) -> tuple[Outcome, Result | None]:
        """The outcome of a probe and what was measured, by how its process ended."""
        if ending.kind in {"returned", "paused"}:
            outcome, result = _returned(ending.value)
            if isinstance(result, DescribeResult):
                self._hardware = result.hardware
            if isinstance(result, MemoryResult) and limit is not None:
                return outcome, _with_descendants(result, ending)
            return outcome, result
        if ending.kind == "raised":
            raise _error(ending)
        return _outcome(ending, probe, limit), None

    def close(self) -> None:
        """End every process that is left."""
        while self._under_way:
            self._under_way.pop().call.end()
        self._waiting.end_all()
        while self._servers:
            self._servers.popitem()[1].close()
        self._compiled.cleanup()

    def _server(self, threads: int | None) -> TrialServer:
        """The server of trials with so many threads, which libraries read as it imports them."""
        if threads not in self._servers:
            self._servers[threads] = TrialServer(
                self._preload,
                fork=self._fork,
                preload_threadless=self._preload_threadless,
                environment={
                    **_environment(threads, self._compiled.name),
                    **self._asked_environment,
                },
            )
        return self._servers[threads]

    def _threads(self, parts: int) -> int | None:
        """Threads of a trial: as many as were asked for, else a part of what trials have."""
        if self._job.threads is not None or self._hardware is None or parts == 1:
            return self._job.threads
        return max(1, self._hardware.threads // parts)

    def _limit_bytes(self, probe: Probe) -> int | None:
        """Memory that trials under way may use; None where a GPU's memory is what counts."""
        device = self._hardware.device if self._hardware else self._job.device
        if device not in {None, "cpu"}:
            return None
        if isinstance(probe, MemoryProbe):
            return probe.limit_bytes
        if self._job.memory_limit_bytes is None and self._hardware is not None:
            return self._hardware.memory_limit_bytes
        return self._job.memory_limit_bytes


def _at_once(probe: Probe) -> int:
    """Trials that may be under way at the same time as one of a probe, that one included."""
    return probe.at_once if isinstance(probe, TrainingProbe) else 1


def _environment(threads: int | None, compiled: str) -> dict[str, str]:
    """What numerical libraries read as they are imported, so set from outside.

    Thread counts; memory of a GPU taken as it is needed, where TensorFlow and XLA would else take
    nearly all of it at once and no peak could be told; and a folder, where the user has none, in
    which JAX finds what an earlier trial of the study compiled, at a second or more a step.
    """
    told = {
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
        told |= dict.fromkeys(_THREAD_COUNTS, str(threads))
    if threads == 1:
        flags = os.environ.get("XLA_FLAGS", "")
        told["XLA_FLAGS"] = f"{flags} --xla_cpu_multi_thread_eigen=false".strip()
    return told


def _returned(value: object) -> tuple[Outcome, Result | None]:
    match value:
        case (Outcome() as outcome, result) if result is None or isinstance(result, Result):
            return outcome, result
    raise RunnerError(
        f"A trial gave back a {type(value).__name__} in place of an outcome and a result; "
        "parent and child run different versions of rightbatch."
    )


def _with_descendants(result: MemoryResult, ending: Ending) -> MemoryResult:
    """With the memory of a loader's workers, which only this side sees."""
    return replace(result, peak_bytes=max(result.peak_bytes, ending.group_peak_bytes))


def _error(ending: Ending) -> RightbatchError:
    """The exception to raise here for one that was raised in the child."""
    if ending.type_name == "SystemExit":
        return WorkloadFailed(
            f"The workload ended its process ({ending.message or 'exit status 0'}) before giving "
            "a result; take out sys.exit or os._exit.",
            ending.traceback or ending.output_tail,
        )
    module, _, name = ending.type_name.rpartition(".")
    own = vars(errors).get(name) if module == errors.__name__ else None
    if own is WorkloadFailed:
        return WorkloadFailed(ending.message, ending.traceback)
    if isinstance(own, type) and issubclass(own, RightbatchError):
        return own(ending.message)
    return WorkloadFailed(
        f"The workload failed with {ending.type_name}: {ending.message}", ending.traceback
    )


def _outcome(ending: Ending, probe: Probe, limit_bytes: int | None) -> Outcome:
    """An expected failure, with one sentence of advice."""
    where = _place(ending.traceback)
    if ending.kind == "out_of_memory":
        limit = f"its limit of {_gib(limit_bytes)}" if limit_bytes else "the machine's memory"
        return Outcome(
            Status.OUT_OF_MEMORY, f"{_work(probe)} needs more than {limit}; {_smaller(probe)}."
        )
    if ending.kind == "hung":
        return Outcome(
            Status.HUNG,
            f"{_work(probe)} was not done after {probe.seconds_limit:.0f} s and was stopped"
            f"{where}; allow it more time, or look there for a wait without end.",
        )
    name = signal.Signals(ending.signal_number or signal.SIGKILL).name
    blame = (
        "see who ends processes on this machine"
        if name in {"SIGKILL", "SIGTERM"}
        else "look for a crash in a compiled library"
    )
    return Outcome(Status.KILLED, f"{_work(probe)} was ended by {name}{where}; {blame}.")


def _work(probe: Probe) -> str:
    """What a probe does, with its sizes, as the subject of a sentence."""
    match probe:
        case DescribeProbe():
            return "Building the workload"
        case PredictProbe():
            return "Predicting memory"
        case MemoryProbe():
            return _step_of(probe)
        case SpeedProbe():
            size = max(probe.batch_sizes, default=probe.micro_batch_size)
            micro = min(size, probe.micro_batch_size)
            return f"Timing batch sizes up to {size} (micro-batch {micro})"
    micro = min(probe.batch_size, probe.micro_batch_size)
    return f"Training at batch size {probe.batch_size} (micro-batch {micro})"


def _step_of(probe: MemoryProbe) -> str:
    """What a memory trial does, as the subject of a sentence."""
    if probe.inference:
        return f"Inference with a batch of {probe.batch_size}"
    if probe.accumulation_steps > 1:
        return f"Accumulating {probe.accumulation_steps} micro-batches of {probe.batch_size}"
    return f"Training with a micro-batch of {probe.batch_size}"


def _smaller(probe: Probe) -> str:
    if isinstance(probe, DescribeProbe | PredictProbe):
        return "load less data into memory, or raise the memory limit"
    if isinstance(probe, MemoryProbe) and probe.inference:
        return "use a smaller batch"
    fewer = ", or fewer workers" if _at_once(probe) > 1 else ""
    return f"use a smaller micro-batch and accumulate gradients{fewer}"


def _place(stack: str) -> str:
    """Where a stack shown by faulthandler stood: the innermost line outside installed code."""
    block = stack.rpartition("(most recent call first):")[2]  # the main thread comes last
    frames = list(_FRAME.finditer(block))
    paths = sysconfig.get_paths()
    installed = (*(paths[name] for name in ("stdlib", "purelib", "platlib")), "<frozen")
    own = [frame for frame in frames if not frame["file"].startswith(installed)]
    if not frames:
        return ""
    frame = (own or frames)[0]
    return f" in {frame['file']}, line {frame['line']} ({frame['function']})"


def _gib(count: int) -> str:
    return f"{count / 2**30:.2f} GiB"
