"""Training runs as the figures show them: steps, examples and seconds of each."""

from dataclasses import dataclass

from rightbatch.decide.stages.speed.costs import PerStep, seconds_per_step
from rightbatch.records import Fits, LearningFit, RunSummary, Status, WorkloadFacts


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
        examples: Training examples seen in them, the mean over an epoch in each.
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
    examples: float
    seconds: float | None

    @property
    def diverged(self) -> bool:
        """Whether training diverged, so that no number of steps would have done."""
        return self.status == Status.DIVERGED


def all_runs(fits: Fits, facts: WorkloadFacts) -> tuple[Run, ...]:
    """Every training run of a study.

    Args:
        fits: Of the study.
        facts: Of its workload.
    """
    told = []
    for fit in fits.learning:
        timed = seconds_per_step(fits.speed_of(fit.optimizer), (), facts)
        told += [_run(fit, run, timed, facts) for run in fit.runs]
    return tuple(told)


def _run(fit: LearningFit, run: RunSummary, timed: PerStep | None, facts: WorkloadFacts) -> Run:
    steps = float(run.steps_done) if run.steps is None else run.steps
    if timed is not None:
        step: float | None = timed(run.batch_size)
    else:
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
        steps * facts.examples_per_step(run.batch_size),
        None if step is None else steps * step,
    )
