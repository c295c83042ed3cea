"""What every room of the house speaks: frozen records on the standard library alone."""

from rightbatch.records.advice import Advice, BindingConstraint, Choice, TimeSpent
from rightbatch.records.duration import parse_bytes, parse_duration
from rightbatch.records.estimate import Estimate
from rightbatch.records.fits import (
    BatchPrediction,
    Fits,
    LearningFit,
    MemoryFit,
    NoiseEstimate,
    NoiseFit,
    RunSummary,
    SpeedFit,
    SpeedPoint,
)
from rightbatch.records.goal import Direction, Goal, parse_goal
from rightbatch.records.hardware import Hardware
from rightbatch.records.probe import (
    DescribeProbe,
    MemoryProbe,
    NoiseProbe,
    Probe,
    SpeedProbe,
    TrainingProbe,
)
from rightbatch.records.recorded import (
    RecordedLevel,
    RecordedRun,
    RecordedSpeed,
    RecordedStudy,
)
from rightbatch.records.study import STAGES, Objective, Recording, Settings, Stage, Study
from rightbatch.records.trial import (
    DescribeResult,
    MemoryResult,
    NoisePoint,
    NoiseResult,
    Outcome,
    Result,
    SpeedResult,
    SpeedSample,
    Status,
    TrainingPoint,
    TrainingResult,
    Trial,
)
from rightbatch.records.workload import (
    OptimizerFacts,
    ScalingRule,
    WorkloadFacts,
    WorkloadReference,
)

__all__ = [
    "STAGES",
    "Advice",
    "BatchPrediction",
    "BindingConstraint",
    "Choice",
    "DescribeProbe",
    "DescribeResult",
    "Direction",
    "Estimate",
    "Fits",
    "Goal",
    "Hardware",
    "LearningFit",
    "MemoryFit",
    "MemoryProbe",
    "MemoryResult",
    "NoiseEstimate",
    "NoiseFit",
    "NoisePoint",
    "NoiseProbe",
    "NoiseResult",
    "Objective",
    "OptimizerFacts",
    "Outcome",
    "Probe",
    "RecordedLevel",
    "RecordedRun",
    "RecordedSpeed",
    "RecordedStudy",
    "Recording",
    "Result",
    "RunSummary",
    "ScalingRule",
    "Settings",
    "SpeedFit",
    "SpeedPoint",
    "SpeedProbe",
    "SpeedResult",
    "SpeedSample",
    "Stage",
    "Status",
    "Study",
    "TimeSpent",
    "TrainingPoint",
    "TrainingProbe",
    "TrainingResult",
    "Trial",
    "WorkloadFacts",
    "WorkloadReference",
    "parse_bytes",
    "parse_duration",
    "parse_goal",
]
