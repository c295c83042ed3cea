"""What the runners' contract has a child process do with its job."""

import ctypes
import os
import sys
import time
from pathlib import Path

import psutil

from rightbatch.errors import GoalError, MissingDependency, WorkloadFailed, WorkloadNotFound
from rightbatch.records import (
    MemoryResult,
    Outcome,
    Status,
    TrainingPoint,
    TrainingProbe,
    TrainingResult,
)

MIB = 2**20


def succeed(job, progress):
    progress(1.0)
    return Outcome(Status.OK), MemoryResult(job.probe.batch_size, job.threads or 0, 0.5)


def not_reached(job, progress):
    return Outcome(Status.GOAL_NOT_REACHED, advice="Give it longer."), None


def device_told(job, progress):
    return Outcome(Status.OK, advice=str(job.device)), None


def threads_told(job, progress):
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_WAIT_POLICY")
    return Outcome(Status.OK, advice=" ".join(os.environ.get(name, "-") for name in names)), None


def train_in_parts(job, progress):
    """Tells its process and how many steps it has made; reaches its goal after 100.

    It holds a MiB for each example of its batch, and looks busy long enough to be seen to. A trial
    of another kind tells how many processes beside it hold 200 MiB and more.
    """
    if not isinstance(job.probe, TrainingProbe):
        server = psutil.Process(os.getppid()).parent()
        held = [process.memory_info().rss for process in server.children(recursive=True)]
        return Outcome(Status.OK, advice=str(sum(size > 200 * MIB for size in held))), None
    held = bytearray(b"x") * (job.probe.batch_size * MIB)
    made = 0 * len(held)
    time.sleep(0.3)
    while True:
        earlier, made = made, job.probe.max_steps
        points = (TrainingPoint(made, made, 0.1 * made, 0.5, 1.0),)
        told = TrainingResult(points, 0.1 * made, os.getpid(), earlier_seconds=0.1 * earlier)
        if made >= 100:
            return Outcome(Status.OK), told
        job = yield Outcome(Status.GOAL_NOT_REACHED, advice="Its limit was reached."), told


def train_on_gpu(job, progress):
    """Takes MiB of a GPU as it trains, one for each example, and holds a tenth while it waits.

    The GPU is a folder, where each process writes what it holds; it runs out beyond 1,000 MiB.
    """
    gpu = Path(job.workload.file).parent
    made = 0
    while True:
        taken = job.probe.batch_size * MIB
        others = [file for file in gpu.iterdir() if file.name != str(os.getpid())]
        held = [int(file.read_text() or 0) for file in others if psutil.pid_exists(int(file.name))]
        (gpu / str(os.getpid())).write_text(str(taken // 10))
        if sum(held) + taken > 1000 * MIB:
            return Outcome(Status.OUT_OF_MEMORY, advice="Use a smaller batch."), None
        earlier, made = made, job.probe.max_steps
        points = (TrainingPoint(made, made, 0.1 * made, 0.5, 1.0),)
        told = TrainingResult(
            points, 0.1 * made, os.getpid(), 0.0, 0.1 * earlier, taken, taken // 10
        )
        if made >= 100:
            return Outcome(Status.OK), told
        job = yield Outcome(Status.GOAL_NOT_REACHED, advice="Its limit was reached."), told


def train_on_exclusive_gpu(job, progress):
    """The same on a GPU that takes one process at a time; seed 99 has a bug."""
    gpu = Path(job.workload.file).parent
    others = [file.name for file in gpu.iterdir() if file.name != str(os.getpid())]
    if any(psutil.pid_exists(int(pid)) for pid in others):
        raise RuntimeError("CUDA-capable device(s) is/are busy or unavailable")
    if job.probe.seed == 99:
        raise ValueError("a bug")
    return (yield from train_on_gpu(job, progress))


def meet(job, progress):
    """Waits until another run is here; that of seed 0 then waits for the file "go" as well."""
    folder = Path(job.workload.file).parent
    seed = job.probe.seed
    (folder / str(seed)).touch()
    awaited = ["0", "1", "go"] if seed == 0 else ["0", "1"]
    while not all((folder / name).exists() for name in awaited):
        time.sleep(0.01)
    progress(1.0)
    return Outcome(
        Status.OK, advice=f"{os.environ.get('OMP_NUM_THREADS', '-')} {job.threads}"
    ), None


def fail_beside_another(job, progress):
    """Waits for the other run; that of seed 1 then fails."""
    met = meet(job, progress)
    if job.probe.seed == 1:
        users_loss()
    return met


def users_loss():
    return {}["label"]


def fail(job, progress):
    users_loss()


def fail_with_out_of_memory_in_words(job, progress):
    raise ValueError("out of memory, says the user")


def leave(job, progress):
    sys.exit(3)


def leave_at_once(job, progress):
    os._exit(3)


def not_found(job, progress):
    raise WorkloadNotFound("There is no file train.py.")


def no_goal(job, progress):
    raise GoalError("A goal reads like 'accuracy >= 0.9'.")


def no_library(job, progress):
    raise MissingDependency("Install it: pip install 'rightbatch[torch]'.")


def failed_already(job, progress):
    try:
        users_loss()
    except KeyError as error:
        raise WorkloadFailed("The loss of train.py raised KeyError.") from error


def grow(job, progress):
    kept = []
    while True:
        kept.append(bytearray(b"x") * (4 * MIB))


def wait_for_ever(job, progress):
    time.sleep(60)


def crash(job, progress):
    ctypes.string_at(0)


def kill_oneself(job, progress):
    os.kill(os.getpid(), 9)


def give_back_nonsense(job, progress):
    return 42
