"""The command memory: on one device, or the smallest answer of several."""

from typing import Any

from rightbatch.api.settings import listed, make_settings
from rightbatch.cli.output import console, print_json, print_stage
from rightbatch.cli.study import record_study
from rightbatch.decide.advise.recommend import advise
from rightbatch.decide.stages.memory.fit import largest_on_all, smallest
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
    """Search on each device named, and print the answer that all of them can use."""
    devices = tuple(dict.fromkeys(listed(device or ""))) or (None,)
    recordings = [
        record_study(
            workload, make_settings(device=one, stages=("memory",), **settings), store, resume
        )
        for one in devices
    ]
    advices = [advise(recording) for recording in recordings]
    if len(devices) == 1:
        print_stage("memory", recordings[0], advices[0], json=json)
        return
    fits = [advice.fits.memory for advice in advices]
    least, largest = smallest(fits), largest_on_all(fits)
    rows = [
        memory_of_device(recording, fit) for recording, fit in zip(recordings, fits, strict=True)
    ]
    if json:
        told = stage_json("memory", advices[least].fits, recordings[least])
        print_json({**told, "largest_batch_size": largest, "devices": rows})
        return
    terminal = console()
    safe = rows[least]["safe_batch_size"]
    terminal.print(
        f"On all {len(devices)} devices: largest {largest or 'none'}, safe {safe or 'none'}. "
        f"{devices[least]}, told below, has the least room."
    )
    for row in rows:
        terminal.print(
            f"{row['device']}: largest {row['largest_batch_size'] or 'none'}, "
            f"safe {row['safe_batch_size'] or 'none'}"
        )
    for line in stage_lines("memory", recordings[least], advices[least]):
        terminal.print(line)
