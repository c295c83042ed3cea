"""What every report shows, put together once from a recording and its advice."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from rightbatch.decide.advise.capped import no_size_fits
from rightbatch.decide.study.evidence import ran_out
from rightbatch.records import (
    Advice,
    Choice,
    Fits,
    Hardware,
    Recording,
    Status,
    Study,
    memory_size,
)
from rightbatch.report import words
from rightbatch.report.comparison import optimizers, regimes
from rightbatch.report.decisions import why
from rightbatch.report.ending import ending_told
from rightbatch.report.findings import Finding, make_findings
from rightbatch.report.runs import DrawnRun, drawn_runs
from rightbatch.report.sentences import outcome_sentence, say, say_all
from rightbatch.report.table import Table
from rightbatch.report.tried import Tried, compare, goal_title, settings_table
from rightbatch.report.verdict import make_tiles, make_verdict, steps_per_epoch

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
_IN_TILES = ("Near-optimal",)
"""Rows of the verdict that the tiles show whole."""


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
        details: What the tiles leave out.
        epoch_example: One epoch of this very workload in words; empty where unknown.
        next_step: What to do where there is not enough data, or the study has not run to its end;
            empty where neither is so.
        reasons: The numbers behind the verdict, one sentence each.
        ended: Why nothing more was measured, in a sentence; empty where that is not known.
        in_time: Whether it was anything but the end of the budget.
        warnings: What makes it less sure, one sentence each.
        sizes: One row per batch size and optimizer.
        optimizers: The best choice of each optimizer; None with fewer than two.
        regimes: Stochastic, mini-batch and full-batch rows; None where not asked for.
        time_spent: Where the wall-clock time went, as (what, seconds, words) rows.
        time_words: The same in one line.
        arrival: When a run first reached the goal, in a sentence; empty where none did.
        machine: The machine, as (what, value) pairs.
        settings: The settings of the study, as (what, value) pairs.
        findings: What each figure says, in the order they are shown.
        fits: The fits that the figures draw.
        runs: Every training run that the figures draw.
        decisions: Every training run in order, why it was made and how it compares with the
            recommendation; None without any.
        tried: One row per setting that was trained, the recommended first; None without any.
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
    in_time: bool
    warnings: tuple[str, ...]
    sizes: Table | None
    optimizers: Table | None
    regimes: Table | None
    time_spent: tuple[tuple[str, float, str], ...]
    time_words: str
    arrival: str
    machine: tuple[tuple[str, str], ...]
    settings: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]
    fits: Fits
    runs: tuple[DrawnRun, ...]
    decisions: Table | None
    tried: Table | None


def make_view(recording: Recording, advice: Advice) -> View:
    """Put together what every report shows."""
    study = recording.study
    runs = () if study.facts is None else drawn_runs(advice.fits, study.facts)
    verdict, tried = make_verdict(study, advice), compare(advice, runs, _metric(study))
    best, remarks = advice.recommended, advice.remarks
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
        headline=say(remarks.headline),
        tiles=make_tiles(advice),
        verdict=verdict,
        details=_details(study, advice, verdict),
        epoch_example="" if best is None else f"Here: {steps_per_epoch(study, best)} steps.",
        next_step=_next_step(recording, advice),
        reasons=say_all(remarks.reasons),
        ended="" if advice.ended is None else ending_told(advice.ended),
        in_time=advice.ended is not None and advice.ended.kind != "time",
        warnings=say_all(remarks.warnings),
        sizes=_sizes(advice),
        optimizers=optimizers(advice),
        regimes=regimes(advice),
        time_spent=_time_spent(advice),
        time_words=_time_words(advice),
        arrival=_arrival(advice),
        machine=_machine(recording.hardware),
        settings=_settings(study),
        findings=make_findings(study, advice, runs),
        fits=advice.fits,
        runs=runs,
        decisions=_decisions(study, advice, tried),
        tried=settings_table(advice, tried),
    )


def _details(
    study: Study, advice: Advice, verdict: tuple[tuple[str, str], ...]
) -> tuple[tuple[str, str], ...]:
    """The verdict but for what the tiles show, and how long an epoch is."""
    best = advice.recommended
    if best is None:
        return verdict
    epoch = ("Steps per epoch", steps_per_epoch(study, best))
    return (*(row for row in verdict if row[0] not in _IN_TILES), epoch)


def _title(study: Study) -> str:
    told = study.facts.title if study.facts else ""
    return study.workload.title or told or study.workload.factory


def _metric(study: Study) -> str:
    return study.facts.goal.metric if study.facts else "metric"


def _day(created: float) -> str:
    moment = datetime.fromtimestamp(created, UTC)
    return f"{moment.day} {moment:%B %Y}"


def _next_step(recording: Recording, advice: Advice) -> str:
    study, best = recording.study, advice.recommended
    if not study.finished:
        return (
            "The study is unfinished; this is what is known so far. Continue it with the same "
            "command and --resume."
        )
    if best is not None and best.seconds_to_goal is not None:
        return ""
    if "learning" not in study.settings.stages:
        return "This study ran no training; run `rightbatch tune` for a recommendation."
    memory = advice.fits.memory
    if memory is not None and no_size_fits(memory):
        return (
            f"Nothing tried fits the memory limit of {memory_size(memory.limit_bytes)}: raise it, "
            "or train a smaller model."
        )
    short = ran_out(recording.trials)
    told = [t for t in recording.trials if t in short or t.outcome.status in _FAILED]
    if told and advice.ended is not None and advice.ended.kind in _NOT_FOR_TIME:
        last = outcome_sentence(told[-1].outcome)
        return f"Trials failed, not for lack of time. The last: {last}"
    larger = words.duration(3 * max(study.settings.budget_seconds, advice.time_spent.wall))
    return (
        f"Allow a larger budget (it was {words.duration(study.settings.budget_seconds)}; try "
        f"{larger}), or choose a goal that is reached sooner."
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
        "Runs at the goal",
    )
    head_row = (*first, *head, "")
    return Table(head_row, tuple(rows), tuple(strong)) if rows else None


def _decisions(study: Study, advice: Advice, tried: Mapping[int, Tried]) -> Table | None:
    """Every training run in order: why it was made, and how it compares with the recommendation."""
    recorded = "recorded" if study.facts is not None and study.facts.origin else ""
    runs = sorted((run for fit in advice.fits.learning for run in fit.runs), key=lambda r: r.trial)
    several = len(advice.fits.learning) > 1
    rows = tuple(
        (
            words.count(run.trial),
            *((tried[run.trial].setting[0],) if several else ()),
            words.count(run.batch_size),
            words.learning_rate(run.learning_rate),
            why(run.reason, run.decisions) or recorded,
            tried[run.trial].shown,
            tried[run.trial].compared,
        )
        for run in runs
    )
    head = ("Trial", *(("Optimizer",) if several else ()), "Batch size", "Learning rate")
    head = (*head, "Why it was tried", goal_title(advice), "Compared with the recommendation")
    return Table(head, rows) if rows else None


def _time_spent(advice: Advice) -> tuple[tuple[str, float, str], ...]:
    spent = advice.time_spent
    parts = (
        ("training", spent.training),
        ("measuring memory, speed and noise", spent.measuring),
        ("overhead: starting, evaluating, deciding", spent.overhead),
    )
    return tuple((name, seconds, words.duration(seconds)) for name, seconds in parts)


def _time_words(advice: Advice) -> str:
    spent = advice.time_spent
    total = words.duration(spent.wall)
    allowed = "" if spent.budget is None else f" of {words.duration(spent.budget)}"
    beside = ""
    if spent.overlapped > 0:
        beside = f", {words.duration(spent.overlapped)} of it beside another run"
    return (
        f"Used {total}{allowed}: {words.duration(spent.training)} training, "
        f"{words.duration(spent.measuring)} measuring, {words.duration(spent.overhead)} overhead"
        f"{beside}."
    )


def _arrival(advice: Advice) -> str:
    first = advice.time_spent.to_model
    return "" if first is None else f"The first run reached the goal after {words.duration(first)}."


def _machine(hardware: Hardware | None) -> tuple[tuple[str, str], ...]:
    if hardware is None:
        return ()
    versions = ", ".join(f"{name} {version}" for name, version in hardware.versions)
    return (
        ("Device", f"{hardware.device_name} ({hardware.device})"),
        ("Cores", f"{hardware.cores}, {hardware.threads} compute threads per trial"),
        ("Memory", memory_size(hardware.memory_bytes)),
        ("Memory limit per trial", memory_size(hardware.memory_limit_bytes)),
        ("System", hardware.platform),
        ("Versions", versions or words.UNKNOWN),
    )


def _settings(study: Study) -> tuple[tuple[str, str], ...]:
    asked, facts = study.settings, study.facts
    rows = [
        ("Budget", words.duration(asked.budget_seconds)),
        ("Stages", ", ".join(asked.stages)),
        ("Seed", str(asked.seed)),
        ("Safety margin", f"{words.share(asked.margin)} of the memory limit"),
    ]
    if asked.one_off:
        rows.append(("One-off", "stop at the first run that reaches the goal"))
    if asked.learning_rates == "rule":
        rows.append(("Learning rates", "from the optimizer's scaling rule, not searched"))
    if asked.batch_sizes:
        told = ("full" if size == 0 else words.count(size) for size in asked.batch_sizes)
        rows.append(("Batch sizes", ", ".join(told)))
    if asked.max_batch_size is not None:
        rows.append(("Maximum batch size", words.count(asked.max_batch_size)))
    if facts is not None:
        held_out = words.count(facts.valid_examples)
        rows += [
            ("Training examples", f"{words.count(facts.train_examples)}, {held_out} held out"),
            ("Parameters", words.count(facts.parameters)),
            ("Framework", facts.framework),
        ]
        if facts.batch_dependent_layers:
            rows.append(("Batch-dependent layers", ", ".join(facts.batch_dependent_layers)))
    return tuple(rows)
