"""Workloads that lack memory, or only seem to, each in its own way."""

import ctypes
import mmap
import os
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from rightbatch.torch import Workload

MIB = 2**20
FAULT = "RIGHTBATCH_TEST_FAULT"
"""Names a file with what to do: the name of a function here, and a word for it on the next line."""
CRASHES_ABOVE = 40


def told():
    """What the file says."""
    return Path(os.environ[FAULT]).read_text().split("\n", 1)


def chosen():
    """The workload that the file names."""
    return globals()[told()[0]]()


def workload(loss):
    x = torch.randn(4096, 4, generator=torch.Generator().manual_seed(0))
    return Workload(
        model=lambda: nn.Linear(4, 1), train_data=(x, x[:, :1]), valid_data=(x[:8], x[:8, :1]),
        loss=loss, metric=lambda net, batches: float(mse(net, batches[0])), goal="error <= 0",
        optimizer=torch.optim.SGD, batch_size=16, learning_rate=1e-3,
    )  # fmt: skip


def mse(net, batch):
    return nn.functional.mse_loss(net(batch[0]), batch[1])


def fill_to(total):
    """Use resident memory up to a total, and keep it."""
    used = int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE
    held = mmap.mmap(-1, max(total - used, MIB))
    for _ in range(len(held) // MIB):
        held.write(b"x" * MIB)
    globals()["held"] = held
    time.sleep(0.5)


def killed_far_from_the_limit():
    return workload(lambda net, batch: os.kill(os.getpid(), signal.SIGKILL))


def killed_near_the_limit():
    def loss(net, batch):
        fill_to(950 * MIB)
        os.kill(os.getpid(), signal.SIGKILL)

    return workload(loss)


def gives_no_reason():
    """What oneDNN says, with as many MiB in use as the word names."""

    def loss(net, batch):
        fill_to(int(told()[1]) * MIB)
        in_framework("raise RuntimeError('could not create a primitive')")

    return workload(loss)


def stopped_near_the_limit():
    def loss(net, batch):
        fill_to(950 * MIB)
        os.kill(os.getpid(), signal.SIGSTOP)

    return workload(loss)


def hangs():
    return workload(lambda net, batch: time.sleep(60))


def in_framework(statement):
    """Run a statement as if it stood in one of PyTorch's own files."""
    exec(compile(statement, torch.__file__, "exec"), {"torch": torch})


SPELLINGS = {
    "the CPU allocator, for real": lambda: torch.empty(2**58, dtype=torch.uint8),
    "Python's own, for real": lambda: bytearray(2**58),
    "the operating system, for real": lambda: mmap.mmap(
        -1, 2**46, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    ),
    "NumPy, for real": lambda: torch.zeros(1).numpy().repeat(2**58),
    "by type": lambda: in_framework("raise torch.OutOfMemoryError('Allocation on device 0')"),
    **{
        text: lambda text=text: in_framework(f"raise RuntimeError({text!r})")
        for text in (
            "CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0; 7.93 GiB total capacity)",
            "CUDA error: out of memory",
            "CUDA driver error: out of memory",
            "cudaErrorMemoryAllocation",
            "hipErrorOutOfMemory",
            "miopenStatusAllocFailed",
            "rocblas_status_memory_error",
            "CUDA error: CUSPARSE_STATUS_ALLOC_FAILED when calling `cusparseCreate(handle)`",
            "Native API returns: 39 (UR_RESULT_ERROR_OUT_OF_HOST_MEMORY)",
            "CUDA error: out of memory. Compile with `TORCH_USE_CUDA_DSA`.",
            "HIP out of memory. Tried to allocate 2.00 GiB",
            "HIP error: out of memory",
            "XPU out of memory. Tried to allocate 2.00 GiB",
            "MPS backend out of memory (MPS allocated: 9.05 GB)",
            "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
            "CUDA error: HIPBLAS_STATUS_ALLOC_FAILED when calling `hipblasCreate(handle)`",
            "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
            "cusolver error: CUSOLVER_STATUS_ALLOC_FAILED",
            "Native API failed. Native API returns: 38 (UR_RESULT_ERROR_OUT_OF_DEVICE_MEMORY)",
            "cuFFT error: CUFFT_ALLOC_FAILED",
            "CUDA error: memory allocation failure",
            "NCCL error: unhandled cuda error, Cuda failure 2 'out of memory'",
            "Invalid buffer size: 12.50 GB",
            "could not create a memory object",
            "std::bad_alloc",
        )
    },
}


def spelling():
    raised = SPELLINGS[told()[1]]
    return workload(lambda net, batch: raised())


def passed_on():
    """The framework's error, told again in the user's words around its own."""

    def loss(net, batch):
        try:
            in_framework("raise RuntimeError('CUDA out of memory. Tried to allocate 2.00 GiB')")
        except RuntimeError as error:
            raise RuntimeError(f"while computing the loss: {error}") from error

    return workload(loss)


def passed_on_in_other_words():
    """The framework's error as the cause of one that does not speak of memory."""

    def loss(net, batch):
        try:
            in_framework("raise torch.OutOfMemoryError('Allocation on device 0')")
        except RuntimeError as error:
            raise ValueError("the step failed") from error

    return workload(loss)


class Reads(torch.utils.data.Dataset):
    """Examples that a process of their own fails to load, in the words that the file gives."""

    def __len__(self):
        return 64

    def __getitem__(self, index):
        if told()[1] == "of its own":
            raise RuntimeError("Cannot allocate memory for my cache")
        try:
            torch.empty(2**58, dtype=torch.uint8)
        except RuntimeError as error:
            if told()[1] == "passed on":
                raise RuntimeError("could not be read") from error
            raise


def loads_in_a_worker():
    return replace(workload(mse), train_data=Reads(), num_workers=1)


BUGS = {
    "its own words": RuntimeError("out of memory in my cache"),
    "the framework's very words": RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    "another type": ValueError("DefaultCPUAllocator: can't allocate memory"),
}


def raised_from_itself():
    def loss(net, batch):
        error = RuntimeError("a bug of mine")
        raise error from error

    return workload(loss)


def bug():
    def loss(net, batch):
        raise BUGS[told()[1]]

    return workload(loss)


def aborts_for_lack_of_memory():
    """What C++ does with an allocation that fails where nobody catches it."""

    def loss(net, batch):
        text = b"terminate called after throwing an instance of 'std::bad_alloc'\n"
        os.write(2, text)
        ctypes.CDLL(None).abort()

    return workload(loss)


def leaves_a_grandchild():
    def loss(net, batch):
        subprocess.Popen(["sleep", told()[1]], start_new_session=True)
        torch.empty(2**58, dtype=torch.uint8)

    return workload(loss)


def crashes_at_large_sizes():
    def loss(net, batch):
        if len(batch[0]) > CRASHES_ABOVE:
            os.kill(os.getpid(), signal.SIGKILL)
        return mse(net, batch)

    return workload(loss)
