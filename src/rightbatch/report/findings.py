"""What each figure shows, in words: its finding as a heading, how to read it and its numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from rightbatch.records import (
    Advice,
    Choice,
    Fits,
    LearningFit,
    MemoryFit,
    NoiseFit,
    Remark,
    SpeedFit,
    Stage,
    Study,
    memory_size,
)
from rightbatch.report import words
from rightbatch.report.runs import DrawnRun
from rightbatch.report.sentences import say
from rightbatch.report.sentences.phrases import CAPPED_BY
from rightbatch.report.table import Table

_Fit = TypeVar("_Fit", bound=MemoryFit | NoiseFit)


@dataclass(frozen=True, slots=True)
class Finding:
    """One figure in words.

    Attributes:
        key: Name of the figure: "time", "throughput", "memory", "steps", "examples" or "noise".
        heading: The finding, as a title.
        reading: How to read the figure, in a few sentences.
        missing: Why there is no figure; empty if there is one.
        table: The numbers of the figure; None without any.
    """

    key: str
    heading: str
    reading: str
    missing: str = ""
    table: Table | None = None


def make_findings(study: Study, advice: Advice, runs: tuple[DrawnRun, ...]) -> tuple[Finding, ...]:
    """The finding of each figure, in display order."""
    fits = advice.fits
    learning = pick_fit(fits, advice.recommended)
    return (
        _time(study, advice, runs),
        _throughput(study, fits.speed),
        _memory(study, fits),
        _steps(study, learning, runs),
        _examples(study, learning, runs),
        _noise(study, fits),
    )


def pick_fit(fits: Fits, recommended: Choice | None) -> LearningFit | None:
    """The learning fit of the recommended optimizer, else of the first one; None without any."""
    first = fits.learning[0] if fits.learning else None
    if recommended is None:
        return first
    return next((fit for fit in fits.learning if fit.optimizer == recommended.optimizer), first)


def with_others(fit: _Fit, fits: Sequence[_Fit]) -> tuple[_Fit, ...]:
    """The fit that a figure is about, then those of the other optimizers."""
    return (fit, *(other for other in fits if other.optimizer != fit.optimizer))


def _absent(study: Study, stage: Stage, name: str) -> str:
    """Why there is no figure of a stage."""
    if stage not in study.settings.stages:
        return f"The {stage} stage was not selected, so there is no figure of {name}."
    if not study.finished:
        return f"The study ended before its {stage} stage; resume it to see {name}."
    return f"The {stage} stage gave no measurement of {name}."


def _time(study: Study, advice: Advice, runs: tuple[DrawnRun, ...]) -> Finding:
    reading = (
        "Each point is one training run: its steps to goal times the mean step time at its batch "
        "size. The line is the prediction at the best learning rate of each batch size; the band "
        "is its 95% interval. Both axes are logarithmic. Open triangles are runs stopped before "
        "the goal: their time to goal is longer."
    )
    if not any(run.seconds is not None for run in runs):
        return Finding("time", "Time to goal", reading, _absent(study, "learning", "time to goal"))
    best, heading = advice.recommended, "Time to goal: no run reached the goal"
    if best is not None and best.seconds_to_goal is not None:
        least = "is shortest near" if advice.objective in ("time", "cost") else "at the recommended"
        heading = (
            f"Time to goal {least} batch size {words.count(best.batch_size)}: "
            f"{words.duration(best.seconds_to_goal.value)}"
        )
    elif any(run.reached for run in runs):
        heading = "Time to goal against batch size"
    rows = [
        (
            fit.optimizer,
            words.count(row.batch_size),
            words.learning_rate(row.learning_rate),
            words.estimate(row.seconds),
        )
        for fit in advice.fits.learning
        for row in fit.predictions
    ]
    head = ("Optimizer", "Batch size", "Learning rate", "Time to goal")
    return Finding("time", heading, reading, "", Table(head, tuple(rows)) if rows else None)


def _throughput(study: Study, fit: SpeedFit | None) -> Finding:
    reading = (
        "Examples per second against batch size. Dots are individual timings; rings are medians "
        "with 95% intervals. Where the curve is flat, a larger batch no longer speeds up an epoch."
    )
    if fit is None or not fit.points:
        return Finding("throughput", "Throughput", reading, _absent(study, "speed", "throughput"))
    heading = (
        "Throughput reaches 90% of its maximum, "
        f"{words.number(fit.best_examples_per_second.value)} examples/s, "
        f"at batch size {words.count(fit.knee_batch_size.value)}"
    )
    if len(study.settings.optimizers) > 1:
        reading += f" Timed with {fit.optimizer}."
    if fit.noise_reason is not None:
        reading += f" {say(fit.noise_reason)}"
    rows = tuple(
        (
            words.count(point.batch_size),
            words.estimate(point.step_seconds),
            words.bare(point.examples_per_second),
            words.share(point.load_seconds / point.step_seconds.value),
        )
        for point in fit.points
    )
    head = ("Batch size", "Step time", "Examples/s", "Waiting for data")
    return Finding("throughput", heading, reading, "", Table(head, rows))


def _with(study: Study, optimizer: str) -> str:
    """The optimizer that a figure is about, if there are several."""
    return f" with {optimizer}" if len(study.settings.optimizers) > 1 else ""


def _memory(study: Study, fits: Fits) -> Finding:
    reading = (
        "Peak memory of a new process at each micro-batch size, over training steps on the longest "
        "examples and a validation pass. The line is the fit."
    )
    fit = fits.memory
    if fit is None or not (fit.points or fit.failed):
        return Finding("memory", "Memory", reading, _absent(study, "memory", "memory"))
    where = f"{memory_size(fit.limit_bytes)}{_with(study, fit.optimizer)}"
    heading = f"No micro-batch fits in {where}"
    if fit.largest_batch_size is not None:
        largest = words.count(fit.largest_batch_size)
        heading = f"Largest micro-batch that ran in {where}: {largest} ({CAPPED_BY[fit.capped_by]})"
    head = ("Micro-batch size", "Peak memory", "Share of the limit")
    rows = {each.optimizer: _memory_rows(each) for each in with_others(fit, fits.memories)}
    return Finding("memory", heading, reading, "", _by_optimizer(head, rows))


def _memory_rows(fit: MemoryFit) -> list[tuple[str, ...]]:
    """Peak memory at each micro-batch size, then the sizes that ran out of memory."""
    measured = {size for size, _ in fit.points}
    return [
        *(
            (words.count(size), memory_size(peak), words.share(peak / fit.limit_bytes))
            for size, peak in sorted(fit.points)
        ),
        *(
            (words.count(size), "out of memory", "")
            for size in sorted(fit.failed)
            if size not in measured
        ),
    ]


def _by_optimizer(head: tuple[str, ...], rows: Mapping[str, Sequence[tuple[str, ...]]]) -> Table:
    """The rows of all optimizers, with their names if there are several."""
    if len(rows) == 1:
        return Table(head, tuple(row for each in rows.values() for row in each))
    return Table(
        ("Optimizer", *head), tuple((name, *row) for name, each in rows.items() for row in each)
    )


def _steps(study: Study, fit: LearningFit | None, runs: tuple[DrawnRun, ...]) -> Finding:
    reading = (
        "Optimizer steps to goal at the best learning rate of each batch size. Along the dotted "
        "diagonal, doubling the batch halves the steps; near the critical batch size the curve "
        "leaves it, and larger batches save little."
    )
    if fit is None or not runs:
        return Finding(
            "steps", "Steps to goal", reading, _absent(study, "learning", "steps to goal")
        )
    if fit.critical_batch_size is None:
        heading = "Steps to goal: no critical batch size could be fitted"
        reading += f" {say(fit.critical_reason)}" if fit.critical_reason is not None else ""
    else:
        critical = words.estimate(fit.critical_batch_size)
        heading = f"Larger batches save steps up to the critical batch size: {critical}"
    return Finding("steps", heading, reading, "", _predictions(fit, "steps"))


def _examples(study: Study, fit: LearningFit | None, runs: tuple[DrawnRun, ...]) -> Finding:
    reading = (
        "Training examples to goal: the computation that a larger batch costs. Up to the critical "
        "batch size it costs little. The curve assumes full batches; the last batch of an epoch "
        "may be smaller."
    )
    if fit is None or not runs:
        return Finding(
            "examples", "Examples to goal", reading, _absent(study, "learning", "examples to goal")
        )
    heading = "Examples to goal"
    if len(fit.known) > 1:
        first, last = fit.known[0], fit.known[-1]
        ratio = last.examples.value / first.examples.value
        heading = (
            f"Batch size {words.count(last.batch_size)} needs {words.multiple(ratio)} the examples "
            f"of batch size {words.count(first.batch_size)}"
        )
    return Finding("examples", heading, reading, "", _predictions(fit, "examples"))


def _predictions(fit: LearningFit, unit: str) -> Table | None:
    """Predicted steps or examples to goal at each batch size; None without any."""
    rows = tuple(
        (
            words.count(row.batch_size),
            words.learning_rate(row.learning_rate),
            words.bare(row.steps if unit == "steps" else row.examples),
        )
        for row in fit.predictions
    )
    head = ("Batch size", "Learning rate", f"{unit.capitalize()} to goal")
    return Table(head, rows) if rows else None


def _noise(study: Study, fits: Fits) -> Finding:
    reading = (
        "The gradient noise scale along a short run at your present settings: the batch size at "
        "which noise and signal in the gradient are equal. It usually grows during training and "
        "is an early, low estimate of the critical batch size."
    )
    fit, heading = fits.noise, "Gradient noise scale"
    if fit is None:
        return Finding("noise", heading, reading, _absent(study, "noise", "gradient noise"))
    if not any(point.noise_scale for point in fit.points):
        return Finding(
            "noise", heading, reading, say(fit.reason or Remark.of("gradient_lost_in_noise"))
        )
    heading += _with(study, fit.optimizer)
    if fit.noise_scale is not None:
        heading += f": {words.estimate(fit.noise_scale)}"
    head = ("Steps before", "Examples before", "Noise scale, examples")
    rows = {
        each.optimizer: [
            (words.count(point.step), words.count(point.examples), words.bare(point.noise_scale))
            for point in each.points
        ]
        for each in with_others(fit, fits.noises)
    }
    return Finding("noise", heading, reading, "", _by_optimizer(head, rows))
