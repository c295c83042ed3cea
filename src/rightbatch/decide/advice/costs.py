"""What a step costs: its seconds, its examples, or one step."""

from collections.abc import Callable, Sequence

from rightbatch.decide.advice.evidence import Run
from rightbatch.decide.advice.speed import step_time
from rightbatch.records import Objective, SpeedFit
from rightbatch.science.speed import fit_step_time

PerStep = Callable[[int], float]


def seconds_per_step(speed: SpeedFit | None, runs: Sequence[Run]) -> PerStep | None:
    """step_seconds(B) from the speed stage, else from the training runs; None without either.

    Steps that were timed with accumulation count as they were timed: their update, and on several
    devices their synchronisation, happens once.
    """
    if speed is not None:
        model = step_time(speed)
        accumulated = {
            point.batch_size: point.step_seconds.value
            for point in speed.points
            if point.batch_size > speed.micro_batch_size
        }
        return lambda size: accumulated.get(size) or model.at(size)
    samples: dict[int, list[float]] = {}
    for run in runs:
        steps = run.result.points[-1].step
        samples.setdefault(run.probe.batch_size, []).append(run.result.train_seconds / steps)
    if not samples:
        return None
    sizes = sorted(samples)
    return fit_step_time(sizes, [samples[size] for size in sizes]).at


def cost_per_step(objective: Objective, seconds: PerStep) -> PerStep:
    """Cost of a step under an objective."""
    if objective == "time":
        return seconds
    return float if objective == "examples" else lambda _: 1.0
