"""Choices side by side: the best of each optimizer, and the three regimes."""

from rightbatch.records import Advice, Choice, MemoryFit, NoiseFit
from rightbatch.report import words
from rightbatch.report.table import Table


def optimizers(advice: Advice) -> Table | None:
    """The best choice of each optimizer with what fits, and its noise scale where one is known.

    None with fewer than two.
    """
    names, fits = [choice.optimizer for choice in advice.by_optimizer], advice.fits
    table = _choices(tuple(zip(names, advice.by_optimizer, strict=True)), "optimizer")
    if table is None or len(names) < 2:
        return None
    head, rows = table.head, table.rows
    if fits.memory is not None:
        head = (*head, "Largest that ran")
        rows = tuple((*row, _largest(fits.memory_of(row[0]))) for row in rows)
    if any(noise is not None and noise.noise_scale for noise in map(fits.noise_of, names)):
        head = (*head, "Noise scale")
        rows = tuple((*row, _scale(fits.noise_of(row[0]))) for row in rows)
    return Table(head, rows)


def _largest(fit: MemoryFit | None) -> str:
    if fit is None or fit.largest_batch_size is None:
        return "none"
    return words.count(fit.largest_batch_size)


def _scale(fit: NoiseFit | None) -> str:
    return words.bare(None if fit is None else fit.noise_scale)


def regimes(advice: Advice) -> Table | None:
    """Stochastic, mini-batch and full-batch training side by side; None where not asked for."""
    return _choices(advice.regimes, "regime")


def _choices(rows: tuple[tuple[str, Choice], ...], first: str) -> Table | None:
    settings = ("Batch size", "Learning rate", "Steps per epoch")
    head = (first.capitalize(), *settings, "Epochs to goal", "Time to goal")
    lines = tuple(
        (
            name,
            words.count(choice.batch_size),
            words.learning_rate(choice.learning_rate),
            words.count(choice.steps_per_epoch),
            words.bare(choice.epochs_to_goal),
            words.estimate(choice.seconds_to_goal),
        )
        for name, choice in rows
    )
    return Table(head, lines) if lines else None
