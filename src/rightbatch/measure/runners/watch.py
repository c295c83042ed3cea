"""Watches the memory of a trial's processes from outside."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import psutil

_SCAN_EVERY = 10
_NEARLY_ALL = 0.9
_NEARLY_NONE = 0.03


class Watch:
    """Memory of a process and its descendants, looked at from time to time.

    Attributes:
        pid: The process, leader of its process group.
        limit_bytes: Memory they may use together; None for no limit.
        peak_bytes: The most they were seen to use.
        group_peak_bytes: The most they were seen to use while they were several.
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
        self._shared_bytes = 0  # what a sum of resident sets counts more than once
        self._least_free = 1.0
        self._kernel_kills = _kernel_kills()

    def exceeded(self) -> bool:
        """Look once; whether the processes use more than their limit."""
        scan = self._looks % _SCAN_EVERY == 0
        self._looks += 1
        if scan:
            self._find_descendants()
            memory = psutil.virtual_memory()
            self._least_free = min(self._least_free, memory.available / memory.total)
        resident = [_resident_bytes(process) for process in self._processes]
        if not any(resident[:1]):
            return False  # the process is ending and shows nothing: what it last used stands
        self._count(sum(resident), scan)
        return self._over(self._last_bytes)

    def _count(self, resident: int, scan: bool) -> None:
        """Take note of what is used, given the sum of resident sets."""
        alone = len(self._processes) <= 1
        if scan or self._over(resident - self._shared_bytes):
            self._shared_bytes = 0 if alone else max(resident - self._proportional(), 0)
        self._last_bytes = resident - self._shared_bytes
        self.peak_bytes = max(self.peak_bytes, self._last_bytes)
        if not alone:
            self.group_peak_bytes = max(self.group_peak_bytes, self._last_bytes)

    def memory_ran_out(self, count_kernel_kills: bool) -> bool:
        """Whether a kill from outside looks like lack of memory: the limit or the machine's.

        Args:
            count_kernel_kills: Whether kills of the kernel anywhere on the machine count; a control
                group knows its own.
        """
        return (
            self._over(self._last_bytes / _NEARLY_ALL)
            or self._least_free < _NEARLY_NONE
            or (count_kernel_kills and _kernel_kills() > self._kernel_kills)
        )

    def kill(self) -> None:
        """Kill the group and every process seen, where the server cannot do it any more."""
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
                for child in process.children(recursive=True):
                    if child not in self._processes:
                        self._processes.append(child)

    def _proportional(self) -> int:
        """Sum of proportional sets, shared pages counted once; resident sets where not known."""
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
    """How many processes the kernel has ended for lack of memory; 0 where it does not tell."""
    path = Path("/proc/vmstat")
    with suppress(OSError):
        for line in path.read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0
