"""Validation of whole numbers in settings and workloads."""

from numbers import Integral

from rightbatch.errors import UsageError


def whole_number(name: str, value: object, least: int | None = None) -> int:
    """Convert a whole number of any library to Python's int, as JSON requires.

    Args:
        name: Name of the value, for messages.
        value: The value.
        least: Its minimum; None for no bound.

    Raises:
        UsageError: The value is not a whole number, or is below the minimum.
    """
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise UsageError(f"{name} is {value!r}; it must be a whole number.")
    if least is not None and value < least:
        raise UsageError(f"{name} is {value}; it must be at least {least}.")
    return int(value)
