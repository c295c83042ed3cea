"""The headlines of an advice; its reasons, warnings and gaps have files of their own."""

from rightbatch.report import words
from rightbatch.report.sentences import fits, missing, reasons, warnings
from rightbatch.report.sentences.sentence import Sentence


def _settings(batch_size: int, optimizer: str, learning_rate: float | None) -> str:
    rate = "" if learning_rate is None else f" and learning rate {learning_rate:.3g}"
    return f"batch size {words.count(batch_size)}{rate} ({optimizer})"


def _train_with(batch_size: int, optimizer: str, learning_rate: float | None) -> str:
    return f"Train with {_settings(batch_size, optimizer, learning_rate)}."


def _train_where_more_fits(batch_size: int, optimizer: str, learning_rate: float | None) -> str:
    settings = _settings(batch_size, optimizer, learning_rate)
    return f"No micro-batch tried fits the memory limit. With more memory: {settings}."


def _first_guess(goal: str, batch_size: int, optimizer: str, learning_rate: float | None) -> str:
    settings = _settings(batch_size, optimizer, learning_rate)
    return f"Not enough data: no run reached {goal}. First guess: {settings}."


SENTENCES: dict[str, Sentence] = {
    "no_recommendation": "Not enough data for a recommendation.",
    "train_with": _train_with,
    "train_where_more_fits": _train_where_more_fits,
    "first_guess": _first_guess,
    **reasons.SENTENCES,
    **warnings.SENTENCES,
    **missing.SENTENCES,
    **fits.SENTENCES,
}
