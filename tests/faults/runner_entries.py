"""What the tests of the runner have a child process do."""

import atexit
import ctypes
import importlib
import mmap
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
import runner_counter

MIB = 2**20


def add_one(number, progress):
    progress(0.25)
    return number + 1


def echo(value, progress):
    return value


def server():
    """The process that the keeper of this one was forked from."""
    return psutil.Process(os.getppid()).ppid()


def pids(_, progress):
    return os.getpid(), server(), os.getsid(0), os.getpgid(0)


def in_parts(count, progress):
    """Counts up from the number it is sent; a part at a time."""
    for _ in range(count):
        count = yield os.getpid(), count + 1
    return "done"


def pause_and_grow(_, progress):
    kept = []
    while True:
        yield os.getpid()
        kept.append(bytearray(b"x") * (400 * MIB))


def pause_and_hang(_, progress):
    yield os.getpid()
    time.sleep(60)


def pause_and_fail(_, progress):
    yield os.getpid()
    raise ValueError("after the pause")


def surroundings(names, progress):
    return {name: os.environ.get(name) for name in names}, str(Path.cwd()), list(sys.path)


def signals(_, progress):
    return {
        "SIGINT": signal.getsignal(signal.SIGINT) is signal.SIG_IGN,
        "SIGCHLD": signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL,
        "SIGTERM": signal.getsignal(signal.SIGTERM) is signal.SIG_DFL,
    }


def count_imports(log, progress):
    """The module is imported by this file: by whom is told by the log it keeps."""
    runner_counter.value += 1
    return os.getpid(), server(), runner_counter.value, runner_counter.imported_by


def who_imported(name, progress):
    return importlib.import_module(name).imported_by, os.getpid(), server()


def use_keras(_, progress):
    import keras

    net = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1)])
    net.compile(optimizer="sgd", loss="mse")
    zeros, ones = keras.ops.zeros((8, 4)), keras.ops.ones((8, 1))
    losses = [net.train_on_batch(zeros, ones) for _ in range(3)]
    return keras.backend.backend(), float(losses[-1]) < float(losses[0])


def many_shares(count, progress):
    for index in range(count):
        progress(index / count)
    return count


def raise_memory_error(_, progress):
    raise MemoryError


def grow_bytearrays(_, progress):
    kept = []
    while True:
        kept.append(bytearray(b"x") * (4 * MIB))


def grow_at_once(size, progress):
    held = b"x" * size
    time.sleep(5)
    return len(held)


def grow_at_once_in_grandchild(size, progress):
    code = f"import time; held = b'x' * {size}; time.sleep(5)"
    return subprocess.run([sys.executable, "-c", code], check=True).returncode


def grow_at_once_in_pool(size, progress):
    import multiprocessing

    with multiprocessing.get_context("fork").Pool(1) as pool:
        return len(pool.apply(bytes.ljust, (b"x", size)))


def grow_arrays(_, progress):
    import numpy as np

    return float(np.ones((64, 2**20 * 1024)).sum())


def grow_mapped(_, progress):
    """Shared anonymous pages: RLIMIT_DATA does not count them."""
    kept = []
    while True:
        kept.append(mmap.mmap(-1, 16 * MIB))
        kept[-1].write(b"x" * 16 * MIB)
        time.sleep(0.02)


def map_too_much(_, progress):
    """The operating system refuses: an OSError, not a MemoryError."""
    return len(mmap.mmap(-1, 2**46, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))


def grow_in_grandchild(_, progress):
    code = (
        "import mmap, time\nkept = []\nwhile True:\n"
        "    kept.append(mmap.mmap(-1, 8 << 20)); kept[-1].write(b'x' * (8 << 20)); time.sleep(.02)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def share_with_grandchildren(size, progress):
    """Forked workers that only read what their parent holds, as a data loader's do."""
    held = bytearray(b"x") * size
    workers = []
    for _ in range(4):
        worker = os.fork()
        if worker == 0:
            total = sum(held[::4096])
            time.sleep(1.5)
            os._exit(total > 0)
        workers.append(worker)
    for worker in workers:
        os.waitpid(worker, 0)
    return len(held)


def hold_memory(args, progress):
    size, path = args
    held = mmap.mmap(-1, size)
    for _ in range(size // MIB):
        held.write(b"x" * MIB)
    Path(path).write_text(str(os.getpid()))
    time.sleep(60)


def write_pid_and_wait(path, progress):
    Path(path).write_text(str(os.getpid()))
    time.sleep(60)


def abort(_, progress):
    os.abort()


def read_null(_, progress):
    ctypes.string_at(0)


def loop_for_ever(_, progress):
    while True:
        pass


def sleep_with_signals_blocked(_, progress):
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    time.sleep(60)


def hold_interpreter_lock(path, progress):
    """A call into C that keeps Python's other threads from running."""
    Path(path).write_text(str(os.getpid()))
    ctypes.PyDLL(None).sleep(60)


def stop_oneself(_, progress):
    os.kill(os.getpid(), signal.SIGSTOP)


def leave_grandchildren(marker, progress):
    """One in the process group, one in a session of its own, one orphan of an orphan."""
    started = [
        subprocess.Popen(["sleep", marker]).pid,
        subprocess.Popen(["sleep", marker], start_new_session=True).pid,
    ]
    code = f"import subprocess as s; s.Popen(['sleep', {marker!r}], start_new_session=True)"
    subprocess.run([sys.executable, "-c", code], check=True, start_new_session=True)
    return started


def leave_grandchildren_and_hang(marker, progress):
    leave_grandchildren(marker, progress)
    time.sleep(60)


def leave_grandchildren_and_crash(marker, progress):
    leave_grandchildren(marker, progress)
    os.kill(os.getpid(), signal.SIGSEGV)


def raise_value_error_about_memory(_, progress):
    raise ValueError("CUDA out of memory. Tried to allocate 2.00 GiB")


def raise_chained(_, progress):
    try:
        {}["missing"]
    except KeyError as error:
        raise RuntimeError("while reading settings") from error


class Shy(Exception):
    def __str__(self):
        raise RuntimeError("no text")


def raise_shy(_, progress):
    raise Shy


def call_sys_exit(code, progress):
    sys.exit(code)


def call_os_exit(code, progress):
    os._exit(code)


def print_megabytes(count, progress):
    line = "x" * 1023 + "\n"
    for _ in range(count * 1024):
        sys.stdout.write(line)
    sys.stderr.write("the last line\n")
    return count


def return_lambda(_, progress):
    return lambda: None


class Opens:
    def __reduce__(self):
        return (int, ("not a number",))


def return_what_does_not_open(_, progress):
    return Opens()


def leave_temporary_directory(_, progress):
    directory = tempfile.TemporaryDirectory()
    atexit.register(lambda: print("leaving in order"))
    globals()["kept"] = directory
    return directory.name


def return_and_linger(_, progress):
    atexit.register(time.sleep, 60)
    return "done"


def use_torch(_, progress):
    import torch

    x = torch.randn(200, 200)
    return float((x @ x).sum()) != 0.0


def start_thread_and_return(_, progress):
    threading.Thread(target=time.sleep, args=(60,)).start()
    return "done"


def now(_, progress):
    return time.monotonic()
