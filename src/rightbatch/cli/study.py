"""The commands that measure: tune, memory, and those of another single stage."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rightbatch.api.study import Interrupted
from rightbatch.api.verbs import memory, readvise, store_address, study
from rightbatch.cli.exiting import Stopped, Terminated, finish, signals_like_ctrl_c
from rightbatch.cli.output import check_report, console, print_advice, print_json, print_stage
from rightbatch.cli.progress import StudyProgress
from rightbatch.errors import ExitCode, UsageError
from rightbatch.records import Advice, Recording, Stage
from rightbatch.report.json_stages import memory_of_device, stage_json
from rightbatch.report.stages import stage_lines
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


def find_memory(
    workload: str,
    device: str | None,
    *,
    json: bool,
    store: str | None,
    resume: bool,
    **settings: Any,  # noqa: ANN401 - the keywords of make_settings
) -> None:
    """Search on each device, and print the batch size that fits on all of them."""
    with following(store, "memory", json=json, resume=resume) as progress:
        found = memory(
            workload, devices=device or "", store=store, resume=resume, observer=progress,
            **settings,
        )  # fmt: skip
    recording, advice = found.of_each[found.least]
    rows = [memory_of_device(each.recording, each.advice.fits.memory) for each in found.of_each]
    if len(rows) == 1:
        print_stage("memory", recording, advice, json=json)
    elif json:
        body = stage_json("memory", advice.fits, recording)
        print_json({**body, "largest_batch_size": found.largest_batch_size, "devices": rows})
    else:
        largest, safe = found.largest_batch_size or "none", found.safe_batch_size or "none"
        lines = [
            f"On all {len(rows)} devices: largest {largest}, safe {safe}. "
            f"{recording.study.settings.device}, shown below, has the least room.",
            *(
                f"{row['device']}: largest {row['largest_batch_size'] or 'none'}, "
                f"safe {row['safe_batch_size'] or 'none'}"
                for row in rows
            ),
            *stage_lines("memory", recording, advice),
        ]
        console().print("\n".join(lines))
    finish(recording, advice)


@contextmanager
def following(
    store: str | None, only: Stage | None, *, json: bool, resume: bool, report: Path | None = None
) -> Iterator[StudyProgress]:
    """Show progress on stderr; on Ctrl-C, SIGTERM or SIGHUP, print the advice so far.

    Raises:
        Stopped: The user stopped the study.
    """
    try:
        with signals_like_ctrl_c(), StudyProgress(console(stderr=True), resume) as progress:
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
