"""The numbers behind an advice."""

from rightbatch.records import Estimate, memory_size
from rightbatch.report import words
from rightbatch.report.sentences.phrases import CAPPED_BY
from rightbatch.report.sentences.sentence import Sentence


def _examples(value: float, low: float | None, high: float | None) -> str:
    return words.estimate(Estimate(value, low, high, unit="examples"))


def _with(optimizer: str | None) -> str:
    return f" with {optimizer}" if optimizer else ""


def _memory_predicted(batch_size: int | None, reason: str | None) -> str:
    fits = f"micro-batches up to {words.count(batch_size)} fit" if batch_size else "nothing fits"
    how = f" The prediction is from real steps at small sizes. {reason}" if reason else ""
    return f"Predicted before measuring: {fits}.{how}"


def _runs_reached(runs: int, reached: int, target: float, batch_sizes: int) -> str:
    sizes = "1 batch size" if batch_sizes == 1 else f"{batch_sizes} batch sizes"
    at = f", at {sizes}" if reached else ""
    return f"{reached} of {words.runs(runs)} reached {target:.6g}{at}."


def _power(first: int, first_watts: float, last: int, last_watts: float) -> str:
    draw = f"Power draw: {words.number(first_watts)} W at batch size {words.count(first)}"
    if last != first:
        draw += f", {words.number(last_watts)} W at {words.count(last)}"
    return f"{draw} (measured over training steps)."


SENTENCES: dict[str, Sentence] = {
    "critical_batch_size": lambda value, low, high: (
        f"Critical batch size: {_examples(value, low, high)}, fitted to training runs."
    ),
    "throughput_knee": lambda examples_per_second, batch_size: (
        f"Throughput: 90% of the maximum ({words.whole(examples_per_second)} examples/s) from "
        f"batch size {words.count(batch_size)}."
    ),
    "noise_scale": lambda optimizer, value, low, high: (
        f"Gradient noise scale at your settings{_with(optimizer)}: {_examples(value, low, high)}."
    ),
    "largest_micro_batch": lambda optimizer, batch_size, capped_by, limit_bytes: (
        f"Largest micro-batch that ran{_with(optimizer)}: {words.count(batch_size)} "
        f"({CAPPED_BY[capped_by]}); memory limit {memory_size(limit_bytes)}."
    ),
    "memory_predicted": _memory_predicted,
    "runs_reached": _runs_reached,
    "compile_time": lambda median_seconds, most_seconds: (
        f"Compiling took {words.duration(median_seconds)} per run (at most "
        f"{words.duration(most_seconds)}), which the time to goal leaves out."
    ),
    "runs_side_by_side": "Up to {at_once} runs trained at the same time, sharing the memory; step "
    "times were measured beforehand, one run at a time.",
    "cost_follows_time": "At {price_per_hour:,g} an hour, cost is proportional to time: batch "
    "sizes rank the same.",
    "power": _power,
    "fastest_takes_more_energy": lambda batch_size, less_time, more_energy: (
        f"Batch size {words.count(batch_size)} is predicted to reach the goal in "
        f"{words.share(less_time)} less time, using {words.share(more_energy)} more energy."
    ),
}
