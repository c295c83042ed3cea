"""What makes an advice less certain."""

from rightbatch.report import words
from rightbatch.report.sentences.sentence import Sentence

_FAILED = {
    "out_of_memory": "ran out of memory although they should have fitted",
    "diverged": "diverged",
    "hung": "hung",
    "killed": "were killed",
    "slowed": "were slowed by lack of memory",
}


def _may_not_fit(why: str, optimizer: str | None) -> str:
    whose = f"With {optimizer}: " if optimizer else ""
    return f"{whose}{why} The recommendation may not fit."


def _optimizers_without_power(optimizers: tuple[str, ...]) -> str:
    are = "are" if len(optimizers) > 1 else "is"
    return f"No power was measured with {words.listed(optimizers)}, which {are} not compared."


SENTENCES: dict[str, Sentence] = {
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
