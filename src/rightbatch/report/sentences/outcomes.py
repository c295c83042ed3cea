"""How trials ended, and what to do."""

from rightbatch.report.sentences.sentence import Sentence

SENTENCES: dict[str, Sentence] = {}
