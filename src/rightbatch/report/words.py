"""Numbers in words: durations, counts, sizes, and estimates with their intervals."""

import math
from collections.abc import Callable, Sequence

from rightbatch.records import Estimate, memory_size

UNKNOWN = "not known"


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


def whole(value: float) -> str:
    """Three significant digits, without decimals from 10 up."""
    return number(value) if abs(value) < 9.5 else number(round(value), 3 if value >= 100 else 2)


def learning_rate(value: float) -> str:
    """A learning rate to three significant digits, such as "0.12" or "3e-05"."""
    return UNKNOWN if math.isnan(value) else f"{value:.3g}"


_LONG = (
    (3600, 60, "min", 1, "s"),
    (172_800, 3600, "h", 60, "min"),
    (math.inf, 86_400, "d", 3600, "h"),
)
"""Upper bound in seconds; seconds and name of the larger unit, then of the smaller one."""


def duration(seconds: float) -> str:
    """A duration in at most two units, such as "2.3 s" or "1 min 40 s"."""
    if not math.isfinite(seconds):
        return UNKNOWN
    if seconds == 0:
        return "0 s"
    for below, scale, unit in ((1e-3, 1e6, "µs"), (0.0995, 1e3, "ms"), (59.5, 1.0, "s")):
        if seconds < below:
            return f"{number(seconds * scale, 2)} {unit}"
    rounded = round(seconds)
    _, size, unit, part, small = next(row for row in _LONG if rounded < row[0])
    large, rest = divmod(round(rounded / part) * part, size)
    return f"{large} {unit}" + (f" {rest // part} {small}" if rest else "")


def energy(joules: float) -> str:
    """An energy in decimal units, such as "41.2 kJ"."""
    for unit in ("J", "kJ", "MJ"):
        if joules < 999.5:
            return f"{number(joules)} {unit}"
        joules /= 1000
    return f"{number(joules)} GJ"


def share(value: float) -> str:
    """A fraction as a percentage, such as "7%"."""
    return f"{100 * value:.0f}%" if value >= 0.0095 or value == 0 else f"{100 * value:.1g}%"


_WITH_UNIT = {"bytes": memory_size, "J": energy}
_WHOLE = dict.fromkeys(("examples", "steps", "examples/s"), whole)


def estimate(found: Estimate | None) -> str:
    """An estimate with its interval and unit, such as "0.92 s (0.80 to 1.10)"."""
    if found is None or not math.isfinite(found.value):
        return UNKNOWN
    if found.unit == "s":
        return _seconds(found)
    words = _WITH_UNIT.get(found.unit) or _WHOLE.get(found.unit, number)
    unit = "" if found.unit in _WITH_UNIT else found.unit
    return f"{words(found.value)} {unit}".rstrip() + _interval(words, found)


def batch_size(found: Estimate) -> str:
    """An estimated batch size, to the last example: "1,024 (512 to 2,048)"."""
    return count(found.value) + _interval(count, found)


def bare(found: Estimate | None) -> str:
    """An estimate with its interval and no unit, for a table whose header names the unit."""
    if found is None or not math.isfinite(found.value):
        return UNKNOWN
    words = _WHOLE.get(found.unit, number)
    return words(found.value) + _interval(words, found)


def _seconds(found: Estimate) -> str:
    """A duration with its interval, to the same number of places if all are in seconds."""
    ends = [end for end in (found.low, found.high) if end is not None and math.isfinite(end)]
    if not 0.0995 <= found.value < 59.5 or max(ends, default=0.0) >= 59.5:
        return duration(found.value) + _interval(duration, found)
    words = f"{{:.{max(0, 1 - math.floor(math.log10(found.value)))}f}}".format
    return f"{words(found.value)} s{_interval(words, found)}"


def _interval(words: Callable[[float], str], found: Estimate) -> str:
    """The interval of an estimate in parentheses; empty without one."""
    low, high = (
        "" if end is None or not math.isfinite(end) else words(end)
        for end in (found.low, found.high)
    )
    if low and high:
        return f" ({low} to {high})"
    return f" (at least {low})" if low else f" (at most {high})" if high else ""


def steps(number_of: int) -> str:
    """Steps with their noun, such as "1 step" or "1,200 steps"."""
    return "1 step" if number_of == 1 else f"{count(number_of)} steps"


def runs(number_of: int) -> str:
    """Training runs with their noun, such as "1 training run" or "3 training runs"."""
    return f"{count(number_of)} training run{'' if number_of == 1 else 's'}"


def listed(items: Sequence[str]) -> str:
    """Items as a list, such as "48, 64 and 96"."""
    return " and ".join(filter(None, (", ".join(items[:-1]), *items[-1:])))


def sizes(batch_sizes: Sequence[int]) -> str:
    """Batch sizes as a list, such as "48, 64 and 96"."""
    return listed([count(size) for size in batch_sizes]) or UNKNOWN


def multiple(ratio: float) -> str:
    """A ratio, such as "2.7×"."""
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
    """A time compared with the user's present one: "1.8× as fast as your 32 (1.5 to 2.2)"."""
    times, word = reference_seconds / seconds, "fast"
    yours = f"your {count(reference_batch_size)}"
    if about_same(times):
        return f"about the same as {yours}"
    low, high = (None, None) if ratio is None else (ratio.low, ratio.high)
    if times < 1:
        times, word = 1 / times, "long"
        low, high = (1 / end if end else None for end in (high, low))
    within = "" if low is None or high is None else f" ({number(low, 2)} to {number(high, 2)})"
    return f"{multiple(times)} as {word} as {yours}{within}"
