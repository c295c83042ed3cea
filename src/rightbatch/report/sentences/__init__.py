"""Every sentence about what was measured or decided: remarks into words, one file a subject."""

from rightbatch.report.sentences.say import say, say_all

__all__ = ["say", "say_all"]
