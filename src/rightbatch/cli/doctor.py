"""What this machine can measure."""

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
from rightbatch.measure.devices.nvidia import gpus
from rightbatch.records import Hardware, memory_size

_FRAMEWORKS = ("torch", "tensorflow", "keras", "jax", "lightning", "transformers", "accelerate")
_BUSY = 0.5


def _threads() -> int:
    """Compute threads of a trial: what OpenMP is told, else one per core."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    return int(told) if told.isdecimal() and int(told) else usable_cores()


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
    terminal = console()
    terminal.print(f"Processor   {hardware.device_name}")
    terminal.print(f"Threads     {hardware.threads} a trial, on {hardware.cores} usable cores")
    terminal.print(
        f"Memory      {memory_size(hardware.memory_bytes)}, {memory_size(free)} free; "
        f"a trial may use {memory_size(hardware.memory_limit_bytes)}"
    )
    terminal.print(f"Swap        {memory_size(swap) if swap else 'none'} in use")
    for card in cards:
        power = "power is measured" if card.counts_energy else "power is not measured"
        terminal.print(f"GPU         {card.name}, {memory_size(card.memory_bytes)}, {power}")
    if not cards:
        terminal.print("GPU         none seen by NVML")
    terminal.print(f"Power       {_power(hardware)}")
    terminal.print(f"Frameworks  {', '.join(frameworks) or 'none'}")
    terminal.print(f"Load        {load:.2f} runnable processes per core in the last minute")
    for warning in warnings:
        terminal.print(f"Beware      {warning}", style="yellow")


def _power(hardware: Hardware) -> str:
    """Whether the processor's power can be measured."""
    if hardware.counts_energy:
        return "the processor's is measured (RAPL)"
    return "the processor's is not measured: RAPL is missing, or for root alone"


def _warnings(load: float, swap: int, frameworks: list[str]) -> list[str]:
    told = []
    if load > _BUSY:
        told.append("Other work keeps this machine busy; timings will scatter.")
    if swap > 0:
        told.append("Swap is in use; a trial near the memory limit may slow instead of failing.")
    if not frameworks:
        told.append("No framework is installed: pip install 'rightbatch[torch]', or keras-jax.")
    return told
