"""The headlines of an advice; its reasons, warnings and gaps have files of their own."""

from rightbatch.report import words
from rightbatch.report.sentences import fits, missing, reasons, warnings
from rightbatch.report.sentences.sentence import Sentence


def _settings(batch_size: int, optimizer: str, learning_rate: float | None) -> str:
    rate = "" if learning_rate is None else f" and learning rate {learning_rate:.3g}"
    return f"batch size {words.count(batch_size)}{rate} ({optimizer})"


SENTENCES: dict[str, Sentence] = {
    "no_recommendation": "Not enough data for a recommendation.",
    "train_with": lambda **settings: f"Train with {_settings(**settings)}.",
    "train_where_more_fits": lambda **settings: (
        f"No micro-batch tried fits the memory limit. With more memory: {_settings(**settings)}."
    ),
    "first_guess": lambda goal, **settings: (
        f"Not enough data: no run reached {goal}. First guess: {_settings(**settings)}."
    ),
    **reasons.SENTENCES,
    **warnings.SENTENCES,
    **missing.SENTENCES,
    **fits.SENTENCES,
}
