"""Printing what was found: a verdict for people, one JSON object for programs."""

import json as json_module
import sys
from pathlib import Path

from rich.console import Console

from rightbatch.records import Advice, Recording, Stage
from rightbatch.report.html import write_report
from rightbatch.report.json import advice_json, stage_json
from rightbatch.report.stages import stage_lines
from rightbatch.report.terminal import print_verdict
from rightbatch.report.view import make_view


def print_json(data: object) -> None:
    """One JSON object on stdout."""
    json_module.dump(data, sys.stdout, indent=2, allow_nan=False, ensure_ascii=False)
    sys.stdout.write("\n")


def print_advice(recording: Recording, advice: Advice, *, json: bool, report: Path | None) -> None:
    """The verdict, and the HTML report beside it."""
    path = report or Path(f"rightbatch-{recording.study.name}.html")
    write_report(recording, advice, path)
    if json:
        print_json({**advice_json(advice), "report": str(path.resolve())})
        return
    console = Console()
    print_verdict(make_view(recording, advice), console)
    console.print(f"\nReport: {path.resolve()}", soft_wrap=True, highlight=False)


def print_stage(stage: Stage, recording: Recording, advice: Advice, *, json: bool) -> None:
    """What one stage found."""
    if json:
        print_json(stage_json(stage, advice.fits, recording))
    else:
        console = Console(highlight=False)
        for line in stage_lines(stage, recording, advice):
            console.print(line)
