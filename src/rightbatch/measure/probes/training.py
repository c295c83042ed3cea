"""A real training run towards the goal, stopped once it cannot win."""

import math
import time
from dataclasses import replace

from rightbatch.measure.ports import InParts, Measured, Progress, Subject
from rightbatch.records import (
    Outcome,
    Remark,
    Status,
    TrainingPoint,
    TrainingProbe,
    TrainingResult,
    Value,
)
from rightbatch.science.evaluations import evaluation_examples

EXPLOSION = 20.0
"""A mean training loss this many times the first one counts as diverged."""

_SOFT_SHARE = 0.9
"""Share of the deadline after which a run stops by itself and keeps what it measured."""


class Training:
    """A training run under way, which can be resumed after it stopped at a limit.

    Args:
        subject: The workload.
        probe: What to train; `go_on` takes later limits of the same run.
    """

    def __init__(self, subject: Subject, probe: TrainingProbe) -> None:
        begin = time.perf_counter()
        self._subject = subject
        subject.start(probe.optimizer, probe.learning_rate, probe.seed)
        self._batches = subject.batches(probe.batch_size, probe.seed)
        warming = time.perf_counter()
        subject.warm_up(probe.batch_size, probe.micro_batch_size)
        self._compile_seconds = time.perf_counter() - warming
        self._due = evaluation_examples(subject.train_examples)
        self._target = next(self._due)
        self._points: list[TrainingPoint] = []
        self._step = self._examples = 0
        self._seconds = 0.0
        self._setup_seconds = time.perf_counter() - begin

    def go_on(self, probe: TrainingProbe, progress: Progress) -> tuple[Outcome, TrainingResult]:
        """Train until the goal, divergence, a missed milestone or a limit.

        Steps count from the beginning of the run, seconds and the deadline from here.
        """
        begin, earlier = time.perf_counter() - self._setup_seconds, self._seconds
        milestones = list(probe.milestones)
        outcome = None
        while outcome is None:
            self._train_to_the_next_evaluation(probe, begin, earlier)
            outcome = _ending(self._subject, probe, self._points, milestones, earlier)
            late = time.perf_counter() - begin > _SOFT_SHARE * probe.seconds_limit
            if outcome is None and late:
                reason = Remark.of("given_up_late", **_settings(probe, self._points[-1]))
                outcome = Outcome(Status.GOAL_NOT_REACHED, reason)
            share = (self._seconds - earlier) / probe.max_seconds
            progress(min(1.0, max(self._step / probe.max_steps, share)))
        other = time.perf_counter() - begin - (self._seconds - earlier)
        result = TrainingResult(
            tuple(self._points),
            self._seconds,
            other,
            self._compile_seconds,
            earlier,
            self._subject.device.peak_bytes(),
        )
        self._setup_seconds = self._compile_seconds = 0.0  # counted in the first trial only
        return outcome, result

    def _train_to_the_next_evaluation(
        self, probe: TrainingProbe, begin: float, earlier: float
    ) -> None:
        subject = self._subject
        while self._target <= self._examples:
            self._target = next(self._due)
        losses = []
        started = time.perf_counter()
        while self._examples < self._target and self._step < probe.max_steps:
            batch = next(self._batches)
            losses.append(subject.step(batch, probe.micro_batch_size))
            self._step += 1
            self._examples += subject.size(batch)
            moment = time.perf_counter()
            late = moment - begin > _SOFT_SHARE * probe.seconds_limit
            if late or self._seconds - earlier + moment - started > probe.max_seconds:
                break
        subject.synchronize()
        self._seconds += time.perf_counter() - started
        loss = sum(float(x) for x in losses) / len(losses)
        metric = subject.evaluate() if math.isfinite(loss) else math.nan
        self._points.append(TrainingPoint(self._step, self._examples, self._seconds, metric, loss))


def train(subject: Subject, probe: TrainingProbe, progress: Progress) -> Measured | InParts:
    """Train until the goal, divergence, a missed milestone or a limit.

    Returns:
        The outcome and the run. For a run that may pause, a generator that yields them at each
        pause and is sent the job to resume with.
    """
    run = Training(subject, probe)
    return _in_parts(run, subject, probe, progress) if probe.pause else run.go_on(probe, progress)


def _in_parts(run: Training, subject: Subject, probe: TrainingProbe, progress: Progress) -> InParts:
    while True:
        outcome, result = run.go_on(probe, progress)
        if outcome.status is not Status.GOAL_NOT_REACHED:
            return outcome, result
        job = yield outcome, replace(result, held_bytes=subject.device.held_bytes())
        if isinstance(job.probe, TrainingProbe):
            probe = job.probe


def exploded(loss: float, first: float, times: float = EXPLOSION) -> bool:
    """Whether a loss means that training diverged.

    It does where it is not finite, or `times` the first loss, unless that is 0 or less, as the log
    likelihood of a density may be.
    """
    return not math.isfinite(loss) or loss > times * first > 0


def _ending(
    subject: Subject,
    probe: TrainingProbe,
    points: list[TrainingPoint],
    milestones: list[tuple[int, float]],
    earlier: float,
) -> Outcome | None:
    """How the run ends at its latest evaluation; None where it continues."""
    last, goal = points[-1], subject.goal
    if exploded(last.loss, points[0].loss):
        return Outcome(Status.DIVERGED, Remark.of("diverged", **_settings(probe, last)))
    if goal.reached_by(last.metric):
        return Outcome(Status.OK)
    best = points[0].metric
    for point in points[1:]:
        best = point.metric if math.isnan(best) or goal.better(point.metric, best) else best
    while milestones and milestones[0][0] <= last.step:
        step, level = milestones.pop(0)
        if goal.better(level, best):
            behind = {"milestone_step": step, "metric": float(best), "milestone": float(level)}
            reason = Remark.of("given_up_behind", **_settings(probe, last), **behind)
            return Outcome(Status.GOAL_NOT_REACHED, reason)
    if last.step >= probe.max_steps or last.seconds - earlier >= probe.max_seconds:
        limit = "steps" if last.step >= probe.max_steps else "seconds"
        reason = Remark.of("given_up_limit", **_settings(probe, last), limit=limit)
        return Outcome(Status.GOAL_NOT_REACHED, reason)
    return None


def _settings(probe: TrainingProbe, last: TrainingPoint) -> dict[str, Value]:
    return {
        "batch_size": probe.batch_size,
        "learning_rate": probe.learning_rate,
        "step": last.step,
    }
