"""Commands that measure: tune, and one stage at a time."""

from pathlib import Path
from typing import Any

from rightbatch.api.references import reference
from rightbatch.api.settings import make_settings
from rightbatch.api.verbs import advised, newest_study, run, store_address
from rightbatch.cli.output import check_report, console, print_advice, print_stage
from rightbatch.cli.progress import StudyProgress
from rightbatch.cli.stopping import Stopped, Terminated, sigterm_like_ctrl_c
from rightbatch.records import Recording, Settings, Stage, WorkloadReference
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
    check_report(report)
    recording = record_study(workload, make_settings(**settings), store, resume)
    advice = advised(recording)
    if only is None:
        print_advice(recording, advice, json=json, report=report)
    else:
        print_stage(only, recording, advice, json=json)


def record_study(workload: str, asked: Settings, store: str | None, resume: bool) -> Recording:
    """Run a study with progress on stderr; what was measured is kept when it is interrupted."""
    where, errors = reference(workload), console(stderr=True)
    with open_store(store_address(store)) as opened, sigterm_like_ctrl_c():
        if resume and newest_study(opened, where, asked) is None:
            errors.print(
                "There is no study of this workload with these options to go on with; a new one "
                "begins.",
                soft_wrap=True,
            )
        try:
            with StudyProgress(errors) as progress:
                return run(workload, asked, opened, resume=resume, observer=progress)
        except KeyboardInterrupt as stop:
            stopped = Stopped(_what_is_kept(opened, where, asked))
            stopped.exit_code = 143 if isinstance(stop, Terminated) else 130
            raise stopped from None


def _what_is_kept(store: Store, where: WorkloadReference, settings: Settings) -> str:
    """Where the measurements of an interrupted study are, and how to go on."""
    study = newest_study(store, where, settings)
    trials = 0 if study is None or study.finished else len(store.trials(study.name))
    if study is None or trials == 0:
        return "Stopped before anything was measured."
    kept = "1 trial" if trials == 1 else f"{trials} trials"
    return (
        f"Stopped. Study {study.name} keeps its {kept}; the same command with --resume goes on, "
        f"and `rightbatch report {study.name}` tells what is known."
    )
