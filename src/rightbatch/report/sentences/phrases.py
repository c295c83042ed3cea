"""The type of a sentence, and codes as phrases for use in sentences, tables and figures."""

from collections.abc import Callable

from rightbatch.decide.study.situation import DEFAULT_CAP, DEFAULT_TIMES
from rightbatch.records import BindingConstraint, Cap, Note

Sentence = str | Callable[..., str]
"""A template for `str.format`, or a function that takes the values as keyword arguments."""

LIMITED_BY: dict[BindingConstraint, str] = {
    "memory": "memory (a larger batch does not fit)",
    "throughput": "throughput (larger batches cost more time than they save)",
    "critical_batch_size": "critical batch size (larger batches save few steps)",
    "data_set_size": "data set size (this is the whole training set)",
    "sizes_considered": "batch sizes considered (this is the largest)",
    "none": "nothing (larger batch sizes do about as well)",
    "budget": "the budget (not enough data to compare)",
}
"""What keeps the best batch size from being larger."""

CAPPED_BY: dict[Cap, str] = {
    "memory": "larger ones do not fit",
    "data_set_size": "the whole training set",
    "max_batch_size": "your max_batch_size",
    "default_cap": f"search capped at {DEFAULT_CAP:,} examples or {DEFAULT_TIMES} times your "
    "batch size; raise it with max_batch_size",
    "broken": "the search ended when a larger trial hung or was killed",
    "time": "larger ones were too slow for the budget",
}
"""What ended the search for the largest micro-batch."""

NOTES: dict[Note, str] = {
    "": "",
    "bootstrap_of_medians": "bootstrap of medians",
    "fieller": "Fieller's interval of a ratio",
    "line_through_allocator_steps": "line through the allocator's steps",
    "line_through_medians": "line through medians",
    "lognormal_samples": "lognormal samples",
    "normal_samples": "normal samples",
    "order_statistics": "order statistics",
    "predicted_without_device": "predicted without the device",
    "profile_likelihood": "profile likelihood of the hyperbola",
    "response_surface": "response surface, mean over seeds",
    "surface_and_step_time": "response surface, mean over seeds; step time as measured alone",
    "surface_step_time_and_power": "response surface, mean over seeds; step time as measured "
    "alone; power as measured",
    "surface_without_what_is_shared": "response surface and step times, without the errors that "
    "both settings share",
    "too_few_samples": "too few samples for an interval",
    "two_points": "no interval from two points",
}
"""What an interval assumes."""
