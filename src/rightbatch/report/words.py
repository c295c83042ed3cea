"""Numbers in human words: durations, counts, sizes and estimates with their intervals."""

import math
from collections.abc import Callable

from rightbatch.records import Estimate, memory_size

UNKNOWN = "not known"

_WHOLE_UNITS = ("examples", "steps", "examples/s")


def count(value: float) -> str:
    """A whole number with thousands separators, such as "1,437"."""
    return f"{round(value):,}"


def number(value: float, digits: int = 3) -> str:
    """A number to a few significant digits with thousands separators, such as "61,300"."""
    if not math.isfinite(value):
        return UNKNOWN
    if value == 0:
        return "0"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, places)
    if rounded == 0 or abs(rounded) < 1e-4 or abs(rounded) >= 1e15:
        return f"{value:.{digits}g}"
    return f"{rounded:,.{max(places, 0)}f}"


def learning_rate(value: float) -> str:
    """A learning rate to three significant digits, such as "0.12" or "3e-05"."""
    return UNKNOWN if math.isnan(value) else f"{value:.3g}"


def duration(seconds: float) -> str:
    """A duration to two significant parts, such as "2.3 s" or "1 min 40 s"."""
    if not math.isfinite(seconds):
        return UNKNOWN
    if seconds == 0:
        return "0 s"
    for below, scale, unit in ((1e-3, 1e6, "µs"), (0.0995, 1e3, "ms"), (59.5, 1.0, "s")):
        if seconds < below:
            return f"{number(seconds * scale, 2)} {unit}"
    whole = round(seconds)
    for size, unit, part, small in ((60, "min", 1, "s"), (3600, "h", 60, "min")):
        if whole < size * (60 if unit == "min" else 48):
            return _two_parts(whole, size, unit, part, small)
    return _two_parts(whole, 86400, "d", 3600, "h")


def _two_parts(whole: int, size: int, unit: str, part: int, small: str) -> str:
    large, rest = divmod(round(whole / part) * part, size)
    return f"{large} {unit}" + (f" {rest // part} {small}" if rest else "")


def energy(joules: float) -> str:
    """An energy in decimal units, such as "41.2 kJ"."""
    for unit in ("J", "kJ", "MJ"):
        if joules < 999.5:
            return f"{number(joules)} {unit}"
        joules /= 1000
    return f"{number(joules)} GJ"


def share(value: float) -> str:
    """A share of one as a percentage, such as "7%"."""
    return f"{100 * value:.0f}%" if value >= 0.0095 or value == 0 else f"{100 * value:.1g}%"


def estimate(found: Estimate | None) -> str:
    """An estimate with its interval in its own unit, such as "0.92 s (0.80 to 1.10)"."""
    if found is None or not math.isfinite(found.value):
        return UNKNOWN
    if found.unit == "s":
        return _seconds(found)
    if found.unit == "bytes":
        return memory_size(found.value) + _interval(memory_size, found)
    if found.unit == "J":
        return energy(found.value) + _interval(energy, found)
    words = whole if found.unit in _WHOLE_UNITS else number
    unit = f" {found.unit}" if found.unit else ""
    return f"{words(found.value)}{unit}{_interval(words, found)}"


def batch_size(found: Estimate) -> str:
    """An estimated batch size, to the last example: "1,024 (512 to 2,048)"."""
    return count(found.value) + _interval(count, found)


def bare(found: Estimate | None) -> str:
    """An estimate with its interval and no unit, for a table whose head names the unit."""
    if found is None or not math.isfinite(found.value):
        return UNKNOWN
    words = whole if found.unit in _WHOLE_UNITS else number
    return words(found.value) + _interval(words, found)


def whole(value: float) -> str:
    """Three significant digits, and no decimals from 10 up."""
    return number(value) if abs(value) < 9.5 else number(round(value), 3 if value >= 100 else 2)


def _seconds(found: Estimate) -> str:
    ends = [end for end in (found.low, found.high) if end is not None and math.isfinite(end)]
    if not 0.0995 <= found.value < 59.5 or max(ends, default=0.0) >= 59.5:
        return duration(found.value) + _interval(duration, found)
    places = max(0, 1 - math.floor(math.log10(found.value)))

    def same_places(seconds: float) -> str:
        return f"{seconds:.{places}f}"

    return f"{same_places(found.value)} s{_interval(same_places, found)}"


def _interval(words: Callable[[float], str], found: Estimate) -> str:
    low = None if found.low is None or not math.isfinite(found.low) else words(found.low)
    high = None if found.high is None or not math.isfinite(found.high) else words(found.high)
    if low is not None and high is not None:
        return f" ({low} to {high})"
    if low is not None:
        return f" (at least {low})"
    return "" if high is None else f" (at most {high})"


def steps(number_of: int) -> str:
    """Steps with their noun, such as "1 step" or "1,200 steps"."""
    return "1 step" if number_of == 1 else f"{count(number_of)} steps"


def sizes(batch_sizes: tuple[int, ...]) -> str:
    """Batch sizes as a list, such as "48, 64 and 96"."""
    words = [count(batch_size) for batch_size in batch_sizes]
    if not words:
        return UNKNOWN
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def multiple(ratio: float) -> str:
    """How many times as much, such as "2.7×"."""
    return f"{number(ratio, 2)}×"


def about_same(ratio: float) -> bool:
    """Whether two quantities differ by less than 5%."""
    return 1 / 1.05 < ratio < 1.05


def against(
    seconds: float,
    reference_seconds: float,
    reference_batch_size: int,
    ratio: Estimate | None = None,
) -> str:
    """A time against the user's present one: "1.8× as fast as your 32 (1.5 to 2.2)"."""
    times = reference_seconds / seconds
    yours = f"your {count(reference_batch_size)}"
    if about_same(times):
        return f"about the same as {yours}"
    low, high = (None, None) if ratio is None else (ratio.low, ratio.high)
    word = "fast"
    if times < 1:
        word, times = "long", 1 / times
        low, high = (1 / end if end else None for end in (high, low))
    within = ""
    if low is not None and high is not None:
        within = f" ({number(low, 2)} to {number(high, 2)})"
    return f"{multiple(times)} as {word} as {yours}{within}"
