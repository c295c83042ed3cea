"""What a sentence is made from."""

from collections.abc import Callable

Sentence = str | Callable[..., str]
"""A template for `str.format`, or a function of the values by name."""
