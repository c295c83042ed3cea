"""Training runs as the figures show them: steps, examples and seconds of each."""

from dataclasses import dataclass

from rightbatch.decide.stages.speed.costs import PerStep, seconds_per_step
from rightbatch.records import Fits, Run, WorkloadFacts


@dataclass(frozen=True, slots=True)
class DrawnRun:
    """One training run in figures that are comparable across batch sizes.

    Attributes:
        run: The run.
        tuned: Whether its learning rate is the best known for its batch size.
        steps: Updates to the goal, or all updates if it was not reached.
        examples: Training examples in these updates, at the mean over an epoch.
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
        fits: The fits of the study.
        facts: The facts of its workload.
    """
    runs = []
    for fit in fits.learning:
        step_time = seconds_per_step(fits.speed_of(fit.optimizer), (), facts)
        best = {row.batch_size: row.learning_rate for row in fit.predictions}
        runs += [_drawn(run, best.get(run.batch_size), step_time, facts) for run in fit.runs]
    return tuple(runs)


def _drawn(
    run: Run, best_rate: float | None, step_time: PerStep | None, facts: WorkloadFacts
) -> DrawnRun:
    """One run, with the run's own step time if none was measured by the speed stage."""
    done = run.curve.steps
    steps = done if run.steps is None else run.steps
    per_step = run.train_seconds / done if done else None
    if step_time is not None:
        per_step = step_time(run.batch_size)
    return DrawnRun(
        run,
        best_rate is not None and abs(run.learning_rate / best_rate - 1) < 1e-3,
        steps,
        steps * facts.examples_per_step(run.batch_size),
        None if per_step is None else steps * per_step,
    )
