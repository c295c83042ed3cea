"""What a person reads, kept as it is: a change of wording shows in review.

Written anew by: RIGHTBATCH_REWRITE=1 python -m pytest tests/unit/test_snapshots.py
"""

import gzip
import os
import shutil
from io import StringIO
from pathlib import Path

import pytest
import typer
from rich.console import Console

from rightbatch.api.verbs import readvise
from rightbatch.cli.app import app
from rightbatch.report.terminal import print_verdict
from rightbatch.report.view import make_view

ASSETS = Path(__file__).parents[1] / "assets"
APP = typer.main.get_command(app)
STUDIES = {
    "digits-1": "one optimizer",
    "digits-2": "three optimizers",
    "digits-3": "a one-off",
    "digits-7": "regimes",
}


def keeps(name: str, text: str) -> None:
    """Compare a text with the one that is kept."""
    path = ASSETS / "snapshots" / name
    if os.environ.get("RIGHTBATCH_REWRITE"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("recorded") / "studies.db"
    with gzip.open(ASSETS / "recorded" / "studies.db.gz") as packed, path.open("wb") as file:
        shutil.copyfileobj(packed, file)
    return path


def test_help():
    """Its words, not how a version of the library lays them out."""
    lines = [APP.help, ""]
    for name, command in sorted(APP.commands.items()):
        lines += [f"rightbatch {name}: {command.help}"]
        for parameter in command.params:
            default = "" if parameter.default in (None, "", False) else f" [{parameter.default}]"
            if not getattr(parameter, "hidden", False):
                lines += [f"  {', '.join(parameter.opts)}{default}: {parameter.help}"]
        lines += [""]
    keeps("help.txt", "\n".join(lines))


@pytest.mark.parametrize("study", STUDIES)
def test_verdict(study, store):
    recording, advice = readvise(study, store=store)
    screen = Console(file=StringIO(), width=80, color_system=None)
    print_verdict(make_view(recording, advice), screen)
    text = screen.file.getvalue()
    keeps(f"verdict/{study}.txt", "".join(f"{line.rstrip()}\n" for line in text.splitlines()))


@pytest.mark.parametrize("study", STUDIES)
def test_the_verdict_fits_one_screen(study, store):
    recording, advice = readvise(study, store=store)
    screen = Console(file=StringIO(), width=80)
    print_verdict(make_view(recording, advice), screen)
    assert (
        len(screen.file.getvalue().splitlines()) <= 22
    )  # then a blank one and the path of the report
