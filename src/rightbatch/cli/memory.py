"""The command memory: on one device, or on several for the batch size that fits on all."""

from typing import Any

from rightbatch.api.verbs import memory
from rightbatch.cli.exiting import finish
from rightbatch.cli.output import console, print_json, print_stage
from rightbatch.cli.study import following
from rightbatch.report.json_stages import memory_of_device, stage_json
from rightbatch.report.stages import stage_lines


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
    if len(found.of_each) == 1:
        print_stage("memory", recording, advice, json=json)
        finish(recording, advice)
        return
    rows = [memory_of_device(each.recording, each.advice.fits.memory) for each in found.of_each]
    if json:
        body = stage_json("memory", advice.fits, recording)
        print_json({**body, "largest_batch_size": found.largest_batch_size, "devices": rows})
        finish(recording, advice)
        return
    terminal = console()
    largest, safe = found.largest_batch_size or "none", found.safe_batch_size or "none"
    terminal.print(
        f"On all {len(rows)} devices: largest {largest}, safe {safe}. "
        f"{recording.study.settings.device}, shown below, has the least room."
    )
    for row in rows:
        terminal.print(
            f"{row['device']}: largest {row['largest_batch_size'] or 'none'}, "
            f"safe {row['safe_batch_size'] or 'none'}"
        )
    for line in stage_lines("memory", recording, advice):
        terminal.print(line)
    finish(recording, advice)
