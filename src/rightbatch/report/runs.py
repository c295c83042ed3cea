"""Training runs as the figures show them: steps, examples and seconds of each."""

from dataclasses import dataclass

import numpy as np

from rightbatch.records import Fits, LearningFit, RunSummary, SpeedFit, Status


@dataclass(frozen=True, slots=True)
class Run:
    """One training run in numbers that can be compared between batch sizes.

    Attributes:
        optimizer: Name of the optimizer.
        batch_size: Examples per update.
        learning_rate: Learning rate.
        seed: Its seed.
        trial: Number of its trial.
        status: How it ended, a `Status` value.
        reached: Whether it reached the goal.
        tuned: Whether its learning rate is the best known for its batch size.
        steps: Updates to the goal, or updates made where it was not reached.
        seconds: `steps` times the step time at its batch size; None without a step time.
    """

    optimizer: str
    batch_size: int
    learning_rate: float
    seed: int
    trial: int
    status: str
    reached: bool
    tuned: bool
    steps: float
    seconds: float | None

    @property
    def examples(self) -> float:
        """Training examples seen in `steps` updates."""
        return self.steps * self.batch_size

    @property
    def diverged(self) -> bool:
        """Whether training diverged, so that no number of steps would have done."""
        return self.status == Status.DIVERGED


def all_runs(fits: Fits) -> tuple[Run, ...]:
    """Every training run of a study."""
    return tuple(_run(fits, fit, run) for fit in fits.learning for run in fit.runs)


def _run(fits: Fits, fit: LearningFit, run: RunSummary) -> Run:
    steps = float(run.steps_done) if run.steps is None else run.steps
    step = step_seconds(fits.speed_of(fit.optimizer), run.batch_size)
    if step is None:  # no speed stage: the run's own clock
        step = run.train_seconds / run.steps_done if run.steps_done else None
    best = {row.batch_size: row.learning_rate for row in fit.predictions}.get(run.batch_size)
    return Run(
        fit.optimizer,
        run.batch_size,
        run.learning_rate,
        run.seed,
        run.trial,
        run.status,
        run.steps is not None,
        best is not None and abs(run.learning_rate / best - 1) < 1e-3,
        steps,
        None if step is None else steps * step,
    )


def step_seconds(speed: SpeedFit | None, batch_size: int) -> float | None:
    """Time per step at a batch size: as measured there, else on the line or between points."""
    if speed is None or not speed.points:
        return None
    for point in speed.points:
        if point.batch_size == batch_size:
            return point.step_seconds.value
    if speed.alpha is not None and speed.beta is not None and not speed.interpolated:
        return speed.alpha.value + speed.beta.value * batch_size
    sizes = [point.batch_size for point in speed.points]
    seconds = [point.step_seconds.value for point in speed.points]
    if batch_size > sizes[-1]:
        return seconds[-1] * batch_size / sizes[-1]
    return float(np.interp(batch_size, sizes, seconds))
