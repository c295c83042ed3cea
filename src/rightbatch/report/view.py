"""What every report shows, put together once from a recording and its advice."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from rightbatch.decide.advice.capped import no_size_fits
from rightbatch.decide.advice.evidence import ran_out
from rightbatch.records import (
    Advice,
    Choice,
    Estimate,
    Fits,
    Recording,
    Status,
    Study,
)
from rightbatch.report import words
from rightbatch.report.comparison import optimizers, regimes
from rightbatch.report.decisions import race_told, sentence, why
from rightbatch.report.ending import ending_told
from rightbatch.report.findings import Finding, make_findings, pick_fit
from rightbatch.report.runs import Run, all_runs
from rightbatch.report.table import Table

_OBJECTIVES = {
    "time": "the least training time to the goal",
    "examples": "the fewest examples to the goal",
    "steps": "the fewest steps to the goal",
    "energy": "the least energy to the goal",
    "cost": "the least cost to the goal",
}
_FAILED = (Status.KILLED, Status.HUNG, Status.DIVERGED)
_NOT_FOR_TIME = ("untimed", "exhausted")
"""Endings that a larger budget does not change."""


@dataclass(frozen=True, slots=True)
class View:
    """What every report shows, ready to be laid out.

    Attributes:
        title: Name of the workload.
        study: Name of the study.
        goal: The goal in words.
        objective: What was minimised, in words.
        created: The day the study was made, such as "21 September 2026".
        version: The version of rightbatch that made it.
        recommended: The recommended settings; None where there is not enough data.
        reference: The user's present settings; None where they are not known.
        near_optimal: Batch sizes within 10% of the best.
        headline: The verdict in one sentence.
        tiles: The few numbers to see first, as (what, value, remark).
        verdict: The verdict as (what, value) pairs, most important first.
        details: The part of the verdict that the tiles leave out.
        epoch_example: One epoch of this very workload in words; empty where unknown.
        next_step: What to do where there is not enough data, or the study has not run to its end;
            empty where neither is so.
        reasons: The numbers behind the verdict, one sentence each.
        ended: Why nothing more was measured, in a sentence; empty where that is not known.
        warnings: What makes it less sure, one sentence each.
        sizes: One row per batch size and optimizer.
        optimizers: The best choice of each optimizer; None with fewer than two.
        regimes: Stochastic, mini-batch and full-batch rows; None where not asked for.
        time_spent: Where the wall-clock time went, as (what, seconds, words) rows.
        time_words: The same in one line.
        machine: The machine, as (what, value) pairs.
        settings: What was asked of the study, as (what, value) pairs.
        findings: What each figure says, in the order they are shown.
        fits: The fits that the figures draw.
        runs: Every training run that the figures draw.
        decisions: Every training run in order, why it was made and what became of it; None
            without any.
        race: How batch sizes were raced against each other, one sentence each; none outside a race.
    """

    title: str
    study: str
    goal: str
    objective: str
    created: str
    version: str
    recommended: Choice | None
    reference: Choice | None
    near_optimal: tuple[int, ...]
    headline: str
    tiles: tuple[tuple[str, str, str], ...]
    verdict: tuple[tuple[str, str], ...]
    details: tuple[tuple[str, str], ...]
    epoch_example: str
    next_step: str
    reasons: tuple[str, ...]
    ended: str
    warnings: tuple[str, ...]
    sizes: Table | None
    optimizers: Table | None
    regimes: Table | None
    time_spent: tuple[tuple[str, float, str], ...]
    time_words: str
    machine: tuple[tuple[str, str], ...]
    settings: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]
    fits: Fits
    runs: tuple[Run, ...]
    decisions: Table | None
    race: tuple[str, ...]


def make_view(recording: Recording, advice: Advice) -> View:
    """Put together what every report shows."""
    study = recording.study
    spent = _time_spent(advice)
    runs = all_runs(advice.fits)
    tiles, verdict = _tiles(advice), _verdict(study, advice)
    shown = {name for name, _, _ in tiles} - {"Time to goal"}  # its interval is in the row
    best = advice.recommended
    learned = pick_fit(advice.fits, best)
    return View(
        title=_title(study),
        study=study.name,
        goal=advice.goal,
        objective=_OBJECTIVES.get(advice.objective, advice.objective),
        created=_day(study.created),
        version=study.rightbatch_version,
        recommended=advice.recommended,
        reference=advice.reference,
        near_optimal=advice.near_optimal,
        headline=advice.headline,
        tiles=tiles,
        verdict=verdict,
        details=tuple(row for row in verdict if row[0] not in shown),
        epoch_example="" if best is None else f"Here {_epoch(study, best)}.",
        next_step=_next_step(recording, advice),
        reasons=advice.reasons,
        ended="" if advice.ended is None else ending_told(advice.ended),
        warnings=advice.warnings,
        sizes=_sizes(advice),
        optimizers=optimizers(advice),
        regimes=regimes(advice),
        time_spent=spent,
        time_words=_time_words(advice),
        machine=_machine(study),
        settings=_settings(study),
        findings=make_findings(study, advice, runs),
        fits=advice.fits,
        runs=runs,
        decisions=_decisions(study, advice),
        race=() if learned is None else race_told(learned.runs, _metric(study)),
    )


def _title(study: Study) -> str:
    told = study.facts.title if study.facts else ""
    return study.workload.title or told or study.workload.factory


def _metric(study: Study) -> str:
    return study.facts.goal.metric if study.facts else "metric"


def _day(created: float) -> str:
    moment = datetime.fromtimestamp(created, UTC)
    return f"{moment.day} {moment:%B %Y}"


def _verdict(study: Study, advice: Advice) -> tuple[tuple[str, str], ...]:
    best = advice.recommended
    if best is None:
        return _verdict_without_choice(advice)
    rows = [
        ("Batch size", _micro(best)),
    ]
    if not math.isnan(best.learning_rate):
        rate = words.learning_rate(best.learning_rate)
        rows.append(("Learning rate", f"{rate} with {best.optimizer}"))
    if study.facts is not None and study.facts.names:
        rows.append(("To set", _in_the_users_names(study.facts.names, best)))
    rows.append(("An epoch", _epoch(study, best)))
    if best.seconds_to_goal is not None:
        rows.append(("Time to goal", _time_against(advice, best, best.seconds_to_goal)))
    if best.joules_to_goal is not None:
        told = words.estimate(best.joules_to_goal) + _energy_against(
            advice, best, best.joules_to_goal
        )
        rows.append(("Energy to goal", told))
    if best.cost_to_goal is not None:
        price = f"at {advice.price_per_hour:,g} an hour"
        rows.append(("Cost to goal", f"{words.bare(best.cost_to_goal)} {price}"))
    if best.epochs_to_goal is not None:
        told = words.bare(best.epochs_to_goal)
        if best.steps_to_goal is not None:
            told += f", {words.number(best.steps_to_goal.value)} steps in all"
        rows.append(("Epochs to goal", told))
    if advice.near_optimal:
        rows.append(("As good", f"{words.sizes(advice.near_optimal)} (within 10% of the best)"))
    return (*rows, ("What binds", words.binding(advice.binding_constraint)))


def _verdict_without_choice(advice: Advice) -> tuple[tuple[str, str], ...]:
    """What is known all the same where nothing can be recommended."""
    fits, rows = advice.fits, []
    if fits.memory is not None and fits.memory.largest_batch_size is not None:
        rows.append(("Largest that ran", words.count(fits.memory.largest_batch_size)))
    if fits.speed is not None:
        rows.append(("Throughput knee", words.batch_size(fits.speed.knee_batch_size)))
    if fits.noise is not None and fits.noise.noise_scale is not None:
        rows.append(("Noise scale", words.estimate(fits.noise.noise_scale)))
    return (*rows, ("What binds", words.binding(advice.binding_constraint)))


def _micro(best: Choice) -> str:
    micro = words.micro_batches(best.micro_batch_size, best.accumulation_steps)
    return f"{words.count(best.batch_size)} = micro-batch {micro}"


def _in_the_users_names(names: tuple[tuple[str, str], ...], best: Choice) -> str:
    """The settings as the user's library calls them, to be pasted."""
    settings = {
        "micro_batch_size": str(best.micro_batch_size),
        "accumulation_steps": str(best.accumulation_steps),
        "learning_rate": f"{best.learning_rate:.3g}",
    }
    return ", ".join(f"{name}={settings[field]}" for name, field in names if field in settings)


def _epoch(study: Study, best: Choice) -> str:
    if study.facts is None:
        return f"{words.count(best.steps_per_epoch)} steps"
    return words.epoch(study.facts.train_examples, best.batch_size, best.steps_per_epoch)


def _time_against(advice: Advice, best: Choice, seconds: Estimate) -> str:
    ratio = _against_reference(advice, best, seconds)
    return f"{words.estimate(seconds)}, {ratio}" if ratio else words.estimate(seconds)


def _against_reference(advice: Advice, best: Choice, seconds: Estimate) -> str:
    yours = advice.reference
    if yours is None or yours.seconds_to_goal is None:
        return ""
    if _same(yours, best):
        return "with the settings you use today"
    ratio = words.against(
        seconds.value, yours.seconds_to_goal.value, yours.batch_size, advice.times_as_fast
    )
    return f"{ratio} ({words.duration(yours.seconds_to_goal.value)})"


def _same(one: Choice, other: Choice) -> bool:
    rates = one.learning_rate, other.learning_rate
    same_rate = rates[0] == rates[1] or all(map(math.isnan, rates))
    return same_rate and (one.optimizer, one.batch_size) == (other.optimizer, other.batch_size)


def _energy_against(advice: Advice, best: Choice, joules: Estimate) -> str:
    yours = advice.reference
    if yours is None or yours.joules_to_goal is None or _same(yours, best):
        return ""
    ratio = joules.value / yours.joules_to_goal.value
    if 1 / 1.05 < ratio < 1.05:
        return f", about the same as your {words.count(yours.batch_size)}"
    more = f"{words.share(abs(ratio - 1))} {'less' if ratio < 1 else 'more'}"
    present = words.energy(yours.joules_to_goal.value)
    return f", {more} than your {words.count(yours.batch_size)} ({present})"


def _tiles(advice: Advice) -> tuple[tuple[str, str, str], ...]:
    best = advice.recommended
    if best is None:
        return ()
    micro = f"{words.count(best.micro_batch_size)} × {best.accumulation_steps}"
    tiles = [
        ("Batch size", words.count(best.batch_size), f"micro-batch {micro}"),
    ]
    if not math.isnan(best.learning_rate):
        rate = words.learning_rate(best.learning_rate)
        tiles.append(("Learning rate", rate, f"with {best.optimizer}"))
    if best.seconds_to_goal is not None:
        remark = _against_reference(advice, best, best.seconds_to_goal)
        tiles.append(("Time to goal", words.duration(best.seconds_to_goal.value), remark))
    if advice.near_optimal:
        near = words.sizes(advice.near_optimal)
        tiles.append(("As good", near, "batch sizes within 10% of the best"))
    return tuple(tiles)


def _next_step(recording: Recording, advice: Advice) -> str:
    study, best = recording.study, advice.recommended
    if not study.finished:
        return (
            "The study has not run to its end: this is what is known so far. The command that "
            "began it goes on with --resume."
        )
    if best is not None and best.seconds_to_goal is not None:
        return ""
    if "learning" not in study.settings.stages:
        return "This study ran no training: run `rightbatch tune` to have a batch size recommended."
    memory = advice.fits.memory
    if memory is not None and no_size_fits(memory):
        return (
            f"Nothing that was tried fits the memory limit of {words.size(memory.limit_bytes)}: "
            "raise it, or train a smaller model."
        )
    short = ran_out(recording.trials)
    told = [t for t in recording.trials if t in short or t.outcome.status in _FAILED]
    if told and advice.ended is not None and advice.ended.kind in _NOT_FOR_TIME:
        return f"Trials failed, not for lack of time; the last: {told[-1].outcome.advice}"
    larger = words.duration(3 * max(study.settings.budget_seconds, advice.time_spent.wall))
    return (
        f"Give the study a larger budget (it had {words.duration(study.settings.budget_seconds)}; "
        f"try {larger}), or choose a goal that is reached sooner."
    )


def _sizes(advice: Advice) -> Table | None:
    best, yours = advice.recommended, advice.reference
    rows: list[tuple[str, ...]] = []
    strong: list[int] = []
    several = len(advice.fits.learning) > 1
    powered = any(row.joules for fit in advice.fits.learning for row in fit.predictions)
    for fit in advice.fits.learning:
        for row in fit.predictions:
            marks = []
            if best and (fit.optimizer, row.batch_size) == (best.optimizer, best.batch_size):
                strong.append(len(rows))
                marks.append("recommended")
            elif best and fit.optimizer == best.optimizer and row.batch_size in advice.near_optimal:
                marks.append("within 10%")
            if yours and (fit.optimizer, row.batch_size) == (yours.optimizer, yours.batch_size):
                marks.append("yours")
            rows.append(
                (
                    *((fit.optimizer,) if several else ()),
                    words.count(row.batch_size),
                    words.learning_rate(row.learning_rate),
                    words.bare(row.steps),
                    words.number(row.examples.value),
                    words.estimate(row.seconds),
                    *((words.estimate(row.joules),) if powered else ()),
                    f"{row.runs_reached} of {row.runs_reached + row.runs_censored}",
                    ", ".join(marks),
                )
            )
    first = ("Optimizer", "Batch size") if several else ("Batch size",)
    head = (
        "Learning rate",
        "Steps to goal",
        "Examples to goal",
        "Time to goal",
        *(("Energy to goal",) if powered else ()),
        "Runs that reached it",
    )
    head_row = (*first, *head, "")
    return Table(head_row, tuple(rows), tuple(strong)) if rows else None


def _decisions(study: Study, advice: Advice) -> Table | None:
    """Every training run in order: why the planner asked for it, and what became of it."""
    metric = _metric(study)
    runs = sorted((run for fit in advice.fits.learning for run in fit.runs), key=lambda r: r.trial)
    rows = tuple(
        (
            words.count(run.trial),
            words.count(run.batch_size),
            words.learning_rate(run.learning_rate),
            why(run.reason, run.decisions, metric),
            sentence(run.verdict, metric) if run.verdict else "",
        )
        for run in runs
    )
    head = ("Trial", "Batch size", "Learning rate", "Why", "What became of it")
    return Table(head, rows) if rows else None


def _time_spent(advice: Advice) -> tuple[tuple[str, float, str], ...]:
    spent = advice.time_spent
    parts = (
        ("training", spent.training),
        ("measuring memory, speed and noise", spent.measuring),
        ("starting, evaluating and deciding", spent.around),
    )
    return tuple((name, seconds, words.duration(seconds)) for name, seconds in parts)


def _time_words(advice: Advice) -> str:
    spent = advice.time_spent
    total = words.duration(spent.wall)
    allowed = "" if spent.budget is None else f" of {words.duration(spent.budget)}"
    beside = arrived = ""
    if spent.overlapped > 0:
        beside = f", {words.duration(spent.overlapped)} of it beside another run"
    if spent.to_model is not None:
        arrived = f"; the first run at the goal after {words.duration(spent.to_model)}"
    return (
        f"{total}{allowed}: {words.duration(spent.training)} training, "
        f"{words.duration(spent.measuring)} measuring, {words.duration(spent.around)} around"
        f"{beside}{arrived}"
    )


def _machine(study: Study) -> tuple[tuple[str, str], ...]:
    hardware = study.hardware
    if hardware is None:
        return ()
    versions = ", ".join(f"{name} {version}" for name, version in hardware.versions)
    return (
        ("Device", f"{hardware.device_name} ({hardware.device})"),
        ("Cores", f"{hardware.cores}, {hardware.threads} compute threads a trial"),
        ("Memory", f"{words.size(hardware.memory_bytes)} in all"),
        ("Memory limit of a trial", words.size(hardware.memory_limit_bytes)),
        ("System", hardware.platform),
        ("Versions", versions or words.UNKNOWN),
    )


def _settings(study: Study) -> tuple[tuple[str, str], ...]:
    asked, facts = study.settings, study.facts
    rows = [
        ("Budget", words.duration(asked.budget_seconds)),
        ("Stages", ", ".join(asked.stages)),
        ("Seed", str(asked.seed)),
        ("Memory kept free", words.share(asked.margin)),
    ]
    if asked.one_off:
        rows.append(("Wanted", "one trained model"))
    if asked.learning_rate == "rule":
        rows.append(("Learning rates", "by the optimizer's scaling rule, not searched"))
    if asked.batch_sizes:
        told = ("full" if size == 0 else words.count(size) for size in asked.batch_sizes)
        rows.append(("Batch sizes asked for", ", ".join(told)))
    if asked.max_batch_size is not None:
        rows.append(("Largest batch size considered", words.count(asked.max_batch_size)))
    if facts is not None:
        held_out = words.count(facts.valid_examples)
        rows += [
            ("Training examples", f"{words.count(facts.train_examples)}, {held_out} held out"),
            ("Parameters", words.count(facts.parameters)),
            ("Framework", facts.framework),
        ]
        if facts.batch_dependent_layers:
            rows.append(("Layers that see the batch", ", ".join(facts.batch_dependent_layers)))
    return tuple(rows)
