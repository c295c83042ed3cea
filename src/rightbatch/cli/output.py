"""Print results: a verdict for people, one JSON object for programs."""

import json as json_module
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from rightbatch.errors import UsageError
from rightbatch.files import check_writable
from rightbatch.printable import file_name, printable, printable_json
from rightbatch.records import Advice, Recording, Stage
from rightbatch.report.html import write_report
from rightbatch.report.json import advice_json, with_reasons
from rightbatch.report.json_stages import stage_json
from rightbatch.report.stages import stage_lines
from rightbatch.report.terminal import print_verdict
from rightbatch.report.view import make_view


class _SafeConsole(Console):
    """A console that shows control characters of texts as escapes."""

    def render_str(self, text: str, **how: Any) -> Text:  # noqa: ANN401 - as Rich's own
        """A text, safe to print."""
        return super().render_str(printable(text), **how)


def console(*, stderr: bool = False, highlight: bool = False) -> Console:
    """A console that interprets no text, such as names given by users, as markup or controls."""
    return _SafeConsole(stderr=stderr, highlight=highlight, markup=False, emoji=False)


def print_json(data: object) -> None:
    """Print one JSON object to stdout."""
    text = json_module.dumps(data, indent=2, allow_nan=False, ensure_ascii=False)
    sys.stdout.write(printable_json(text) + "\n")


def check_report(path: Path | None) -> None:
    """Refuse a report that cannot be written, before anything is measured.

    Raises:
        UsageError: There can be no file at the path.
    """
    if path is not None:
        check_writable(path, "the report")


def print_advice(recording: Recording, advice: Advice, *, json: bool, report: Path | None) -> None:
    """Print the verdict, and write the HTML report.

    Raises:
        UsageError: The report cannot be written; the verdict is printed nevertheless.
    """
    name = recording.study.name
    path = (report or Path(f"rightbatch-{file_name(name)}.html")).absolute()
    failed = None
    try:
        write_report(recording, advice, path)
    except OSError as error:
        failed = error.strerror or type(error).__name__
    if json:
        written = with_reasons(
            {"report": None if failed else str(path)}, default=f"It could not be written: {failed}."
        )
        print_json({**advice_json(advice), **written})
    else:
        terminal = console(highlight=True)
        print_verdict(make_view(recording, advice), terminal)
        if not failed:
            terminal.print(f"\nReport: {path}", soft_wrap=True, highlight=False)
    if failed:
        raise UsageError(
            f"The report cannot be written to {path} ({failed}); make it with "
            f"`rightbatch report {name} --output FILE`."
        )


def print_stage(stage: Stage, recording: Recording, advice: Advice, *, json: bool) -> None:
    """Print the result of one stage."""
    if json:
        print_json(stage_json(stage, advice.fits, recording))
    else:
        console().print("\n".join(stage_lines(stage, recording, advice)))
