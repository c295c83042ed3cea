"""Every sentence about what was measured or decided: remarks into words, one file a subject."""

from rightbatch.report.sentences.say import outcome_sentence, say, say_all

__all__ = ["outcome_sentence", "say", "say_all"]
