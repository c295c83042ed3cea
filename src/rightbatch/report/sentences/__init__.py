"""The sentences of all remarks, one file per subject."""

from rightbatch.report.sentences.say import outcome_sentence, say, say_all

__all__ = ["outcome_sentence", "say", "say_all"]
