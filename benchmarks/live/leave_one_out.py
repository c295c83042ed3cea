"""How much the live planner's constants owe to the cases it is measured on.

Each constant is set anew without one data set, digits or Fashion-MNIST (the value with the least
mean regret in simulated studies of the other's two cases, `worlds.py`), and measured on the one
left out. Writes leave-one-out.md beside the live results; scores are kept in leave-one-out.csv, so
that it can be stopped and started again.

    python benchmarks/live/leave_one_out.py
"""

import csv
import importlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from cases import CASES, RESULTS, Case
from worlds import run_study, settings, world

from rightbatch.decide.advise.recommend import advise

STUDIES = {"digits": 6, "fashion-mnist": 60}
"""Simulated studies of each case: those of digits hold hundreds of runs."""
_WORST = 10.0
_LEARNING = "rightbatch.decide.learning"
_SCIENCE = "rightbatch.science"


@dataclass(frozen=True)
class Constant:
    """A constant of the live planner.

    Attributes:
        places: Modules that hold it under its name.
        name: Its name there; of a record, `_PRIOR.seed_sd`.
        values: Values to compare, the planner's own in the middle.
    """

    places: tuple[str, ...]
    name: str
    values: tuple[Any, ...]


CONSTANTS = (
    Constant((f"{_LEARNING}.racing",), "_WORTH", (0.02, 0.05, 0.12)),
    Constant((f"{_LEARNING}.racing",), "_WORTH_AT_MOST", (0.0002, 0.0005, 0.002)),
    Constant((f"{_LEARNING}.racing",), "_PATIENCE_WHEN_AMPLE", (1.6, 2.5, 4.0)),
    Constant((f"{_LEARNING}.racing",), "_REACH_WHEN_AMPLE", (2.0, 3.0, 4.0)),
    Constant((f"{_LEARNING}.racing",), "_IN_TIME", (0.7, 0.9, 1.1)),
    Constant((f"{_LEARNING}.racing",), "_PIECE", (0.1, 0.2, 0.4)),
    Constant((f"{_LEARNING}.racing",), "_PRIOR.seed_sd", (0.08, 0.12, 0.2)),
    Constant((f"{_LEARNING}.racing",), "_PRIOR.critical_sd", (1.0, 2.0, 3.0)),
    Constant((f"{_LEARNING}.racing",), "PATIENCE", (1.25, 1.5, 2.0)),
    Constant((f"{_LEARNING}.extras", f"{_LEARNING}.racing"), "AMPLE", (15, 30, 60)),
    Constant((f"{_LEARNING}.extras", f"{_LEARNING}.racing"), "SEEDS", (4, 8, 12)),
    Constant((f"{_LEARNING}.extras",), "_CLOSE", (0.1, math.log(1.2), 0.3)),
    Constant((f"{_LEARNING}.extras",), "_MORE_SEEDS", (8, 24, 40)),
    Constant((f"{_LEARNING}.extras",), "_CLOSER", (0.05, math.log(1.1), math.log(1.2))),
    Constant((f"{_LEARNING}.looks",), "_APART", (1.0, 2.0, 3.0)),
    Constant((f"{_LEARNING}.looks",), "_REACH", (0.5, 1.0, 2.0)),
    Constant((f"{_LEARNING}.looks",), "_CLEARLY", (0.1, math.log(1.2), 0.4)),
    Constant((f"{_LEARNING}.fit",), "_CAUTION", (0.25, 0.5, 1.0)),
    Constant((f"{_SCIENCE}.response",), "_NOISE_SD", (0.12, 0.17, 0.24)),
    Constant((f"{_SCIENCE}.response",), "_NOISE_GROWTH", (0.0, 0.6, 1.0)),
    Constant((f"{_SCIENCE}.response",), "_NOISE_GROWS_FOR", (0.5, 1.5, 3.0)),
)


def regret(case: Case, studies: int) -> float:
    """Mean over simulated studies of the choice's time over the best."""
    found = []
    for seed in range(studies):
        made = world(case, seed)
        choice = advise(run_study(made, settings(case, made, seed), most=3000)).recommended
        if choice is None:
            found.append(_WORST)
            continue
        seconds = made.seconds(choice.batch_size, choice.learning_rate, case.optimizer)
        found.append(min(_WORST, seconds / made.best_seconds))
    return fmean(found)


@contextmanager
def held_at(constant: Constant, value: object) -> Iterator[None]:
    """The planner with another value of a constant."""
    name, _, part = constant.name.partition(".")
    modules = [importlib.import_module(place) for place in constant.places]
    before = [getattr(module, name) for module in modules]
    try:
        for module, own in zip(modules, before, strict=True):
            setattr(module, name, replace(own, **{part: value}) if part else value)
        yield
    finally:
        for module, own in zip(modules, before, strict=True):
            setattr(module, name, own)


class Scores:
    """Mean regret by constant, value and data set, kept as it is found."""

    def __init__(self) -> None:
        self._path = RESULTS / "leave-one-out.csv"
        self._kept: dict[tuple[str, str, str], float] = {}
        if self._path.exists():
            with self._path.open() as file:
                for constant, value, title, score in list(csv.reader(file))[1:]:
                    self._kept[constant, value, title] = float(score)
        else:
            self._path.write_text("constant,value,data_set,mean_regret\n")

    def of(self, constant: Constant, value: object, title: str) -> float:
        """Of the two cases of a data set."""
        own = value == constant.values[1]
        key = ("own" if own else constant.name, "" if own else str(value), title)
        if key not in self._kept:
            with held_at(constant, value):
                score = fmean(
                    regret(case, STUDIES[title])
                    for case in CASES.values()
                    if case.name.rpartition("-")[0] == title
                )
            self._kept[key] = score
            with self._path.open("a") as file:
                csv.writer(file, lineterminator="\n").writerow((*key, f"{score:.4f}"))
            print(*key, f"{score:.4f}", flush=True)
        return self._kept[key]


HEAD = """# The live planner's constants, one data set left out

Mean regret of choices in simulated studies of the live cases (`leave_one_out.py`): {digits} of each
digits case, {fashion} of each Fashion-MNIST case. Differences of 0.02 are within their noise.

| constant | values | own | chosen by Fashion-MNIST, by digits | score of its own value \
| score left out |
|---|---|---|---|---|---|"""


def main() -> None:
    scores = Scores()
    lines = [HEAD.format(digits=STUDIES["digits"], fashion=STUDIES["fashion-mnist"])]
    for constant in CONSTANTS:
        told = {
            (value, title): scores.of(constant, value, title)
            for value in constant.values
            for title in STUDIES
        }
        own_value = constant.values[1]
        by = {
            title: min(constant.values, key=lambda v: (told[v, title], v != own_value))
            for title in STUDIES
        }
        own = fmean(told[own_value, title] for title in STUDIES)
        left = fmean((told[by["fashion-mnist"], "digits"], told[by["digits"], "fashion-mnist"]))
        lines.append(
            f"| `{constant.name}` | {', '.join(f'{v:.3g}' for v in constant.values)} "
            f"| {own_value:.3g} | {by['fashion-mnist']:.3g}, {by['digits']:.3g} "
            f"| {own:.3f} | {left:.3f} |"
        )
    (RESULTS / "leave-one-out.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
