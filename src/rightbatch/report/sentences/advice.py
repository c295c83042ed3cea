"""The reasons, warnings and gaps of an advice."""

from rightbatch.report.sentences.sentence import Sentence

SENTENCES: dict[str, Sentence] = {}
