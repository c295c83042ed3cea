"""Predicted memory in a terminal and as JSON."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from rightbatch.records import (
    MEMORY_PARTS,
    Change,
    MemoryAlternative,
    MemoryPart,
    PredictedPeak,
    PredictResult,
    memory_size,
)
from rightbatch.report.json import SIZES_THAT_FIT, Json, with_reasons
from rightbatch.report.sentences import say, say_all
from rightbatch.report.stages import peak_line
from rightbatch.report.words import count, share

_PARTS: dict[MemoryPart, str] = {
    "parameters": "parameters",
    "buffers": "buffers",
    "gradients": "gradients",
    "optimizer_state": "optimizer state",
    "batch": "input data",
    "activations": "activations",
    "temporaries": "temporaries",
}
_CHANGES: dict[Change, str] = {
    "optimizer": "Optimizer",
    "precision": "Precision",
    "checkpointing": "Checkpointing",
    "accumulation": "Accumulation",
    "device": "Device",
}
_CHOICES = {"bf16": "bf16 autocast", "repeated_blocks": "of repeated blocks"}
_SURE = {
    "cuda": "verify it with `rightbatch memory` on the device.",
    "cpu": "resident memory is fragmented, so the safe size leaves 15% more free; verify it with "
    "`rightbatch memory` without --predict.",
}
_NOTHING = "Not even one example fits."


def prediction_json(title: str, result: PredictResult) -> Json:
    """A prediction as one JSON object, schema "rightbatch/memory-prediction/1"."""
    return with_reasons(
        {
            "schema": "rightbatch/memory-prediction/1",
            "workload": title,
            "device": result.target.name,
            "device_kind": result.target.kind,
            "optimizer": result.optimizer,
            "mode": "inference" if result.inference else "training",
            "reference_batch_size": result.reference_batch_size,
            "largest_batch_size": result.largest_batch_size,
            "safe_batch_size": result.safe_batch_size,
            "capped_by": result.capped_by,
            "verified": result.verified,
            "method": result.method,
            "memory_limit_bytes": result.limit_bytes,
            "margin": result.margin,
            "bytes_fixed": result.bytes_fixed,
            "bytes_per_example": result.bytes_per_example,
            "overhead_bytes": result.overhead_bytes,
            "warnings": list(_warnings(result)),
            "results": [_peak_json(peak) for peak in result.peaks],
            "what_if": [_alternative_json(row) for row in result.alternatives],
        },
        dict.fromkeys(SIZES_THAT_FIT, _NOTHING),
    )


def _warnings(result: PredictResult) -> tuple[str, ...]:
    """What makes a prediction less certain, starting with why real steps were run."""
    return say_all((*filter(None, (result.reason,)), *result.warnings))


def _choice(row: MemoryAlternative) -> str:
    steps, _, micro = row.name.partition("x")
    if row.kind == "accumulation" and micro:
        return f"{steps} micro-batches of {int(micro):,}"
    return _CHOICES.get(row.name, row.name)


def _peak_json(peak: PredictedPeak) -> Json:
    found = dict(peak.parts)
    return {
        "batch_size": peak.batch_size,
        "peak_bytes": peak.total_bytes,
        "tensor_bytes": peak.tensor_bytes,
        **{f"{part}_bytes": found.get(part, 0) for part in MEMORY_PARTS},
    }


def _alternative_json(row: MemoryAlternative) -> Json:
    why = {"device": "Only the limit changes.", "accumulation": "The micro-batch sets the limit."}
    return with_reasons(
        {
            "change": row.kind,
            "to": _choice(row),
            "peak_bytes": row.peak_bytes,
            "largest_batch_size": row.largest_batch_size,
        },
        default=say(row.reason) if row.reason else why.get(row.kind, ""),
    )


def print_prediction(title: str, result: PredictResult, console: Console) -> None:
    """Print what fits, the parts of peak memory, and what other choices would need."""
    limit = f"{memory_size(result.limit_bytes)} of {result.target.name}"
    how = "inference" if result.inference else result.optimizer
    console.print(f"{title}, predicted for {limit} with {how}", style="dim")
    console.print(_headline(result), style="bold")
    console.print(peak_line(max(0.0, result.bytes_fixed), result.bytes_per_example))
    console.print()
    console.print(_parts_table(result))
    if result.alternatives:
        console.print()
        console.print(_what_if_table(result))
    for warning in _warnings(result):
        console.print(f"Warning: {warning}", style="yellow", highlight=False, markup=False)
    console.print(f"\nPredicted, not measured: {_SURE[result.target.kind]}", style="dim")


def _headline(result: PredictResult) -> str:
    if result.largest_batch_size is None:
        return _NOTHING
    safe = "none" if result.safe_batch_size is None else count(result.safe_batch_size)
    how = "" if result.verified else " (extrapolated)"
    bound = {"data_set_size": ", the whole training set", "max_batch_size": ", your max_batch_size"}
    return (
        f"Largest micro-batch {count(result.largest_batch_size)}"
        f"{bound.get(result.capped_by, '')}{how}; "
        f"{safe} with a safety margin of {share(result.margin)}"
    )


def _parts_table(result: PredictResult) -> Table:
    """The parts of peak memory at the reference and the largest size, side by side."""
    by_size = {peak.batch_size: peak for peak in result.peaks}
    wanted = dict.fromkeys((result.reference_batch_size, result.largest_batch_size or 0))
    shown = [by_size[size] for size in wanted if size in by_size]
    table = _table(["Batch size"], [count(peak.batch_size) for peak in shown])
    for part, name in _PARTS.items():
        held = [dict(peak.parts).get(part, 0) for peak in shown]
        if any(held):
            table.add_row(name, *(memory_size(one) for one in held))
    table.add_row(
        "not tensors",
        *(memory_size(max(0, peak.total_bytes - peak.tensor_bytes)) for peak in shown),
    )
    table.add_row("total", *(memory_size(peak.total_bytes) for peak in shown), style="bold")
    return table


def _table(names: Sequence[str], figures: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in names:
        table.add_column(title, header_style="dim", overflow="fold")
    for title in figures:
        table.add_column(title, header_style="dim", justify="right")
    return table


def _what_if_table(result: PredictResult) -> Table:
    figures = [f"Peak at {count(result.reference_batch_size)}", "Largest micro-batch"]
    table = _table(["What if", ""], figures)
    before = ""
    for row in result.alternatives:
        change = _CHANGES[row.kind]
        table.add_row(
            change if change != before else "",
            f"{_choice(row)}: {say(row.reason)}" if row.reason else _choice(row),
            "" if row.peak_bytes is None else memory_size(row.peak_bytes),
            "" if row.largest_batch_size is None else count(row.largest_batch_size),
        )
        before = change
    return table
