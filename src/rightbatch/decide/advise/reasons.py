"""The sentences behind an advice; every number comes from a fit."""

import math
from collections.abc import Sequence

from rightbatch.decide.advise.capped import why_no_larger, why_none
from rightbatch.decide.advise.compiling import compiling
from rightbatch.decide.stages.memory.accumulation import layers_caveat
from rightbatch.decide.study.evidence import ran_out, runs
from rightbatch.records import (
    Estimate,
    Fits,
    LearningFit,
    Run,
    Settings,
    Status,
    TrainingProbe,
    Trial,
    WorkloadFacts,
    memory_size,
)


def reasons(fits: Fits, learning: LearningFit | None, trials: Sequence[Trial]) -> tuple[str, ...]:
    """The three or four numbers behind the recommendation."""
    told = []
    several = len(fits.memories) > 1 or len(fits.noises) > 1
    if fits.speed is not None:
        best, at = fits.speed.best_examples_per_second.value, fits.speed.knee_batch_size.value
        told.append(
            f"Throughput reaches 90% of its highest ({_count(best)} examples/s) at batch size "
            f"{at:,.0f}."
        )
    if learning is not None and learning.critical_batch_size is not None:
        told.append(
            "Steps to the goal stop falling in proportion around the critical batch size of "
            f"{_interval(learning.critical_batch_size)} examples, measured on training runs."
        )
    if fits.noise is not None and fits.noise.noise_scale is not None:
        told.append(
            f"The gradient noise scale at your settings{_with(fits.noise.optimizer, several)} is "
            f"{_interval(fits.noise.noise_scale)} "
            "examples, a first guide to the critical batch size."
        )
    if fits.memory is not None and fits.memory.largest_batch_size is not None:
        told.append(
            f"The largest micro-batch that ran{_with(fits.memory.optimizer, several)} is "
            f"{fits.memory.largest_batch_size:,} ({why_no_larger(fits.memory)}), under a limit "
            f"of {memory_size(fits.memory.limit_bytes)}."
        )
        if fits.memory.predicted:
            told.append(fits.memory.predicted)
    if learning is not None:
        arrived = [run for run in learning.runs if run.steps is not None]
        sizes = {run.batch_size for run in arrived}
        told.append(
            f"{_many(len(learning.runs), 'training run')}, {len(arrived)} of them to "
            f"{learning.target:.6g}, at {_many(len(sizes), 'batch size')}."
        )
    if sentence := compiling(trials):
        told.append(sentence)
    if (at_once := _at_once(trials)) > 1:
        told.append(
            f"Up to {at_once} runs trained at the same time, each with its part of the memory; "
            "what a step takes was timed before, alone."
        )
    return tuple(told)


def warnings(
    fits: Fits, facts: WorkloadFacts, settings: Settings, trials: Sequence[Trial], accumulates: bool
) -> tuple[str, ...]:
    """What makes the advice less sure."""
    told = list(facts.notes)
    if fits.speed is not None and fits.speed.noisy:
        told.append(f"The machine was noisy: {fits.speed.noise_reason}")
    if fits.speed is not None and fits.speed.load_share > 0.5:
        told.append(
            f"Loading data takes {fits.speed.load_share:.0%} of a step: more loader workers may "
            "help more than another batch size."
        )
    for fit in fits.memories:
        if fit.largest_batch_size is None:
            whose = f"With {fit.optimizer}: " if len(fits.memories) > 1 else ""
            told.append(f"{whose}{why_none(fit)} What is told here may not run within it.")
        elif fit.safe_batch_size is None:
            told.append(
                f"No micro-batch that was tried keeps {fit.margin:.0%} of the memory limit free: "
                f"the largest that ran, {fit.largest_batch_size:,}, counts without a margin."
            )
    if accumulates and facts.batch_dependent_layers:
        told.append(layers_caveat(facts))
    if 0 < _at_once(trials) < settings.workers:
        told.append(
            f"At most {_at_once(trials)} runs trained at the same time, not {settings.workers}: a "
            "smaller part of the memory limit would not hold one."
        )
    ended = {status: [t for t in trials if t.outcome.status is status] for status in Status}
    for hit, what in (
        (ran_out(trials), "ran out of memory where they should fit"),
        (ended[Status.DIVERGED], "diverged"),
        (ended[Status.HUNG], "hung"),
        (ended[Status.KILLED], "were killed"),
        (ended[Status.SLOWED], "were slowed by lack of memory"),
    ):
        if hit:
            told.append(
                f"{len(hit)} of {len(trials)} trials {what}; the last: {hit[-1].outcome.advice}"
            )
    trained = [run for fit in fits.learning for run in runs(trials, fit.optimizer)]
    if blind := [run for run in trained if _without_a_metric(run)]:
        told.append(
            f"{len(blind)} of {_many(len(trained), 'training run')} could reach no goal, as the "
            "workload's metric was not a number at any evaluation; look at what it gives."
        )
    if facts.goal.target is None:
        told.append(
            "The goal asks for the best metric within a limit, so batch sizes are compared by how "
            "soon they reach the best level that any run reached."
        )
    return tuple(told)


def _without_a_metric(run: Run) -> bool:
    """Whether a run was given up after several evaluations that all gave no number."""
    metrics = [each.metric for each in run.curve.evaluations]
    given_up = run.status is Status.GOAL_NOT_REACHED
    return given_up and len(metrics) > 1 and all(map(math.isnan, metrics))


def _with(optimizer: str, several: bool) -> str:
    """Which optimizer a figure is of, where there is more than one."""
    return f" with {optimizer}" if several else ""


def _at_once(trials: Sequence[Trial]) -> int:
    """Most training runs that could be under way at the same time; 0 where nothing trained."""
    probes = (trial.probe for trial in trials)
    return max((probe.at_once for probe in probes if isinstance(probe, TrainingProbe)), default=0)


def _many(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _interval(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return f"about {_count(estimate.value)}"
    return f"{_count(estimate.value)} ({_count(estimate.low)} to {_count(estimate.high)})"


def _count(value: float) -> str:
    return f"{float(f'{value:.3g}'):,.0f}" if value >= 10 else f"{value:.2g}"
