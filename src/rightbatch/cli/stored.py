"""Commands on stored studies: report, list, export, delete and import."""

import sys
import time
from dataclasses import replace
from pathlib import Path

import typer
from rich.table import Table

from rightbatch.api.verbs import DEFAULT_STORE, readvise, store_address
from rightbatch.cli.exiting import finish
from rightbatch.cli.output import check_report, console, print_advice, print_json
from rightbatch.exchange import export_study, import_study
from rightbatch.printable import printable
from rightbatch.records import Objective, Study
from rightbatch.report.json import with_reasons
from rightbatch.store import open_store
from rightbatch.zoo import ZOO


def report_again(
    study: str,
    objective: Objective | None,
    price_per_hour: float | None,
    memory_limit: str | None,
    output: Path | None,
    store: str | None,
    json: bool,
) -> None:
    """Recommend and report again from a stored study."""
    check_report(output)
    recording, advice = readvise(
        study,
        store=store,
        objective=objective,
        memory_limit=memory_limit,
        price_per_hour=price_per_hour,
    )
    print_advice(recording, advice, json=json, report=output)
    finish(recording, advice)


def list_things(what: str, store: str | None, json: bool) -> None:
    """List studies or workloads."""
    damaged: dict[str, str] = {}
    if what == "studies":
        rows, damaged = _study_rows(store)
    else:
        rows = [
            {"name": e.name, "task": e.task, "description": e.description} for e in ZOO.values()
        ]
    for name, why in damaged.items():
        console(stderr=True).print(
            f"rightbatch: {why} Remove it with: rightbatch delete {name}", soft_wrap=True
        )
    if json:
        more = {"damaged": list(damaged)} if what == "studies" else {}
        print_json({"schema": f"rightbatch/{what}/1", "results": rows, **more})
    elif not rows:
        console(highlight=True).print("No studies yet. Start with: rightbatch tune digits")
    else:
        table = Table(box=None, pad_edge=False)
        columns = [name for name in rows[0] if not name.endswith("_reason")]
        for name in columns:
            table.add_column(name, overflow="fold", no_wrap=name == "name")
        for row in rows:
            table.add_row(*(_cell(row[name]) for name in columns))
        console(highlight=True).print(table)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def _study_rows(store: str | None) -> tuple[list[dict[str, object]], dict[str, str]]:
    """A row for each study, and what is wrong with damaged ones, by name."""
    address = store_address(store)
    if address == DEFAULT_STORE and not Path(address).exists():
        return [], {}
    with open_store(address, create=False) as opened:
        rows = [_study_row(study, opened.trial_count(study.name)) for study in opened.studies()]
        return rows, opened.damaged()


def _study_row(study: Study, trials: int) -> dict[str, object]:
    created = time.strftime("%Y-%m-%d %H:%M", time.localtime(study.created))
    return with_reasons(
        {
            "name": study.name,
            "workload": study.workload.title,
            "goal": None if study.facts is None else str(study.facts.goal),
            "trials": trials,
            "finished": study.finished,
            "created": created if study.created else None,
        },
        {"created": "The study was recorded elsewhere, at an unknown time."},
        default="The study ended before its workload was described.",
    )


def delete_study(study: str, yes: bool, store: str | None, json: bool) -> None:
    """Delete a study, after asking where somebody can answer."""
    with open_store(store_address(store), create=False) as opened:
        trials = opened.trial_count(study)
        if not yes and sys.stdin.isatty():
            typer.confirm(f"Delete study {printable(study)} with its {trials} trials?", abort=True)
        opened.delete_study(study)
    if json:
        print_json({"schema": "rightbatch/delete/1", "study": study, "trials": trials})
    else:
        console(highlight=True).print(f"Deleted study {study} with its {trials} trials.")


def export_files(study: str, directory: Path, store: str | None, json: bool) -> None:
    """Write a study as plain files."""
    with open_store(store_address(store), create=False) as opened:
        files = export_study(opened.recording(study), directory)
    if json:
        print_json({"schema": "rightbatch/export/1", "study": study, "results": [*map(str, files)]})
    else:
        console(highlight=True).print(
            f"Study {study}: {', '.join(f.name for f in files)} in {directory}"
        )


def import_files(directory: Path, store: str | None, json: bool) -> None:
    """Import an exported study into the store."""
    recording = import_study(directory)
    with open_store(store_address(store)) as opened:
        workload = replace(recording.study.workload, imported=True)
        study = opened.create_study(replace(recording.study, workload=workload), recording.trials)
    trials = len(recording.trials)
    if json:
        print_json({"schema": "rightbatch/import/1", "study": study.name, "trials": trials})
    else:
        console(highlight=True).print(f"Imported study {study.name} with {trials} trials.")
