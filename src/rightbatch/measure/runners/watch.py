"""Observes the memory of a trial's processes from outside."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import psutil

from rightbatch.measure.control_groups import fields

_SCAN_EVERY = 10
_NEARLY_ALL = 0.9
_NEARLY_NONE = 0.03


class Watch:
    """Memory of a process and its descendants, sampled from time to time.

    Attributes:
        pid: The process, leader of its process group.
        limit_bytes: Memory they may use together; None for no limit.
        peak_bytes: Highest observed use.
        group_peak_bytes: Highest observed use while there was more than one process.
    """

    def __init__(self, pid: int, limit_bytes: int | None) -> None:
        self.pid = pid
        self.limit_bytes = limit_bytes
        self.peak_bytes = 0
        self.group_peak_bytes = 0
        self._processes: list[psutil.Process] = []
        with suppress(psutil.Error):
            self._processes.append(psutil.Process(pid))
        self._looks = 0
        self._last_bytes = 0
        self._shared_bytes = 0  # counted more than once in a sum of resident sets
        self._least_free = 1.0
        self._kernel_kills = _kernel_kills()

    def exceeded(self) -> bool:
        """Sample once; whether the processes exceed their limit."""
        scan = self._looks % _SCAN_EVERY == 0
        self._looks += 1
        if scan:
            self._find_descendants()
            memory = psutil.virtual_memory()
            self._least_free = min(self._least_free, memory.available / memory.total)
        resident = [_resident_bytes(process) for process in self._processes]
        if not any(resident[:1]):
            return False  # the process is ending and reports nothing: the last value stands
        total, alone = sum(resident), len(self._processes) <= 1
        if scan or self._over(total - self._shared_bytes):
            self._shared_bytes = 0 if alone else max(total - self._proportional(), 0)
        self._last_bytes = total - self._shared_bytes
        self.peak_bytes = max(self.peak_bytes, self._last_bytes)
        if not alone:
            self.group_peak_bytes = max(self.group_peak_bytes, self._last_bytes)
        return self._over(self._last_bytes)

    def memory_ran_out(self, count_kernel_kills: bool) -> bool:
        """Whether a kill from outside looks like lack of memory, in the limit or on the machine.

        Args:
            count_kernel_kills: Whether kills by the kernel anywhere on the machine count; a control
                group counts its own.
        """
        return (
            self._over(self._last_bytes / _NEARLY_ALL)
            or self._least_free < _NEARLY_NONE
            or (count_kernel_kills and _kernel_kills() > self._kernel_kills)
        )

    def kill(self) -> None:
        """Kill the group and every observed process, for when the server no longer can."""
        self._find_descendants()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        for process in self._processes:
            with suppress(psutil.Error):
                process.kill()

    def _over(self, used_bytes: float) -> bool:
        return self.limit_bytes is not None and used_bytes > self.limit_bytes

    def _find_descendants(self) -> None:
        self._processes[1:] = [process for process in self._processes[1:] if process.is_running()]
        for process in list(self._processes):
            with suppress(psutil.Error):
                found = process.children(recursive=True)
                self._processes += [child for child in found if child not in self._processes]

    def _proportional(self) -> int:
        """Sum of proportional set sizes, shared pages counted once; else of resident sets."""
        total = 0
        for process in self._processes:
            with suppress(psutil.Error):
                memory = process.memory_full_info()
                total += int(getattr(memory, "pss", memory.rss))
        return total


def _resident_bytes(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0


def _kernel_kills() -> int:
    """How many processes the kernel has killed for lack of memory; 0 where it is not reported."""
    return fields(Path("/proc/vmstat")).get("oom_kill", 0)
