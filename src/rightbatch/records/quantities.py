"""Whole numbers, durations and memory sizes as users write them."""

import math
import re
from numbers import Integral

from rightbatch.errors import UsageError

_SECONDS = {"ms": 1e-3, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_MOST_SECONDS = 1e10
"""Three hundred years."""
_BYTES = {"": 1, "b": 1} | {
    unit: 1024**power
    for power, letter in enumerate("kmgt", start=1)
    for unit in (letter, f"{letter}b", f"{letter}ib")
}
_LARGEST = 2**63 - 1
"""The largest whole number that every store holds."""
_MOST_BYTES = 2**63
_NUMBER = r"([0-9]*\.?[0-9]+)"
_PART = re.compile(_NUMBER + r"\s*([a-z]*)", re.I)
_DURATION = re.compile(rf"{_NUMBER}|({_NUMBER}\s*[a-z]+\s*)+", re.I)


def whole_number(name: str, value: object, least: int | None = None, most: int = _LARGEST) -> int:
    """Convert a whole number of any library to Python's int, as JSON requires.

    Args:
        name: Name of the value, for messages.
        value: The value.
        least: Its minimum; None for no bound.
        most: Its maximum.

    Raises:
        UsageError: The value is not a whole number, or is below the minimum or above the maximum.
    """
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise UsageError(f"{name} is {value!r}; it must be a whole number.")
    if least is not None and value < least:
        raise UsageError(f"{name} is {value}; it must be at least {least}.")
    if int(value) > most:
        raise UsageError(f"{name} is {value:,}; it must be at most {most:,}.")
    return int(value)


def parse_duration(text: str | float) -> float:
    """Parse a duration such as "90s", "3m", "1h30m" or a number of seconds.

    Returns:
        Seconds, above 0.

    Raises:
        ValueError: The text is not a duration; the message gives examples.
    """
    total = math.nan
    if isinstance(text, int | float):
        total = float(text)
    elif isinstance(text, str) and _DURATION.fullmatch(text.strip()):
        total = sum(
            float(count) * _SECONDS.get(unit.lower() or "s", math.nan)
            for count, unit in _PART.findall(text)
        )
    if not 0 < total < _MOST_SECONDS:
        raise ValueError(f"{text!r} is not a duration; write one like 90s, 3m or 1h30m.")
    return total


def parse_bytes(text: str | float) -> int:
    """Parse a memory size such as "4GiB", "512M" or a number of bytes (1 K = 1024).

    Returns:
        Bytes, above 0.

    Raises:
        ValueError: The text is not a memory size; the message gives examples.
    """
    size = math.nan
    if isinstance(text, int | float):
        size = float(text)
    elif isinstance(text, str) and (match := _PART.fullmatch(text.strip())):
        size = float(match[1]) * _BYTES.get(match[2].lower(), math.nan)
    if not 1 <= size < _MOST_BYTES:
        raise ValueError(f"{text!r} is not a memory size; write one like 4GiB or 512MiB.")
    return int(size)


def memory_size(count: float) -> str:
    """A number of bytes >= 0 in binary units, to three significant digits, such as "412 MiB"."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < 1000:
            return f"{round(count)} bytes" if unit == "bytes" else f"{_three_digits(count)} {unit}"
        count /= 1024
    return f"{_three_digits(count)} TiB"


def _three_digits(value: float) -> str:
    return f"{value:,.{max(0, 2 - math.floor(math.log10(value)))}f}"
