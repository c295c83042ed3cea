"""A prediction among the memory trials: whether it pays, what it says, where it says to look."""

from collections.abc import Sequence
from typing import Literal

from rightbatch.decide.stages.memory.tried import Tried
from rightbatch.decide.study.evidence import of_kind
from rightbatch.decide.study.situation import Situation
from rightbatch.records import (
    Estimate,
    MemoryTarget,
    PredictProbe,
    PredictResult,
    Remark,
    Trial,
)
from rightbatch.science.memory import RESIDENT_FILLED, MemoryLine, largest_between, peak_between

Points = Sequence[tuple[int, int]]
"""(micro-batch size, peak bytes) pairs."""

_FOLLOWED = ("torch",)
"""Frameworks whose steps can be followed without data."""
_LEAST_SECONDS = 20.0
"""A prediction takes five to ten seconds, some small trials' worth."""
_TIMES_A_TRIAL = 5
_AIM = {"cpu": RESIDENT_FILLED, "cuda": 0.95}
"""Of the predicted size."""
_AIM_BY_ANOTHER = 0.97
"""Of what another optimizer's sizes foretell, which were measured."""
_FAR = 1.5
_STEP_DOWN = 0.8
"""Below a size that was predicted to fit and did not."""


def prediction(trials: Sequence[Trial]) -> PredictResult | None:
    """The prediction of a study; None where none was made, or it failed."""
    results = (trial.result for trial, _ in of_kind(trials, PredictProbe))
    return next((result for result in results if isinstance(result, PredictResult)), None)


def how_predicted(trials: Sequence[Trial]) -> Remark | None:
    """What was predicted, or why that failed; None where no prediction was made."""
    found = prediction(trials)
    if found is None:
        return next((trial.outcome.remark for trial, _ in of_kind(trials, PredictProbe)), None)
    return Remark.of("memory_predicted", batch_size=found.largest_batch_size, reason=found.reason)


def predicted_line(result: PredictResult) -> MemoryLine:
    """The line of a prediction near its limit, in the form that a fit to measured points has.

    It has no intervals. Its lack of fit is the largest relative distance of a followed size from
    it; sizes far below the limit may lie off the line, where a validation pass decides their peak.
    """
    fixed, slope = result.bytes_fixed, result.bytes_per_example
    return MemoryLine(
        fixed=Estimate(fixed, unit="bytes", note="predicted_without_device"),
        slope=Estimate(slope, unit="bytes/example", note="predicted_without_device"),
        lack_of_fit=max(
            abs(fixed + slope * peak.batch_size - peak.total_bytes) / peak.total_bytes
            for peak in result.peaks
        ),
    )


def next_prediction(
    situation: Situation, seen: Tried, seconds_left: float, deadline: float
) -> PredictProbe | None:
    """A prediction after the first trial; None where small sizes tell as much for less.

    That is where all sizes would fit even if all that the first trial took grew with the batch,
    where the time is short, and with Keras, whose tensors always have data.

    Args:
        situation: The study so far.
        seen: Its memory trials.
        seconds_left: Time left for the stage, in seconds.
        deadline: Wall-clock limit of the trial, in seconds.
    """
    made = any(of_kind(situation.trials, PredictProbe))
    if made or situation.facts.framework not in _FOLLOWED or len(seen.points) != 1 or seen.failed:
        return None
    limit, (cap, _) = situation.hardware.memory_limit_bytes, situation.largest_tried
    size, peak = seen.points[0]
    if peak + steepest(seen) * (cap - size) <= limit:
        return None
    if seconds_left < max(_LEAST_SECONDS, _TIMES_A_TRIAL * seen.seconds):
        return None
    return PredictProbe(
        optimizer=situation.optimizers[0].name,
        target=MemoryTarget(situation.hardware.device_name, _kind(situation), limit),
        margin=situation.settings.margin,
        max_batch_size=cap,
        what_if=False,
        verify=False,
        inference=situation.settings.inference,
        seconds_limit=min(deadline, seconds_left),
    )


def predicted_size(situation: Situation, seen: Tried, ran: int, cap: int) -> int | None:
    """Where a prediction says to try next; None without one, or where what ran is not far from it.

    Args:
        situation: The study so far.
        seen: Its memory trials.
        ran: The largest size that ran.
        cap: The largest size to try.
    """
    found = prediction(situation.trials)
    if found is None:
        return None
    aim, most = _AIM[_kind(situation)], found.largest_batch_size or 0
    roomy = predicted_line(found).at(cap) <= aim * found.limit_bytes
    size = _below_failures(cap if roomy else int(aim * most), seen, ran)
    return size if size > _FAR * ran else None


def size_by_another(
    situation: Situation, seen: Tried, another: Points, ran: int, cap: int
) -> int | None:
    """Where another optimizer's sizes say to try next; None where this one's own tell more.

    Its peaks count as moved by what one size takes more or less with this optimizer.

    Args:
        situation: The study of this optimizer.
        seen: Its memory trials.
        another: What was measured with the other, at two sizes at least; none without another.
        ran: The largest size that ran.
        cap: The largest size to try.
    """
    if not another or len({size for size, _ in seen.points}) > 1:
        return None
    size, peak = seen.points[0]
    more = round(peak - peak_between(another, size))
    most = largest_between(
        [(size, peak + more) for size, peak in another], situation.hardware.memory_limit_bytes
    )
    return _below_failures(cap if most is None else int(_AIM_BY_ANOTHER * most), seen, ran)


def _below_failures(size: int, seen: Tried, ran: int) -> int:
    return min([size, *(int(_STEP_DOWN * failed) for failed in seen.failed if failed > ran)])


def steepest(seen: Tried) -> float:
    """Bytes per example if all that the smallest trial took grew with the batch."""
    size, peak = seen.points[0]
    return max(peak - seen.baseline_bytes, 1) / size


def _kind(situation: Situation) -> Literal["cpu", "cuda"]:
    return "cpu" if situation.hardware.device == "cpu" else "cuda"
