"""Stages and probes in words."""

from collections.abc import Callable
from typing import Any

from rightbatch.records import (
    DescribeProbe,
    MemoryProbe,
    NoiseProbe,
    PredictProbe,
    Probe,
    SpeedProbe,
    Stage,
    TrainingProbe,
)
from rightbatch.report import words

STAGE_TITLES: dict[Stage | None, str] = {
    None: "Workload",
    "memory": "Memory",
    "speed": "Speed",
    "noise": "Noise",
    "learning": "Learning",
}
PROBES: dict[type[Probe], Callable[[Any], str]] = {
    DescribeProbe: lambda probe: "loading the workload",
    MemoryProbe: lambda probe: f"micro-batch {words.count(probe.batch_size)}",
    PredictProbe: lambda probe: "predicting memory",
    SpeedProbe: lambda probe: f"timing {len(probe.batch_sizes)} batch sizes",
    NoiseProbe: lambda probe: f"gradients at batch size {words.count(probe.batch_size)}",
    TrainingProbe: lambda probe: (
        f"batch size {words.count(probe.batch_size)}, "
        f"learning rate {words.learning_rate(probe.learning_rate)}"
    ),
}
"""What a running probe of each kind does, in a few words."""
