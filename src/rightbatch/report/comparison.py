"""Choices side by side: the best one of each optimizer, and the three regimes."""

from collections.abc import Sequence

from rightbatch.records import Advice, Choice
from rightbatch.report import words
from rightbatch.report.table import Table


def optimizers(advice: Advice) -> Table | None:
    """The best choice of each optimizer, with the largest micro-batch and the noise scale if known.

    None with fewer than two optimizers.
    """
    fits, choices = advice.fits, advice.by_optimizer
    if len(choices) < 2:
        return None
    table = _choices([(choice.optimizer, choice) for choice in choices], "Optimizer")
    head, rows = table.head, table.rows
    if fits.memory is not None:
        memories = [fits.memory_of(choice.optimizer) for choice in choices]
        largest = [fit.largest_batch_size if fit else None for fit in memories]
        head = (*head, "Largest that ran")
        rows = tuple(
            (*row, words.count(n) if n else "none") for row, n in zip(rows, largest, strict=True)
        )
    noises = [fits.noise_of(choice.optimizer) for choice in choices]
    scales = [None if fit is None else fit.noise_scale for fit in noises]
    if any(scales):
        head = (*head, "Noise scale")
        rows = tuple((*row, words.bare(scale)) for row, scale in zip(rows, scales, strict=True))
    return Table(head, rows)


def regimes(advice: Advice) -> Table | None:
    """Stochastic, mini-batch and full-batch training side by side; None if not requested."""
    return _choices(advice.regimes, "Regime") if advice.regimes else None


def _choices(choices: Sequence[tuple[str, Choice]], first: str) -> Table:
    head = ("Batch size", "Learning rate", "Steps per epoch", "Epochs to goal", "Time to goal")
    rows = tuple(
        (
            name,
            words.count(choice.batch_size),
            words.learning_rate(choice.learning_rate),
            words.count(choice.steps_per_epoch),
            words.bare(choice.epochs_to_goal),
            words.estimate(choice.seconds_to_goal),
        )
        for name, choice in choices
    )
    return Table((first, *head), rows)
