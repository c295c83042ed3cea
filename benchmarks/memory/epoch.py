"""A user's own training loop in a fresh process, under a limit on resident memory.

What it shares with rightbatch is the process that holds the limit, nothing else: the loop below is
plain PyTorch.
"""

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from cases import WORKLOADS, Case

from rightbatch.measure.runners.process import TrialServer

DEADLINE_SECONDS = 3600.0
EPOCH_BATCHES = 20
"""Batches that stand for an epoch: by then a heap has mostly stopped growing."""
ENVIRONMENT = {
    **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}
"""One thread, and huge pages as many systems have them by default: where page faults are slow, as
in some virtual machines, steps otherwise spend most of their time in them."""


@dataclass(frozen=True)
class Ran:
    """How a process ended: whether it stayed in its limit, its peak in bytes, and its seconds."""

    fits: bool
    kind: str
    peak_bytes: int
    seconds: float


def run(case: Case, batch_size: int, batches: int) -> Ran:
    """Train some batches, the short last one of an epoch, and validate.

    Raises:
        RuntimeError: The loop failed for another reason than memory.
    """
    with TrialServer(fork=False, environment=ENVIRONMENT) as server:
        ending = server.call(
            "epoch:train",
            (case.model, batch_size, batches),
            deadline_seconds=DEADLINE_SECONDS,
            limit_bytes=case.limit_bytes,
            progress=lambda done: None,
        )
    peak = ending.value if ending.kind == "returned" else ending.peak_bytes
    lacks_memory = ending.kind == "out_of_memory" or _says_memory(ending.message)
    if ending.kind != "returned" and not lacks_memory:
        raise RuntimeError(f"{case.name} at {batch_size}: {ending}")
    fits = ending.kind == "returned" and peak <= case.limit_bytes
    return Ran(fits, ending.kind, peak, ending.wall_seconds)


def train(payload: tuple[str, int, int], progress: Callable[[float], None]) -> int:
    """In the fresh process; the peak of its resident set, in bytes."""
    import torch
    from torch.utils.data import DataLoader

    model_name, batch_size, batches = payload
    work = load(model_name)
    torch.set_num_threads(1)
    torch.manual_seed(1)
    model = work.model()
    optimizer = work.optimizer(model.parameters(), work.learning_rate)
    model.train()
    _reset_peak()

    def step(batch: Any) -> None:
        optimizer.zero_grad()
        work.loss(model, batch).backward()
        optimizer.step()

    loader = DataLoader(work.train_data, batch_size, shuffle=True, collate_fn=work.collate)
    for batch in islice(loader, batches):
        step(batch)
        progress(0.5)
    short = len(work.train_data) % batch_size
    if short:
        last = torch.utils.data.Subset(work.train_data, range(short))
        step(next(iter(DataLoader(last, short, collate_fn=work.collate))))
    model.eval()
    with torch.no_grad():
        valid = DataLoader(work.valid_data, work.valid_batch_size, collate_fn=work.collate)
        work.metric(model, list(valid))
    return _peak()


def load(model_name: str) -> Any:
    """The workload of a model."""
    spec = importlib.util.spec_from_file_location("workloads", WORKLOADS)
    module = importlib.util.module_from_spec(spec)
    sys.modules["workloads"] = module
    spec.loader.exec_module(module)
    return getattr(module, model_name)()


def _says_memory(message: str) -> bool:
    return "DefaultCPUAllocator" in message or "Cannot allocate memory" in message


def _reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("The kernel keeps no peak here.")
