"""The command doctor: what this machine can measure."""

import os
from importlib.util import find_spec

from rightbatch.cli.output import console, print_json
from rightbatch.measure.devices.cpu import (
    CpuDevice,
    available_bytes,
    other_load,
    swap_used_bytes,
    usable_cores,
)
from rightbatch.measure.devices.nvidia import Gpu, gpus
from rightbatch.records import memory_size

_FRAMEWORKS = ("torch", "tensorflow", "keras", "jax", "lightning", "transformers", "accelerate")
_BUSY = 0.5


def _threads() -> int:
    """Compute threads of a trial: OMP_NUM_THREADS, else one per core."""
    value = os.environ.get("OMP_NUM_THREADS", "")
    return int(value) if value.isdecimal() and int(value) else usable_cores()


def examine(json: bool) -> None:
    """Print devices, memory and its limits, threads, frameworks and other load."""
    hardware = CpuDevice().hardware(_threads(), None)
    frameworks = [name for name in _FRAMEWORKS if find_spec(name) is not None]
    free, swap, load, cards = available_bytes(), swap_used_bytes(), other_load(), gpus()
    warnings = _warnings(load, swap, frameworks)
    if json:
        print_json(
            {
                "schema": "rightbatch/doctor/1",
                "device_name": hardware.device_name,
                "cores": hardware.cores,
                "threads": hardware.threads,
                "memory_bytes": hardware.memory_bytes,
                "available_bytes": free,
                "memory_limit_bytes": hardware.memory_limit_bytes,
                "swap_used_bytes": swap,
                "load_per_core": load,
                "power_measured": hardware.counts_energy,
                "frameworks": frameworks,
                "warnings": warnings,
                "results": [
                    {
                        "name": card.name,
                        "memory_bytes": card.memory_bytes,
                        "power_measured": card.counts_energy,
                    }
                    for card in cards
                ],
            }
        )
        return
    rows = [
        ("Processor", hardware.device_name),
        ("Threads", f"{hardware.threads} per trial, on {hardware.cores} usable cores"),
        (
            "Memory",
            f"{memory_size(hardware.memory_bytes)}, {memory_size(free)} free; "
            f"a trial may use {memory_size(hardware.memory_limit_bytes)}",
        ),
        ("Swap", f"{memory_size(swap) if swap else 'none'} in use"),
        *(("GPU", _gpu(card)) for card in cards),
        *([] if cards else [("GPU", "none reported by NVML")]),
        (
            "CPU power",
            "available (RAPL)"
            if hardware.counts_energy
            else "not available (no RAPL, or only root may read it)",
        ),
        ("Frameworks", ", ".join(frameworks) or "none"),
        ("Load", f"{load:.2f} runnable processes per core in the last minute"),
    ]
    terminal = console()
    for name, text in rows:
        terminal.print(f"{name:<12}{text}")
    for warning in warnings:
        terminal.print(f"Warning     {warning}", style="yellow")


def _gpu(card: Gpu) -> str:
    power = "available" if card.counts_energy else "not available"
    return f"{card.name}, {memory_size(card.memory_bytes)}, power {power}"


def _warnings(load: float, swap: int, frameworks: list[str]) -> list[str]:
    """What may disturb measurements, one sentence each."""
    warnings = {
        "Other processes keep this machine busy; timings will scatter.": load > _BUSY,
        "Swap is in use; a trial near the memory limit may slow down instead of failing.": swap > 0,
        "No framework is installed: pip install 'rightbatch[torch]', or keras-jax.": not frameworks,
    }
    return [warning for warning, holds in warnings.items() if holds]
