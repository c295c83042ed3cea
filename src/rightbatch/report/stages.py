"""What one stage found, in a few lines for a terminal."""

import math

from rightbatch.decide.advise.capped import why_none
from rightbatch.records import (
    Accumulation,
    Advice,
    Hardware,
    MemoryFit,
    NoiseFit,
    Recording,
    SpeedFit,
    Stage,
    memory_size,
)
from rightbatch.report import words
from rightbatch.report.sentences import outcome_sentence, say, say_all
from rightbatch.report.sentences.phrases import CAPPED_BY

_NOTHING = "Nothing was measured; allow a longer --budget."
_NOTABLE = 0.05
_ENFORCED = {
    "cgroup": "a control group around each trial",
    "data_segment": "the peak of resident memory, and a bound on the process's data",
    "allocator": "the framework's allocator",
}
_LASTED = "It ran for 20 steps."
_NOT_LASTED = "It did not run for 20 steps; a process's heap may still grow in that time."


def stage_lines(stage: Stage, recording: Recording, advice: Advice) -> list[str]:
    """The lines for one stage.

    Args:
        stage: "memory", "speed", "noise" or "learning".
        recording: The study.
        advice: Its advice, for the fits.

    Returns:
        Lines of plain text, the name of the study last.
    """
    fits = advice.fits
    match stage:
        case "memory":
            hardware, several = recording.hardware, len(fits.memories) > 1
            lines = [line for fit in fits.memories for line in _memory(fit, hardware, several)]
            lines = lines or [_NOTHING]
        case "speed":
            lines = [line for fit in fits.speeds for line in _speed(fit, len(fits.speeds) > 1)]
            lines = lines or [_NOTHING]
        case "noise":
            lines = [line for fit in fits.noises for line in _noise(fit, len(fits.noises) > 1)]
            lines = lines or [_NOTHING]
        case "learning":
            lines = _learning(advice)
    told = filter(None, (outcome_sentence(trial.outcome) for trial in recording.trials))
    if stage != "learning":
        lines += [sentence for sentence in told if sentence not in lines]
    return [*lines, f"Study {recording.study.name}."]


def _memory(fit: MemoryFit, hardware: Hardware | None, one_of_several: bool) -> list[str]:
    lines = [f"Memory with {fit.optimizer}:"] if one_of_several else []
    if fit.largest_batch_size is None:
        return [*lines, f"{say(why_none(fit))} The limit is {memory_size(fit.limit_bytes)}."]
    lines += [
        f"Largest micro-batch that ran: {fit.largest_batch_size:,} ({CAPPED_BY[fit.capped_by]}).",
        f"Safe micro-batch, leaving {fit.margin:.0%} of {memory_size(fit.limit_bytes)} free: "
        f"{fit.safe_batch_size:,}." if fit.safe_batch_size else say(why_none(fit)),
    ]  # fmt: skip
    if fit.safe_batch_size and fit.capped_by == "memory":
        lines.append(
            _LASTED if (fit.lasted_batch_size or 0) >= fit.safe_batch_size else _NOT_LASTED
        )
    if fit.bytes_fixed is not None and fit.bytes_per_example is not None:
        lines.append(
            f"Peak memory ≈ {memory_size(fit.bytes_fixed.value)} + "
            f"{memory_size(fit.bytes_per_example.value)} per example."
        )
    return [*lines, *_accumulation(fit.accumulation), *_how_it_was_found(fit, hardware)]


def _accumulation(kept: Accumulation | None) -> list[str]:
    if kept is None:
        return []
    ran = "ran within the margin" if kept.ran else "not tried"
    return [
        f"Batch size {kept.batch_size:,}: accumulate {kept.accumulation_steps:,} micro-batches of "
        f"{kept.micro_batch_size:,} ({ran}).",
        *say_all(kept.caveats),
    ]


def _how_it_was_found(fit: MemoryFit, hardware: Hardware | None) -> list[str]:
    told = [f"{fit.trials} trials in {words.duration(fit.seconds)}."]
    if fit.predicted is not None:
        told.append(say(fit.predicted))
    if fit.enforced_by:
        told.append(f"Memory limit enforced by {_ENFORCED[fit.enforced_by]}.")
    if hardware is not None and hardware.memory_taken_bytes > _NOTABLE * hardware.memory_bytes:
        told.append(
            f"Other processes held {memory_size(hardware.memory_taken_bytes)} of "
            f"{memory_size(hardware.memory_bytes)} when the study began."
        )
    return told


def _speed(fit: SpeedFit, one_of_several: bool) -> list[str]:
    lines = [f"Steps with {fit.optimizer}:"] if one_of_several else []
    lines += [
        f"{point.batch_size:>8,}  {words.estimate(point.step_seconds)} per step, "
        f"{words.count(point.examples_per_second.value)} examples/s"
        + ("" if point.power_watts is None else f", {words.number(point.power_watts)} W")
        for point in fit.points
    ]
    lines.append(
        "Throughput reaches 90% of its maximum at batch size "
        f"{words.batch_size(fit.knee_batch_size)}."
    )
    if fit.left_out:
        lines.append(f"Not timed, as too slow for the budget: {words.sizes(fit.left_out)}.")
    lines += _where_a_step_goes(fit)
    if fit.noise_reason is not None:
        lines.append(say(fit.noise_reason))
    return lines


def _where_a_step_goes(fit: SpeedFit) -> list[str]:
    """The fitted line, and at the knee the wait for data and how busy the device is."""
    told = []
    if fit.alpha is not None and fit.beta is not None:
        error = "" if fit.lack_of_fit is None else f" (fit error {words.share(fit.lack_of_fit)})"
        instead = "; interpolated between the sizes timed instead" if fit.interpolated else ""
        told.append(
            f"Step time ≈ {words.duration(fit.alpha.value)} + "
            f"{words.duration(fit.beta.value)} per example{error}{instead}."
        )
    used = ""
    if fit.utilisation is not None:
        used = f"; device utilisation {words.share(fit.utilisation)}"
    told.append(f"At the knee, {words.share(fit.load_share)} of a step waits for data{used}.")
    return told


def _noise(fit: NoiseFit, one_of_several: bool) -> list[str]:
    lines = [f"Noise with {fit.optimizer}:"] if one_of_several else []
    lines += [
        f"step {point.step:>6,}  "
        + ("unknown" if point.noise_scale is None else words.estimate(point.noise_scale))
        for point in fit.points
    ]
    if fit.noise_scale is None:
        return [*lines, *say_all([fit.reason] if fit.reason else [])]
    return [*lines, f"Gradient noise scale, later half: {words.estimate(fit.noise_scale)}."]


def _at(rate: float) -> str:
    return "" if math.isnan(rate) else f"at {words.learning_rate(rate):<8} "


def _learning(advice: Advice) -> list[str]:
    lines = [say(advice.remarks.headline)]
    for fit in advice.fits.learning:
        lines += [
            f"{fit.optimizer} {row.batch_size:>8,} {_at(row.learning_rate)}"
            f"{words.estimate(row.steps)}, {words.estimate(row.seconds)}"
            for row in fit.predictions
            if row.runs_reached
        ]
        if fit.critical_batch_size is not None:
            lines.append(f"Critical batch size: {words.estimate(fit.critical_batch_size)}.")
    return lines
