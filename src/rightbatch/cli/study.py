"""Commands that measure: tune, and one stage at a time."""

from pathlib import Path
from typing import Any

from rich.console import Console

from rightbatch.api.verbs import make_settings, run, store_address
from rightbatch.cli.output import print_advice, print_stage
from rightbatch.cli.progress import StudyProgress
from rightbatch.cli.stopping import Stopped, Terminated, sigterm_like_ctrl_c
from rightbatch.decide.advice.recommend import advise
from rightbatch.records import Recording, Settings, Stage
from rightbatch.store import Store, open_store


def run_study(
    workload: str,
    only: Stage | None,
    *,
    json: bool,
    store: str | None,
    resume: bool,
    report: Path | None = None,
    **settings: Any,  # noqa: ANN401 - the keywords of make_settings
) -> None:
    """Run a study with progress on stderr, then print its advice, or what `only` stage found."""
    recording = record_study(workload, make_settings(**settings), store, resume)
    advice = advise(recording)
    if only is None:
        print_advice(recording, advice, json=json, report=report)
    else:
        print_stage(only, recording, advice, json=json)


def record_study(workload: str, asked: Settings, store: str | None, resume: bool) -> Recording:
    """Run a study with progress on stderr; what was measured is kept when it is interrupted."""
    with open_store(store_address(store)) as opened, sigterm_like_ctrl_c():
        try:
            with StudyProgress(Console(stderr=True)) as progress:
                return run(workload, asked, opened, resume=resume, observer=progress)
        except KeyboardInterrupt as stop:
            stopped = Stopped(_what_is_kept(opened, asked))
            stopped.exit_code = 143 if isinstance(stop, Terminated) else 130
            raise stopped from None


def _what_is_kept(store: Store, settings: Settings) -> str:
    """Where the measurements of an interrupted study are, and how to go on."""
    mine = [study for study in store.studies() if study.settings == settings and not study.finished]
    if not mine:
        return "Stopped before anything was measured."
    name = mine[-1].name
    return (
        f"Stopped. Study {name} keeps its {len(store.trials(name))} trials; the same command with "
        f"--resume goes on, and `rightbatch report {name}` tells what is known."
    )
