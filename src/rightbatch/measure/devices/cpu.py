"""The machine as the operating system reports it: memory, cores and load (Linux first)."""

import os
import platform
import resource
from pathlib import Path

import psutil

from rightbatch.measure.control_groups import (
    TRIAL_CGROUP,
    free_bytes,
    limit_bytes,
    memory_tree,
    text_of,
)
from rightbatch.measure.ports import Pressure
from rightbatch.records import Hardware

_SAFE_SHARE = 0.85


class CpuDevice:
    """Memory of this process and of its machine.

    Args:
        process: Directory of this process in /proc.
        powercap: Directory of the processor's energy counters (RAPL).
    """

    def __init__(
        self,
        process: Path = Path("/proc/self"),
        powercap: Path = Path("/sys/class/powercap"),
    ) -> None:
        self._process = process
        self._powercap = powercap

    def reset_peak(self) -> None:
        """Reset the peak of this process (Linux: /proc/self/clear_refs)."""
        path = self._process / "clear_refs"
        if path.exists():
            path.write_text("5")

    def peak_bytes(self) -> int:
        """Highest resident set of this process since the last reset, in bytes."""
        peak = self._status("VmHWM")
        return self.used_bytes() if peak is None else peak  # some sandboxes report no peak

    def used_bytes(self) -> int:
        """Resident set of this process, in bytes."""
        return int(psutil.Process().memory_info().rss)

    def limit_bytes(self, requested: int | None) -> int:
        """Memory a trial may use: `requested`, at most what is free; else 85% of what is free."""
        free = available_bytes()
        return min(requested, free) if requested is not None else int(_SAFE_SHARE * free)

    held_bytes = used_bytes

    def hardware(self, threads: int, requested_limit: int | None) -> Hardware:
        """This machine."""
        return Hardware(
            device="cpu",
            device_name=_named_in(Path("/proc/cpuinfo"), "model name")
            or platform.processor()
            or platform.machine(),
            cores=usable_cores(),
            threads=threads,
            memory_bytes=total_bytes(),
            memory_limit_bytes=self.limit_bytes(requested_limit),
            platform=f"{platform.system()} {platform.machine()}",
            versions=(("python", platform.python_version()),),
            memory_taken_bytes=total_bytes() - available_bytes(),
            counts_energy=self.energy_joules() is not None,
        )

    def utilisation(self) -> float | None:
        """None: nothing reports it for a CPU; achieved FLOP/s over peak stands in for it."""
        return None

    def energy_joules(self) -> float | None:
        """Energy counter of all packages (RAPL); None where it cannot be read.

        On most systems only root may read it.
        """
        zones = self._powercap.glob("intel-rapl:*")  # AMD's have the same name
        try:  # the whole platform, psys, may be listed too, and contains the packages
            used = [
                int((zone / "energy_uj").read_text())
                for zone in zones
                if (zone / "name").read_text().startswith("package")
            ]
        except (OSError, ValueError):
            return None
        return sum(used) / 1e6 if used else None

    def enforce(self, limit_bytes: int) -> str:
        """Report what the runner set, which limits the process from outside."""
        groups = text_of(self._process / "cgroup").splitlines()
        if any(TRIAL_CGROUP.fullmatch(line.rpartition("/")[2]) for line in groups):
            return "cgroup"
        soft, _ = resource.getrlimit(resource.RLIMIT_DATA)
        return "" if soft == resource.RLIM_INFINITY else "data_segment"

    def other_core_seconds(self) -> float:
        """Core-seconds of the machine spent neither idle nor in this process or its children."""
        times = psutil.cpu_times()
        idle = times.idle + getattr(times, "iowait", 0.0)
        guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
        own = psutil.Process()
        family = [own.cpu_times(), *(child.cpu_times() for child in own.children(recursive=True))]
        mine = sum(member.user + member.system for member in family)
        return float(sum(times) - idle - guests - mine)

    def pressure(self) -> Pressure:
        """How much of this process is in swap."""
        return Pressure(swap_bytes=self._status("VmSwap") or 0)

    def _status(self, name: str) -> int | None:
        """A size from the status of this process, in bytes; None where it is not reported."""
        size = _named_in(self._process / "status", name)
        return int(size.removesuffix("kB")) * 1024 if size else None


def usable_cores() -> int:
    """Number of cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def total_bytes() -> int:
    """Memory of the machine, or of the container where that is less."""
    total = int(psutil.virtual_memory().total)
    limit = limit_bytes(memory_tree())
    return total if limit is None else min(total, limit)


def available_bytes() -> int:
    """Memory free for new work, in the machine and in the container."""
    free = int(psutil.virtual_memory().available)
    left = free_bytes(memory_tree())
    return free if left is None else max(0, min(free, left))


def swap_used_bytes() -> int:
    """Swap in use on the machine."""
    return int(psutil.swap_memory().used)


def other_load() -> float:
    """Runnable processes per core over the last minute, roughly the share of cores in use."""
    return os.getloadavg()[0] / usable_cores()


def _named_in(path: Path, name: str) -> str:
    """The first value of a name in a file of `name: value` lines; empty where there is none."""
    pairs = (line.partition(":") for line in text_of(path).splitlines())
    return next((value.strip() for key, _, value in pairs if key.strip() == name), "")
