"""Numbers in sentences, and the fits, measurements, settings and facts that they may come from."""

import dataclasses
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rightbatch.records import Advice, Recording, Remark, SpeedResult, TrainingProbe, TrainingResult
from rightbatch.report.sentences import outcome_sentence
from rightbatch.science.stats import relative_spread

UNITS = {
    "µs": ("seconds", 1e-6), "ms": ("seconds", 1e-3), "s": ("seconds", 1.0),
    "min": ("seconds", 60.0), "h": ("seconds", 3600.0), "d": ("seconds", 86400.0),
    "bytes": ("bytes", 1.0), "KiB": ("bytes", 2.0**10), "MiB": ("bytes", 2.0**20),
    "GiB": ("bytes", 2.0**30), "TiB": ("bytes", 2.0**40), "%": ("share", 0.01),
}  # fmt: skip
_NUMBER = r"(?<![\w.,-])(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?(e[+-]?\d+)?"
_TOKEN = re.compile(rf"{_NUMBER}(?: ?(µs|ms|s|min|h|d|bytes|KiB|MiB|GiB|TiB|%)(?![\w/]))?")
_RAW = {"samples", "curve", "decisions", "compared", "trial", "seed", "level", "created"}
"""Fields whose numbers no sentence tells: so many that any number would be near one of them."""
_SAID = {"remarks", "predicted", "caveats", "noise_reason", "reason", "note"}
"""Fields that are put into sentences, or into phrases."""


@dataclass(frozen=True)
class Told:
    """A number as it stands in a sentence.

    Attributes:
        text: As it is written.
        value: In seconds, bytes, as a share of one, or as it is.
        kind: "seconds", "bytes", "share", or "plain" where no unit follows.
        off: How far from it a value may be that it is the rounding of.
    """

    text: str
    value: float
    kind: str
    off: float


def numbers(sentence: str) -> list[Told]:
    """Every number of a sentence; of a time in two parts ("1 min 15 s") the sum."""
    told: list[Told] = []
    end, was = -1, ""
    for found in _TOKEN.finditer(sentence):
        whole, decimals, power, unit = found.groups()
        kind, scale = UNITS.get(unit or "", ("plain", 1.0))
        digits = whole.replace(",", "")
        value = float(digits + (decimals or "") + (power or ""))
        one = _told(found.group(), value * scale, kind, _off(digits, decimals, value, kind) * scale)
        if kind == "seconds" and was in ("min", "h", "d") and found.start() == end + 1:
            one = _told(told[-1].text + " " + one.text, told.pop().value + one.value, kind, one.off)
        told.append(one)
        end, was = found.end(), unit or ""
    return told


def _told(text: str, value: float, kind: str, off: float) -> Told:
    return Told(text, value, kind, off + 1e-9 * abs(value))


def _off(digits: str, decimals: str | None, value: float, kind: str) -> float:
    """Half of the last place: three significant digits are told at least, of times two."""
    if value == 0:
        return 0.5
    if decimals and value < 1e3:
        return 0.5 * 10.0 ** -(len(decimals) - 1)
    if value < 1:  # such as 3e-05
        return 0.005 * value
    kept = 2 if kind == "seconds" else 3
    zeros = len(digits) - len(digits.rstrip("0"))
    return 0.5 * 10.0 ** min(zeros, max(0, len(digits) - kept))


def values(source: object, kind: str = "plain") -> Iterator[tuple[str, float]]:
    """(kind, value) of every number in a record, raw samples left out."""
    if isinstance(source, bool) or source is None:
        return
    if isinstance(source, int | float):
        if math.isfinite(source):
            yield kind, float(source)
    elif isinstance(source, str):
        for told in numbers(source):  # a goal, a title, a name
            yield told.kind, told.value
    elif isinstance(source, Remark):  # why there is no critical batch size, which fits alone tell
        for name, value in source.values:
            yield from values(value, _kind(name, kind, source))
    elif dataclasses.is_dataclass(source):
        unit = str(getattr(source, "unit", ""))
        for field in dataclasses.fields(source):
            if field.name not in _RAW | _SAID:
                own = {"s": "seconds", "bytes": "bytes"}.get(unit, _kind(field.name, kind, source))
                yield from values(getattr(source, field.name), own)
    elif isinstance(source, dict):
        for value in source.values():
            yield from values(value, kind)
    elif isinstance(source, list | tuple):
        for value in source:
            yield from values(value, kind)


def _kind(name: str, kind: str, source: Any) -> str:
    if name.endswith("seconds") or type(source).__name__ == "TimeSpent":
        return "seconds"
    if "bytes" in name:
        return "bytes"
    if name.endswith(("share", "margin", "utilisation")):
        return "share"
    return kind


def sources(recording: Recording, advice: Advice) -> set[tuple[str, float]]:
    """What sentences may tell: fits, settings, facts, the machine, what is counted of trials."""
    study, trials, spent = recording.study, recording.trials, advice.time_spent
    found = {*values(advice), *values(study.settings), *values(study.facts)}
    found |= {*values(recording.hardware), ("seconds", spent.wall), ("plain", float(len(trials)))}
    runs = [run for fit in advice.fits.learning for run in fit.runs]
    found |= {("plain", float(n)) for run in runs for n in (run.seed, run.curve.steps)}
    found |= {("plain", float(n)) for n in _counts(recording, advice)}
    ratio = advice.times_as_fast
    for end in () if ratio is None else (ratio.value, ratio.low, ratio.high):
        found |= {("plain", 1 / end)} if end else set()  # times as long
    for trial in trials:
        result, probe = trial.result, trial.probe
        if isinstance(result, SpeedResult) and result.other_load is not None:
            found.add(("share", result.other_load))
        if isinstance(result, TrainingResult):
            found.add(("seconds", result.compile_seconds))
        if isinstance(probe, TrainingProbe):
            found.add(("plain", float(probe.at_once)))
        found |= {*values(outcome_sentence(trial.outcome))}
    for speed in (advice.fits.speed, *advice.fits.speeds):
        if speed is not None:
            found |= {("share", relative_spread(point.samples)) for point in speed.points}
    for fit in advice.fits.learning:
        for first in fit.known[:1]:
            found.add(("plain", fit.known[-1].examples.value / first.examples.value))
    return found


def _counts(recording: Recording, advice: Advice) -> Iterator[int]:
    """Runs, runs that arrived, batch sizes at which they did, and trials that ended in each way."""
    for fit in advice.fits.learning:
        arrived = [run for run in fit.runs if run.steps is not None]
        yield from (len(fit.runs), len(arrived), len({run.batch_size for run in arrived}))
        yield len({run.batch_size for run in fit.runs})
    statuses = [trial.outcome.status for trial in recording.trials]
    yield from (statuses.count(status) for status in set(statuses))


def comes_from(told: Told, found: set[tuple[str, float]]) -> bool:
    """Whether a number is the rounding of one of these; without a unit, of any but a share."""
    kinds = {told.kind} if told.kind != "plain" else {"plain", "seconds"}
    return any(kind in kinds and abs(value - told.value) <= told.off for kind, value in found)
