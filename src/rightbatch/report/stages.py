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

_NOTHING = "Nothing was measured; allow a larger budget."
_NOTABLE = 0.05
"""Share of the memory held by other processes above which it is mentioned."""
_ENFORCED = {
    "cgroup": "a control group around each trial",
    "data_segment": "a limit on the process's data and its peak resident memory",
    "allocator": "the framework's allocator",
}


def stage_lines(stage: Stage, recording: Recording, advice: Advice) -> list[str]:
    """The lines for one stage.

    Args:
        stage: "memory", "speed", "noise" or "learning".
        recording: The study.
        advice: Its advice, for the fits.

    Returns:
        Lines of plain text, ending with the name of the study.
    """
    fits, study = advice.fits, f"Study {recording.study.name}."
    if stage == "learning":
        return [*_learning(advice), study]
    found = {
        "memory": [
            (f"Memory with {fit.optimizer}:", _memory(fit, recording.hardware))
            for fit in fits.memories
        ],
        "speed": [(f"Steps with {fit.optimizer}:", _speed(fit)) for fit in fits.speeds],
        "noise": [(f"Noise with {fit.optimizer}:", _noise(fit)) for fit in fits.noises],
    }[stage]
    titles = len(found) > 1
    lines = [line for title, told in found for line in ([title, *told] if titles else told)]
    lines = lines or [_NOTHING]
    outcomes = filter(None, (outcome_sentence(trial.outcome) for trial in recording.trials))
    return [*lines, *(sentence for sentence in outcomes if sentence not in lines), study]


def _memory(fit: MemoryFit, hardware: Hardware | None) -> list[str]:
    if fit.largest_batch_size is None:
        return [f"{say(why_none(fit))} Memory limit: {memory_size(fit.limit_bytes)}."]
    lines = [
        f"Largest micro-batch that ran: {fit.largest_batch_size:,} ({CAPPED_BY[fit.capped_by]}).",
        f"Safe micro-batch, leaving {fit.margin:.0%} of {memory_size(fit.limit_bytes)} free: "
        f"{fit.safe_batch_size:,}." if fit.safe_batch_size else say(why_none(fit)),
    ]  # fmt: skip
    if fit.safe_batch_size and fit.capped_by == "memory":
        lasted = (fit.lasted_batch_size or 0) >= fit.safe_batch_size
        lines.append(
            "It ran for 20 steps."
            if lasted
            else "It did not run for 20 steps; a process's heap may still grow in that time."
        )
    if fit.bytes_fixed is not None and fit.bytes_per_example is not None:
        lines.append(peak_line(fit.bytes_fixed.value, fit.bytes_per_example.value))
    if fit.accumulation is not None:
        lines += _accumulation(fit.accumulation)
    lines.append(f"{fit.trials} trials in {words.duration(fit.seconds)}.")
    if fit.predicted is not None:
        lines.append(say(fit.predicted))
    if fit.enforced_by:
        lines.append(f"Memory limit enforced by {_ENFORCED[fit.enforced_by]}.")
    if hardware is not None and hardware.memory_taken_bytes > _NOTABLE * hardware.memory_bytes:
        lines.append(
            f"Other processes held {memory_size(hardware.memory_taken_bytes)} of "
            f"{memory_size(hardware.memory_bytes)} when the study began."
        )
    return lines


def peak_line(fixed: float, per_example: float) -> str:
    """Peak memory as a line in the micro-batch size, both coefficients in bytes."""
    return f"Peak memory ≈ {memory_size(fixed)} + {memory_size(per_example)} per example."


def _accumulation(kept: Accumulation) -> list[str]:
    ran = "ran within the safety margin" if kept.ran else "not tried"
    return [
        f"Batch size {kept.batch_size:,}: accumulate {kept.accumulation_steps:,} micro-batches of "
        f"{kept.micro_batch_size:,} ({ran}).",
        *say_all(kept.caveats),
    ]


def _speed(fit: SpeedFit) -> list[str]:
    lines = [
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
    if fit.alpha is not None and fit.beta is not None:
        then = ", so step times are interpolated" if fit.interpolated else ""
        lines.append(
            f"Step time ≈ {words.duration(fit.alpha.value)} + "
            f"{words.duration(fit.beta.value)} per example "
            f"(fit error {words.share(fit.lack_of_fit or 0.0)}{then})."
        )
    used = "" if fit.utilisation is None else f"; device utilisation {words.share(fit.utilisation)}"
    lines.append(f"At the knee, {words.share(fit.load_share)} of a step waits for data{used}.")
    return [*lines, *say_all(filter(None, (fit.noise_reason,)))]


def _noise(fit: NoiseFit) -> list[str]:
    lines = [
        f"step {point.step:>6,}  "
        + ("unknown" if point.noise_scale is None else words.estimate(point.noise_scale))
        for point in fit.points
    ]
    if fit.noise_scale is None:
        return [*lines, *say_all(filter(None, (fit.reason,)))]
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
