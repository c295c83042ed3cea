"""The records that all packages share: frozen dataclasses on the standard library alone."""

from rightbatch.records.advice import Advice, BindingConstraint, Choice, Remarks, TimeSpent
from rightbatch.records.capacity import Capacity
from rightbatch.records.decision import Decision, DecisionKind
from rightbatch.records.duration import memory_size, parse_bytes, parse_duration
from rightbatch.records.ending import Ending, EndingKind
from rightbatch.records.estimate import Estimate, Note
from rightbatch.records.fits import (
    Accumulation,
    BatchPrediction,
    Fits,
    LearningFit,
    MemoryFit,
    NoiseEstimate,
    NoiseFit,
    SpeedFit,
    SpeedPoint,
)
from rightbatch.records.goal import Direction, Goal, parse_goal
from rightbatch.records.hardware import Hardware
from rightbatch.records.placement import Placement
from rightbatch.records.prediction import (
    MEMORY_PARTS,
    MemoryAlternative,
    MemoryPart,
    MemoryTarget,
    PredictedPeak,
    PredictionMethod,
    PredictResult,
)
from rightbatch.records.probe import (
    KINDS,
    DescribeProbe,
    MemoryProbe,
    NoiseProbe,
    PredictProbe,
    Probe,
    SpeedProbe,
    TrainingProbe,
)
from rightbatch.records.recorded import (
    RecordedSpeed,
    RecordedStudy,
)
from rightbatch.records.remark import Remark, Value
from rightbatch.records.result import (
    DescribeResult,
    MemoryResult,
    NoisePoint,
    NoiseResult,
    Result,
    SpeedResult,
    SpeedSample,
    TrainingPoint,
    TrainingResult,
)
from rightbatch.records.run import (
    Curve,
    Evaluation,
    Improvements,
    Run,
    best_level,
    level_at,
    step_at,
    target_level,
)
from rightbatch.records.stage import STAGES, Stage
from rightbatch.records.study import LearningRates, Objective, Recording, Settings, Study
from rightbatch.records.trial import Outcome, Status, Trial
from rightbatch.records.whole import whole_number
from rightbatch.records.workload import (
    OptimizerFacts,
    Origin,
    ScalingRule,
    WorkloadFacts,
    WorkloadReference,
)

__all__ = [
    "KINDS",
    "MEMORY_PARTS",
    "STAGES",
    "Accumulation",
    "Advice",
    "BatchPrediction",
    "BindingConstraint",
    "Capacity",
    "Choice",
    "Curve",
    "Decision",
    "DecisionKind",
    "DescribeProbe",
    "DescribeResult",
    "Direction",
    "Ending",
    "EndingKind",
    "Estimate",
    "Evaluation",
    "Fits",
    "Goal",
    "Hardware",
    "Improvements",
    "LearningFit",
    "LearningRates",
    "MemoryAlternative",
    "MemoryFit",
    "MemoryPart",
    "MemoryProbe",
    "MemoryResult",
    "MemoryTarget",
    "NoiseEstimate",
    "NoiseFit",
    "NoisePoint",
    "NoiseProbe",
    "NoiseResult",
    "Note",
    "Objective",
    "OptimizerFacts",
    "Origin",
    "Outcome",
    "Placement",
    "PredictProbe",
    "PredictResult",
    "PredictedPeak",
    "PredictionMethod",
    "Probe",
    "RecordedSpeed",
    "RecordedStudy",
    "Recording",
    "Remark",
    "Remarks",
    "Result",
    "Run",
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
    "Value",
    "WorkloadFacts",
    "WorkloadReference",
    "best_level",
    "level_at",
    "memory_size",
    "parse_bytes",
    "parse_duration",
    "parse_goal",
    "step_at",
    "target_level",
    "whole_number",
]
