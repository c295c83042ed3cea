"""Why fits and figures are missing, and what gradient accumulation changes."""

from rightbatch.report import words
from rightbatch.report.sentences.phrases import Sentence

_WEIGHT = (
    "weight the mean loss of each micro-batch by its share of the batch, rather than dividing by "
    "the number of micro-batches."
)


def _uneven_micro_batches(last: int, micro_batch_size: int) -> str:
    examples = "1 example" if last == 1 else f"{words.count(last)} examples"
    return (
        f"The last micro-batch of each update has {examples}, not "
        f"{words.count(micro_batch_size)}: {_WEIGHT}"
    )


SENTENCES: dict[str, Sentence] = {
    "no_micro_batch_keeps_margin": "No micro-batch tried leaves the safety margin free.",
    "no_micro_batch_fits": "No micro-batch tried fits the memory limit.",
    "no_memory_trial_finished": "No memory trial finished, so what fits is unknown.",
    "uneven_micro_batches": _uneven_micro_batches,
    "short_last_batch": f"The last batch of an epoch is short: {_WEIGHT}",
    "layers_see_micro_batch": lambda layers: (
        f"{', '.join(layers)} normalises over the micro-batch, not the batch: gradient "
        "accumulation changes the model."
    ),
    "micro_batches_of_one": lambda layers: (
        f"Micro-batches have a single example, on which {', '.join(layers)} may fail."
    ),
    "micro_batch_of_one": lambda layers, micro_batch_size: (
        f"With micro-batches of {words.count(micro_batch_size)}, one has a single example, on "
        f"which {', '.join(layers)} may fail: split batches evenly instead, as torch.tensor_split "
        "does."
    ),
    "nothing_measured": "Nothing was measured.",
    "gradients_overflowed": "Gradients overflowed: use a smaller loss scale with float16, or a "
    "smaller learning rate.",
    "gradient_lost_in_noise": "Not enough data: the mean gradient is indistinguishable from zero.",
    "too_few_batch_sizes": "The critical batch size needs runs at three or more batch sizes; there "
    "are {batch_sizes}.",
    "too_few_arrivals": "The critical batch size needs three or more runs that reach the goal, at "
    "two or more batch sizes; {runs} did. Allow a larger budget or choose an easier goal.",
    "critical_beyond_sizes": "Steps to goal fall in proportion to the batch size: the critical "
    "batch size is beyond the largest one tried, {batch_size:,}.",
    "critical_below_sizes": "Steps to goal do not fall as the batch grows: the critical batch "
    "size is below the smallest one tried, {batch_size:,}.",
    "runs_scatter": "The runs scatter too much ({share:.0%}) to fit a critical batch size; add "
    "seeds, or batch sizes further apart.",
    "stage_without_result": "The {stage} stage gave no result within the budget.",
    "stage_not_selected": "The {stage} stage was not selected.",
    "no_run_reached_goal": "No training run reached the goal.",
    "goal_not_reached": "No training run reached the goal; allow a larger budget or choose an "
    "easier goal.",
    "no_step_time": "No step time was measured; allow a larger budget.",
    "no_power": "No power was measured.",
    "no_price": "No price was given (price_per_hour).",
}
