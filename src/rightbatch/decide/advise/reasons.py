"""What is to be said for and against an advice, and why figures are missing from it.

Every number comes from a fit.
"""

import math
from collections.abc import Sequence
from statistics import median

from rightbatch.decide.advise.capped import why_none
from rightbatch.decide.stages.memory.accumulation import layers_caveat
from rightbatch.decide.stages.speed.fit import measured_power
from rightbatch.decide.study.evidence import ran_out, runs
from rightbatch.decide.study.situation import Situation
from rightbatch.records import (
    BindingConstraint,
    Choice,
    Estimate,
    Fits,
    LearningFit,
    MemoryFit,
    Remark,
    Run,
    Settings,
    Stage,
    Status,
    TrainingProbe,
    TrainingResult,
    Trial,
    Value,
)

_FIRST: dict[BindingConstraint, str] = {
    "memory": "largest_micro_batch",
    "throughput": "throughput_knee",
    "critical_batch_size": "critical_batch_size",
}
"""What limits the batch size comes first."""
_NOTABLE_SECONDS = 0.1
_FAILED = (Status.DIVERGED, Status.HUNG, Status.KILLED, Status.SLOWED)


def reasons(
    fits: Fits,
    learning: LearningFit | None,
    binding: BindingConstraint,
    trials: Sequence[Trial],
) -> tuple[Remark, ...]:
    """The numbers behind the recommendation, what limits the batch size first."""
    found = []
    if learning is not None and learning.critical_batch_size is not None:
        found.append(Remark.of("critical_batch_size", **_interval(learning.critical_batch_size)))
    found += _of_stages(fits)
    if learning is not None:
        arrived = [run for run in learning.runs if run.steps is not None]
        found.append(
            Remark.of(
                "runs_reached",
                runs=len(learning.runs),
                reached=len(arrived),
                target=learning.target,
                batch_sizes=len({run.batch_size for run in arrived}),
            )
        )
    if compiled := compiling(trials):
        found.append(compiled)
    if (at_once := _at_once(trials)) > 1:
        found.append(Remark.of("runs_side_by_side", at_once=at_once))
    return tuple(sorted(found, key=lambda remark: remark.code != _FIRST.get(binding)))


def _of_stages(fits: Fits) -> list[Remark]:
    """What the memory, speed and noise stages found; of one optimizer of several it is named."""
    several = len(fits.memories) > 1 or len(fits.noises) > 1
    found = []
    if fits.speed is not None:
        best, knee = fits.speed.best_examples_per_second, fits.speed.knee_batch_size
        found.append(
            Remark.of(
                "throughput_knee",
                examples_per_second=best.value,
                batch_size=round(knee.value),
            )
        )
    if fits.noise is not None and fits.noise.noise_scale is not None:
        name = fits.noise.optimizer if several else None
        found.append(Remark.of("noise_scale", optimizer=name, **_interval(fits.noise.noise_scale)))
    if fits.memory is not None and fits.memory.largest_batch_size is not None:
        found.append(
            Remark.of(
                "largest_micro_batch",
                optimizer=fits.memory.optimizer if several else None,
                batch_size=fits.memory.largest_batch_size,
                capped_by=fits.memory.capped_by,
                limit_bytes=fits.memory.limit_bytes,
            )
        )
        if fits.memory.predicted is not None:
            found.append(fits.memory.predicted)
    return found


def compiling(trials: Sequence[Trial]) -> Remark | None:
    """How long runs compiled, which times to the goal leave out; None if not worth mentioning."""
    results = [one.result for one in trials if isinstance(one.result, TrainingResult)]
    seconds = [one.compile_seconds for one in results if one.earlier_seconds == 0]
    if not seconds or max(seconds) < _NOTABLE_SECONDS:
        return None
    return Remark.of("compile_time", median_seconds=median(seconds), most_seconds=max(seconds))


def warnings(fits: Fits, situation: Situation, recommended: Choice | None) -> tuple[Remark, ...]:
    """What makes the advice less sure."""
    facts, trials, workers = situation.facts, situation.trials, situation.settings.workers
    found = [Remark.of("text", text=note) for note in facts.notes]
    if fits.speed is not None and fits.speed.noise_reason is not None:
        found.append(fits.speed.noise_reason)
    if fits.speed is not None and fits.speed.load_share > 0.5:
        found.append(Remark.of("loading_dominates", share=fits.speed.load_share))
    unsafe = (fit for fit in fits.memories if fit.safe_batch_size is None)
    found += [_unsafe(fit, len(fits.memories) > 1) for fit in unsafe]
    accumulates = recommended is not None and recommended.accumulation_steps > 1
    if accumulates and facts.batch_dependent_layers:
        found.append(layers_caveat(facts))
    at_once = _at_once(trials)
    if 0 < at_once < workers:
        found.append(Remark.of("fewer_side_by_side", at_once=at_once, workers=workers))
    found += _failures(trials)
    trained = [run for fit in fits.learning for run in runs(trials, fit.optimizer)]
    if blind := sum(map(_without_a_metric, trained)):
        found.append(Remark.of("metric_never_a_number", blind=blind, runs=len(trained)))
    if facts.goal.target is None:
        found.append(Remark.of("goal_without_target"))
    return tuple(found)


def _unsafe(fit: MemoryFit, several: bool) -> Remark:
    if fit.largest_batch_size is None:
        name = fit.optimizer if several else None
        return Remark.of("may_not_fit", why=why_none(fit), optimizer=name)
    return Remark.of("no_margin", margin=fit.margin, batch_size=fit.largest_batch_size)


def _failures(trials: Sequence[Trial]) -> list[Remark]:
    """Trials that failed, by how they did, each kind with what the last of them says."""
    hits = {Status.OUT_OF_MEMORY: ran_out(trials)} | {
        status: [trial for trial in trials if trial.outcome.status is status] for status in _FAILED
    }
    return [
        Remark.of(
            "trials_failed",
            status=status.value,
            failed=len(hit),
            trials=len(trials),
            last=hit[-1].outcome.remark,
        )
        for status, hit in hits.items()
        if hit
    ]


def _without_a_metric(run: Run) -> bool:
    """Whether a run was given up after several evaluations that all gave no number."""
    metrics = [each.metric for each in run.curve.evaluations]
    given_up = run.status is Status.GOAL_NOT_REACHED
    return given_up and len(metrics) > 1 and all(map(math.isnan, metrics))


def _at_once(trials: Sequence[Trial]) -> int:
    """Most training runs that could be under way at the same time; 0 where nothing trained."""
    probes = (trial.probe for trial in trials)
    return max((probe.at_once for probe in probes if isinstance(probe, TrainingProbe)), default=0)


def _interval(found: Estimate) -> dict[str, Value]:
    return {"value": found.value, "low": found.low, "high": found.high}


def missing(
    fits: Fits,
    learning: LearningFit | None,
    recommended: Choice | None,
    settings: Settings,
    price_per_hour: float | None,
) -> dict[str, Remark]:
    """One remark per missing figure, by its name in the JSON output."""
    why: dict[str, Remark | None] = {}
    if fits.memory is None:
        why["largest_batch_size"] = _not_run("memory", settings)
    elif fits.memory.largest_batch_size is None:
        why["largest_batch_size"] = why_none(fits.memory)
    if fits.speed is None:
        why["knee_batch_size"] = _not_run("speed", settings)
    why["noise_scale"] = _not_run("noise", settings) if fits.noise is None else fits.noise.reason
    if learning is not None:
        why["critical_batch_size"] = learning.critical_reason
    elif fits.learning:
        why["critical_batch_size"] = Remark.of("no_run_reached_goal")
    else:
        why["critical_batch_size"] = _not_run("learning", settings)
    if recommended is None:
        why["batch_size"] = Remark.of("no_step_time")
    unreached, unpowered = Remark.of("goal_not_reached"), Remark.of("no_power")
    if recommended is None or recommended.seconds_to_goal is None:
        why["predicted_seconds_to_goal"] = unreached
    if recommended is None or recommended.joules_to_goal is None:
        powered = fits.speed is not None and measured_power(fits.speed)
        why["predicted_joules_to_goal"] = unreached if powered else unpowered
    if price_per_hour is None:
        why["price_per_hour"] = why["predicted_cost_to_goal"] = Remark.of("no_price")
    elif recommended is None or recommended.cost_to_goal is None:
        why["predicted_cost_to_goal"] = unreached
    return {name: remark for name, remark in why.items() if remark is not None}


def _not_run(stage: Stage, settings: Settings) -> Remark:
    code = "stage_without_result" if stage in settings.stages else "stage_not_selected"
    return Remark.of(code, stage=stage)
