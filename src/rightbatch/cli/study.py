"""The commands that measure: tune, and those of a single stage."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rightbatch.api.study import Interrupted
from rightbatch.api.verbs import readvise, store_address, study
from rightbatch.cli.exiting import Stopped, Terminated, finish, sigterm_like_ctrl_c
from rightbatch.cli.output import check_report, console, print_advice, print_stage
from rightbatch.cli.progress import StudyProgress
from rightbatch.errors import ExitCode, UsageError
from rightbatch.records import Advice, Recording, Stage
from rightbatch.store import open_store


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
    """Run a study with progress on stderr; print its advice, or the result of the stage `only`."""
    check_report(report)
    with following(store, only, json=json, resume=resume, report=report) as progress:
        recording, advice = study(
            workload, store=store, resume=resume, observer=progress, **settings
        )
    _print(recording, advice, only, json, report)
    finish(recording, advice)


@contextmanager
def following(
    store: str | None, only: Stage | None, *, json: bool, resume: bool, report: Path | None = None
) -> Iterator[StudyProgress]:
    """Show progress on stderr; on Ctrl-C or SIGTERM, print the advice so far.

    Raises:
        Stopped: The user stopped the study.
    """
    try:
        with sigterm_like_ctrl_c(), StudyProgress(console(stderr=True), resume) as progress:
            yield progress
    except KeyboardInterrupt as stop:
        kept = _what_is_kept(stop, store, only, json, report)
        terminated = isinstance(stop, Terminated) or isinstance(stop.__cause__, Terminated)
        code = ExitCode.TERMINATED if terminated else ExitCode.INTERRUPTED
        raise Stopped(kept, code) from None


def _what_is_kept(
    stop: KeyboardInterrupt, store: str | None, only: Stage | None, json: bool, report: Path | None
) -> str:
    """Print the advice so far; return a sentence on what is kept and how to continue."""
    trials = 0
    if isinstance(stop, Interrupted):
        with open_store(store_address(store), create=False) as opened:
            trials = opened.trial_count(stop.study)
    if not isinstance(stop, Interrupted) or trials == 0:
        return "Stopped before anything was measured."
    with suppress(UsageError):  # stopped before its workload was described
        _print(*readvise(stop.study, store=store), only, json, report)
    kept = "1 trial" if trials == 1 else f"{trials} trials"
    return (
        f"Stopped. Study {stop.study} keeps its {kept}; the same command with --resume continues "
        f"it, and `rightbatch report {stop.study}` shows what is known."
    )


def _print(
    recording: Recording, advice: Advice, only: Stage | None, json: bool, report: Path | None
) -> None:
    if only is None:
        print_advice(recording, advice, json=json, report=report)
    else:
        print_stage(only, recording, advice, json=json)
