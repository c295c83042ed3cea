"""The content of all reports, assembled from a recording and its advice."""

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
from rightbatch.report.decisions import ending_sentence, why
from rightbatch.report.findings import Finding, make_findings
from rightbatch.report.runs import DrawnRun, drawn_runs
from rightbatch.report.sentences import outcome_sentence, say, say_all
from rightbatch.report.table import Pairs, Table
from rightbatch.report.tried import Tried, compare, settings_table
from rightbatch.report.verdict import make_tiles, make_verdict, steps_per_epoch

_OBJECTIVES = {
    "time": "the least training time",
    "examples": "the fewest examples",
    "steps": "the fewest steps",
    "energy": "the least energy",
    "cost": "the least cost",
}
_FAILED = (Status.KILLED, Status.HUNG, Status.DIVERGED)
_NOT_FOR_TIME = ("untimed", "exhausted")
"""Endings that a larger budget would not change."""
_IN_TILES = ("Near-optimal",)
"""Rows of the verdict that the tiles show in full."""


@dataclass(frozen=True, slots=True)
class View:
    """The content of a report, ready for layout.

    Attributes:
        title: Name of the workload.
        study: Name of the study.
        goal: The goal in words.
        objective: What was minimised, in words.
        created: The day the study was made, such as "21 September 2026".
        version: The version of rightbatch that made it.
        recommended: The recommended settings; None without enough data.
        reference: The user's present settings; None if unknown.
        near_optimal: Batch sizes within 10% of the best.
        headline: The recommendation in one sentence.
        tiles: The most important figures, as (name, value, remark).
        verdict: The verdict as (name, value) pairs, most important first.
        details: The verdict without what the tiles show.
        epoch_example: The steps per epoch of this workload; empty if unknown.
        next_step: What to do without enough data or after an interruption; otherwise empty.
        reasons: The numbers behind the verdict, one sentence each.
        ended: Why the study ended, in one sentence; empty if unknown.
        in_time: Whether it ended for another reason than its budget.
        warnings: What makes the verdict less certain, one sentence each.
        sizes: One row per batch size and optimizer.
        optimizers: The best choice of each optimizer; None with fewer than two.
        regimes: Stochastic, mini-batch and full-batch rows; None if not requested.
        time_spent: Where the wall-clock time went, as (name, seconds, words) rows.
        time_words: Where the wall-clock time went, in one sentence.
        arrival: When a run first reached the goal, in one sentence; empty if none did.
        machine: The machine, as (name, value) pairs.
        settings: The settings of the study, as (name, value) pairs.
        findings: The finding of each figure, in display order.
        fits: The fits shown in the figures.
        runs: The training runs shown in the figures.
        decisions: Every training run in order, why it was made and how it compares with the
            recommendation; None without any.
        tried: One row per setting trained, the recommended one first; None without any.
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
    verdict: Pairs
    details: Pairs
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
    machine: Pairs
    settings: Pairs
    findings: tuple[Finding, ...]
    fits: Fits
    runs: tuple[DrawnRun, ...]
    decisions: Table | None
    tried: Table | None


def make_view(recording: Recording, advice: Advice) -> View:
    """Assemble the content of a report."""
    study, facts = recording.study, recording.study.facts
    runs = () if facts is None else drawn_runs(advice.fits, facts)
    tried = compare(advice, runs, facts.goal.metric if facts else "metric")
    best, first, remarks = advice.recommended, advice.time_spent.to_model, advice.remarks
    verdict, created = make_verdict(study, advice), datetime.fromtimestamp(study.created, UTC)
    return View(
        title=study.workload.title or (facts.title if facts else "") or study.workload.factory,
        study=study.name,
        goal=advice.goal,
        objective=_OBJECTIVES.get(advice.objective, advice.objective),
        created=f"{created.day} {created:%B %Y}",
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
        ended="" if advice.ended is None else ending_sentence(advice.ended),
        in_time=advice.ended is not None and advice.ended.kind != "time",
        warnings=say_all(remarks.warnings),
        sizes=_sizes(advice),
        optimizers=optimizers(advice),
        regimes=regimes(advice),
        time_spent=_time_spent(advice),
        time_words=_time_words(advice),
        arrival=""
        if first is None
        else f"The first run reached the goal after {words.duration(first)}.",
        machine=_machine(recording.hardware),
        settings=_settings(study),
        findings=make_findings(study, advice, runs),
        fits=advice.fits,
        runs=runs,
        decisions=_decisions(study, advice, tried),
        tried=settings_table(advice, tried),
    )


def _details(study: Study, advice: Advice, verdict: Pairs) -> Pairs:
    """The verdict without what the tiles show, and the steps per epoch if it names none."""
    best = advice.recommended
    if best is None:
        return verdict
    rows = tuple(row for row in verdict if row[0] not in _IN_TILES)
    if best.epochs_to_goal is not None:
        return rows
    return (*rows, ("Steps per epoch", steps_per_epoch(study, best)))


def _next_step(recording: Recording, advice: Advice) -> str:
    """What to do without enough data or after an interruption; empty otherwise."""
    study, best = recording.study, advice.recommended
    if not study.finished:
        return (
            "The study is unfinished: these are the results so far. Continue it with the same "
            "command and --resume."
        )
    if best is not None and best.seconds_to_goal is not None:
        return ""
    if "learning" not in study.settings.stages:
        return "This study trained nothing; run `rightbatch tune` for a recommendation."
    memory = advice.fits.memory
    if memory is not None and no_size_fits(memory):
        return (
            f"Nothing tried fits the memory limit of {memory_size(memory.limit_bytes)}: raise it, "
            "or train a smaller model."
        )
    short = ran_out(recording.trials)
    failed = [t for t in recording.trials if t in short or t.outcome.status in _FAILED]
    if failed and advice.ended is not None and advice.ended.kind in _NOT_FOR_TIME:
        last = outcome_sentence(failed[-1].outcome)
        return f"Trials failed, and not for lack of time. The last: {last}"
    larger = words.duration(3 * max(study.settings.budget_seconds, advice.time_spent.wall))
    return (
        f"Allow a larger budget (it was {words.duration(study.settings.budget_seconds)}; try "
        f"{larger}), or choose an easier goal."
    )


def _sizes(advice: Advice) -> Table | None:
    """One row per optimizer and batch size, at its best learning rate; None without any."""
    best, yours = advice.recommended, advice.reference
    rows: list[tuple[str, ...]] = []
    strong: list[int] = []
    several = len(advice.fits.learning) > 1
    predictions = [(fit.optimizer, row) for fit in advice.fits.learning for row in fit.predictions]
    powered = any(row.joules for _, row in predictions)
    for optimizer, row in predictions:
        marks = []
        if best and (optimizer, row.batch_size) == (best.optimizer, best.batch_size):
            strong.append(len(rows))
            marks.append("recommended")
        elif best and optimizer == best.optimizer and row.batch_size in advice.near_optimal:
            marks.append("within 10%")
        if yours and (optimizer, row.batch_size) == (yours.optimizer, yours.batch_size):
            marks.append("yours")
        rows.append(
            (
                *((optimizer,) if several else ()),
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
    head = (
        *(("Optimizer",) if several else ()),
        "Batch size",
        "Learning rate",
        "Steps to goal",
        "Examples to goal",
        "Time to goal",
        *(("Energy to goal",) if powered else ()),
        "Runs that reached it",
        "",
    )
    return Table(head, tuple(rows), tuple(strong)) if rows else None


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
    head = (
        "Trial",
        *(("Optimizer",) if several else ()),
        "Batch size",
        "Learning rate",
        "Why it was tried",
        f"{advice.objective.capitalize()} to goal",
        "Compared with the recommendation",
    )
    return Table(head, rows) if rows else None


def _time_spent(advice: Advice) -> tuple[tuple[str, float, str], ...]:
    spent = advice.time_spent
    parts = {
        "training": spent.training,
        "measuring memory, speed and noise": spent.measuring,
        "overhead: starting, evaluating, planning": spent.overhead,
    }
    return tuple((name, seconds, words.duration(seconds)) for name, seconds in parts.items())


def _time_words(advice: Advice) -> str:
    spent = advice.time_spent
    budget = "" if spent.budget is None else f" of {words.duration(spent.budget)}"
    overlapped = f", {words.duration(spent.overlapped)} of it in parallel"
    return (
        f"Used {words.duration(spent.wall)}{budget}: {words.duration(spent.training)} training, "
        f"{words.duration(spent.measuring)} measuring, {words.duration(spent.overhead)} overhead"
        f"{overlapped if spent.overlapped > 0 else ''}."
    )


def _machine(hardware: Hardware | None) -> Pairs:
    if hardware is None:
        return ()
    return (
        ("Device", f"{hardware.device_name} ({hardware.device})"),
        ("Cores", f"{hardware.cores}, {hardware.threads} compute threads per trial"),
        ("Memory", memory_size(hardware.memory_bytes)),
        ("Memory limit per trial", memory_size(hardware.memory_limit_bytes)),
        ("System", hardware.platform),
        ("Versions", ", ".join(map(" ".join, hardware.versions)) or words.UNKNOWN),
    )


def _settings(study: Study) -> Pairs:
    """The settings of the study and the facts of its workload; empty values are left out."""
    chosen, facts = study.settings, study.facts
    sizes = ["full" if size == 0 else words.count(size) for size in chosen.batch_sizes]
    largest, rule = chosen.max_batch_size, chosen.learning_rates == "rule"
    rows = [
        ("Budget", words.duration(chosen.budget_seconds)),
        ("Stages", ", ".join(chosen.stages)),
        ("Seed", str(chosen.seed)),
        ("Safety margin", f"{words.share(chosen.margin)} of the memory limit"),
        ("One-off", "stop at the first run that reaches the goal" if chosen.one_off else ""),
        ("Learning rates", "from the optimizer's scaling rule, not searched" if rule else ""),
        ("Batch sizes", ", ".join(sizes)),
        ("Maximum batch size", "" if largest is None else words.count(largest)),
    ]
    if facts is not None:
        rows += [
            (
                "Training examples",
                f"{words.count(facts.train_examples)}, "
                f"{words.count(facts.valid_examples)} held out",
            ),
            ("Parameters", words.count(facts.parameters)),
            ("Framework", facts.framework),
            ("Batch-dependent layers", ", ".join(facts.batch_dependent_layers)),
        ]
    return tuple((name, value) for name, value in rows if value)
