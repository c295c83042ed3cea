"""Training runs as the figures show them: steps, examples and seconds of each."""

from dataclasses import dataclass

from rightbatch.decide.stages.speed.costs import PerStep, seconds_per_step
from rightbatch.records import Fits, Run, WorkloadFacts


@dataclass(frozen=True, slots=True)
class DrawnRun:
    """One training run in numbers that can be compared between batch sizes.

    Attributes:
        run: The run.
        tuned: Whether its learning rate is the best known for its batch size.
        steps: Updates to the goal, or updates made where it was not reached.
        examples: Training examples seen in them, the mean over an epoch in each.
        seconds: `steps` times the step time at its batch size; None without a step time.
    """

    run: Run
    tuned: bool
    steps: int
    examples: float
    seconds: float | None

    @property
    def reached(self) -> bool:
        """Whether it reached the goal."""
        return self.run.steps is not None


def drawn_runs(fits: Fits, facts: WorkloadFacts) -> tuple[DrawnRun, ...]:
    """Every training run of a study.

    Args:
        fits: Of the study.
        facts: Of its workload.
    """
    told = []
    for fit in fits.learning:
        timed = seconds_per_step(fits.speed_of(fit.optimizer), (), facts)
        best = {row.batch_size: row.learning_rate for row in fit.predictions}
        told += [_drawn(run, best.get(run.batch_size), timed, facts) for run in fit.runs]
    return tuple(told)


def _drawn(
    run: Run, best_rate: float | None, timed: PerStep | None, facts: WorkloadFacts
) -> DrawnRun:
    done = run.curve.steps
    steps = done if run.steps is None else run.steps
    if timed is not None:
        step: float | None = timed(run.batch_size)
    else:
        step = run.train_seconds / done if done else None
    return DrawnRun(
        run,
        best_rate is not None and abs(run.learning_rate / best_rate - 1) < 1e-3,
        steps,
        steps * facts.examples_per_step(run.batch_size),
        None if step is None else steps * step,
    )
