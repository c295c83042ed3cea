"""The headline of an advice, the numbers behind it, and what makes it less certain."""

from rightbatch.records import Estimate, memory_size
from rightbatch.report import words
from rightbatch.report.sentences.phrases import CAPPED_BY, Sentence

_FAILED = {
    "out_of_memory": "ran out of memory although they should have fitted",
    "diverged": "diverged",
    "hung": "hung",
    "killed": "were killed",
    "slowed": "were slowed by lack of memory",
}


def _settings(batch_size: int, optimizer: str, learning_rate: float | None) -> str:
    rate = "" if learning_rate is None else f" and learning rate {learning_rate:.3g}"
    return f"batch size {words.count(batch_size)}{rate} ({optimizer})"


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
    then = f", {words.number(last_watts)} W at {words.count(last)}" if last != first else ""
    return (
        f"Power draw: {words.number(first_watts)} W at batch size {words.count(first)}{then} "
        "(measured over training steps)."
    )


def _may_not_fit(why: str, optimizer: str | None) -> str:
    whose = f"With {optimizer}: " if optimizer else ""
    return f"{whose}{why} The recommendation may not fit."


def _optimizers_without_power(optimizers: tuple[str, ...]) -> str:
    are = "are" if len(optimizers) > 1 else "is"
    return f"No power was measured with {words.listed(optimizers)}, which {are} not compared."


SENTENCES: dict[str, Sentence] = {
    "no_recommendation": "Not enough data for a recommendation.",
    "train_with": lambda **settings: f"Train with {_settings(**settings)}.",
    "train_where_more_fits": lambda **settings: (
        f"No micro-batch tried fits the memory limit. With more memory: {_settings(**settings)}."
    ),
    "first_guess": lambda goal, **settings: (
        f"Not enough data: no run reached {goal}. First guess: {_settings(**settings)}."
    ),
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
    "other_processes": "Noisy machine: other processes used {share:.0%} of its cores during "
    "timing.",
    "step_times_scatter": "Noisy step times at batch size {batch_size:,}: their interquartile "
    "range is {share:.0%} of the median. Other processes were running, or the budget is too small.",
    "loading_dominates": "Loading data takes {share:.0%} of a step: more loader workers may help "
    "more than another batch size.",
    "may_not_fit": _may_not_fit,
    "no_margin": lambda margin, batch_size: (
        f"No micro-batch tried leaves {words.share(margin)} of the memory limit free: the largest "
        f"that ran, {words.count(batch_size)}, is used without a safety margin."
    ),
    "fewer_side_by_side": "At most {at_once} runs trained at the same time, not {workers}: a "
    "smaller share of the memory limit is not enough for a run.",
    "trials_failed": lambda status, failed, trials, last: (
        f"{failed} of {trials} trials {_FAILED[status]}. The last: {last or 'no reason stored'}"
    ),
    "metric_never_a_number": lambda blind, runs: (
        f"{blind} of {words.runs(runs)} could not reach the goal: the metric was NaN at every "
        "evaluation. Check what the workload's metric returns."
    ),
    "goal_without_target": "The goal has no target: batch sizes are compared by how soon they "
    "reach the best level of any run.",
    "energy_without_power": "No power was measured, so energy is unknown; choose another "
    "objective.",
    "optimizers_without_power": _optimizers_without_power,
}
