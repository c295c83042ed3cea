"""What one stage found, in a few lines for a terminal."""

from rightbatch.records import Advice, MemoryFit, NoiseFit, Recording, SpeedFit, Stage
from rightbatch.report import words

_NOTHING = "Nothing was measured; allow a longer --budget."


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
            lines = _memory(fits.memory)
        case "speed":
            lines = _speed(fits.speed)
        case "noise":
            lines = _noise(fits.noise)
        case "learning":
            lines = _learning(advice)
    told = [trial.outcome.advice for trial in recording.trials if trial.outcome.advice]
    if stage != "learning":
        lines += told
    return [*lines, f"Study {recording.study.name}."]


def _memory(fit: MemoryFit | None) -> list[str]:
    if fit is None:
        return [_NOTHING]
    if fit.largest_batch_size is None:
        return [f"No micro-batch that was tried fits {words.size(fit.limit_bytes)}."]
    capped = {
        "memory": "more ran out of memory",
        "data_set_size": "the whole training set; more was not asked for",
        "max_batch_size": "the largest you allow",
        "time": "larger ones were too slow to try in the budget",
    }[fit.capped_by]
    lines = [
        f"Largest micro-batch that ran: {fit.largest_batch_size:,} ({capped}).",
        f"Safe micro-batch, {fit.margin:.0%} of {words.size(fit.limit_bytes)} kept free: "
        f"{fit.safe_batch_size:,}." if fit.safe_batch_size else "No micro-batch keeps the margin.",
    ]  # fmt: skip
    if fit.bytes_fixed is not None and fit.bytes_per_example is not None:
        lines.append(
            f"Memory is {words.size(fit.bytes_fixed.value)} and "
            f"{words.size(fit.bytes_per_example.value)} an example."
        )
    return lines


def _speed(fit: SpeedFit | None) -> list[str]:
    if fit is None:
        return [_NOTHING]
    lines = [
        f"{point.batch_size:>8,}  {words.estimate(point.step_seconds)} a step, "
        f"{words.count(point.examples_per_second.value)} examples/s"
        for point in fit.points
    ]
    lines.append(
        f"90% of the highest throughput is reached at batch size "
        f"{words.batch_size(fit.knee_batch_size)}."
    )
    if fit.noisy:
        lines.append(f"The machine was noisy. {fit.noise_reason}")
    return lines


def _noise(fit: NoiseFit | None) -> list[str]:
    if fit is None:
        return [_NOTHING]
    lines = [
        f"step {point.step:>6,}  "
        + ("cannot be told" if point.noise_scale is None else words.estimate(point.noise_scale))
        for point in fit.points
    ]
    if fit.noise_scale is None:
        return [*lines, fit.reason]
    return [*lines, f"Gradient noise scale, later half: {words.estimate(fit.noise_scale)}."]


def _learning(advice: Advice) -> list[str]:
    lines = [advice.headline]
    for fit in advice.fits.learning:
        lines += [
            f"{fit.optimizer} {row.batch_size:>8,} at {words.learning_rate(row.learning_rate):<8} "
            f"{words.estimate(row.steps)}, {words.estimate(row.seconds)}"
            for row in fit.predictions
            if row.runs_reached
        ]
        if fit.critical_batch_size is not None:
            lines.append(f"Critical batch size: {words.estimate(fit.critical_batch_size)}.")
    return lines
