"""The type of a sentence."""

from collections.abc import Callable

Sentence = str | Callable[..., str]
"""A template for `str.format`, or a function that takes the values as keyword arguments."""
