"""Whole numbers from what a user gives, checked once for settings and workloads."""

from numbers import Integral

from rightbatch.errors import UsageError


def whole_number(name: str, value: object, least: int | None = None) -> int:
    """A whole number as Python's own int, whichever library's number it is: NumPy's are no JSON.

    Args:
        name: What to call it.
        value: What was given.
        least: The least that it may be; None for no bound.

    Raises:
        UsageError: It is no whole number, or less than that; the message names it.
    """
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise UsageError(f"{name} is {value!r}; it must be a whole number.")
    if least is not None and value < least:
        raise UsageError(f"{name} is {value}; it must be at least {least}.")
    return int(value)
