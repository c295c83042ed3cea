"""Out-of-memory errors of PyTorch and the libraries it uses."""

import dis
import re
import sysconfig
from pathlib import Path

import torch

_SPELLINGS = re.compile(
    r"DefaultCPUAllocator: (can't allocate|not enough) memory"
    r"|(CUDA|HIP)( driver)? error: out of memory"
    r"|(CUDA|HIP|XPU|MPS backend) out of memory"
    r"|(CUBLAS|CUDNN|CUSOLVER|CUSPARSE|HIPBLAS|ROCBLAS|MIOPEN)_STATUS_ALLOC_FAILED"
    r"|\b(cudaErrorMemoryAllocation|hipErrorOutOfMemory|miopenStatusAllocFailed)\b"
    r"|\brocblas_status_memory_error\b"
    r"|\bUR_RESULT_ERROR_OUT_OF_(DEVICE|HOST)_MEMORY\b"
    r"|\bCUFFT_ALLOC_FAILED\b"
    r"|CUDA error: memory allocation failure"
    r"|NCCL error: .*Cuda failure 2 'out of memory'"
    r"|Invalid buffer size: [\d.]+ [KMGT]i?B"
    r"|could not create a memory object"
    r"|\bstd::bad_alloc\b"
    r"|Cannot allocate memory"
)
_NO_REASON = re.compile(
    r"unable to find an engine to execute this computation"
    r"|[Uu]nable to find a valid cuDNN algorithm"
    r"|CU(DNN|BLAS)_STATUS_NOT_INITIALIZED"
)
"""What cuDNN and cuBLAS raise when they lack memory, but also for other reasons."""
_FRAME = re.compile(r'^ *File "(.+)", line \d+, in .*\n *(\w+)', re.MULTILINE)
"""File and first word of the statement, in a traceback as text."""
_CAUSE = "The above exception was the direct cause of the following exception"
_PATHS = sysconfig.get_paths()
_INSTALLED = (str(Path(torch.__file__).parent), _PATHS["purelib"], _PATHS["platlib"])
_RAISE = dis.opmap["RAISE_VARARGS"]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception is PyTorch's out-of-memory error.

    By type, then by message. A message counts only where it comes from compiled code or an
    installed library. A `raise` in the user's own code counts only where it passes on such an
    error, as `raise ... from` does whatever its message.
    """
    link: BaseException | None = error
    seen = set()
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        if isinstance(link, MemoryError | torch.cuda.OutOfMemoryError):
            return True
        message = str(link)
        matches = isinstance(link, RuntimeError | OSError) and bool(_SPELLINGS.search(message))
        if matches and not (_raised_by_user(link) or _raised_by_user_in_worker(message)):
            return True
        link = link.__cause__ or (link.__context__ if matches else None)
    return False


def gives_no_reason(error: BaseException) -> bool:
    """Whether an exception of CUDA's libraries may or may not come from lack of memory."""
    return isinstance(error, RuntimeError) and bool(_NO_REASON.search(str(error)))


def _raised_by_user(error: BaseException) -> bool:
    """Whether a `raise` statement outside installed libraries made the exception.

    Compiled code leaves no frame: the innermost frame is then its caller, whose current
    instruction is a call.
    """
    trace = error.__traceback__
    if trace is None:
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    if code.co_filename.startswith(_INSTALLED):
        return False
    return code.co_code[trace.tb_lasti] == _RAISE


def _raised_by_user_in_worker(message: str) -> bool:
    """The same for an error whose traceback a data-loading worker sent as text."""
    if "in DataLoader worker process" not in message:
        return False
    matching = [part for part in message.split(_CAUSE) if _SPELLINGS.search(part)]
    last = [(_FRAME.findall(part) or [("", "")])[-1] for part in matching]
    return all(word == "raise" and not file.startswith(_INSTALLED) for file, word in last)
