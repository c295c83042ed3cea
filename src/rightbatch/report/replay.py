"""The results of a replay as tables and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import fmean

from rightbatch.decide.replay.figures import ReplayRow, summarise
from rightbatch.decide.replay.ours import RaceTold
from rightbatch.decide.study.evidence import grouped
from rightbatch.report.decisions import story
from rightbatch.report.table import Table
from rightbatch.report.words import duration

_FIGURES = ("regret", "search cost", "time to model")


def replay_json(rows: Sequence[ReplayRow]) -> dict[str, object]:
    """The rows under `results`."""
    return {"schema": "rightbatch/replay/1", "results": [asdict(row) for row in rows]}


def races_json(races: Sequence[RaceTold]) -> dict[str, object]:
    """The planner's decisions in sentences, one row under `results` for each race."""
    return {
        "schema": "rightbatch/decisions/1",
        "results": [
            {
                "study": race.study,
                "target": race.target,
                "policy": race.policy,
                "sentences": list(story(race.decisions, race.metric)),
            }
            for race in races
        ],
    }


def races_lines(races: Sequence[RaceTold]) -> list[str]:
    """The planner's decisions as lines: a heading for each race, then its sentences."""
    return [
        line
        for race in races
        for line in (
            f"{race.study}, {race.metric} {race.target:g}, {race.policy}",
            *(f"  {sentence}" for sentence in story(race.decisions, race.metric)),
        )
    ]


def replay_tables(rows: Sequence[ReplayRow]) -> dict[str, Table]:
    """The tables per target, per data set and overall, by title."""
    return {
        "Per target, means over the repeats": _per_target(rows),
        "Per data set, means": _per_dataset(rows),
        "Overall, data sets weighted equally": overall(rows),
    }


def time_taken(seconds: Mapping[str, float]) -> str:
    """The wall-clock time of the replay, in total and for each policy."""
    each = ", ".join(f"{name} {duration(taken)}" for name, taken in seconds.items() if taken > 0)
    return f"The replay took {duration(sum(seconds.values()))}: {each}."


def overall(rows: Sequence[ReplayRow]) -> Table:
    """The figures of every policy over all rows."""
    head = (
        "policy", "targets × repeats", "regret", "within 1.10", "worst",
        "search cost", "95%", "time to model", "worst",
    )  # fmt: skip
    groups = grouped((row.policy, row) for row in rows)
    summaries = [(policy, summarise(group)) for policy, group in groups.items()]
    cells = tuple(
        (
            policy,
            str(figures.rows),
            _figure(figures.regret, 3),
            f"{100 * figures.within:.0f}%",
            _figure(figures.worst_regret, 2),
            _figure(figures.search_cost, 2),
            _figure(figures.high_search_cost, 2),
            _figure(figures.time_to_model, 3),
            _figure(figures.worst_time_to_model, 2),
        )
        for policy, figures in summaries
    )
    return Table(head, cells)


def _per_target(rows: Sequence[ReplayRow]) -> Table:
    groups = grouped(((row.study, f"{row.target:g}", row.policy), row) for row in rows)
    cells = tuple(
        (*key, ", ".join(map(str, sorted({row.batch_size for row in group}))), *_means(group))
        for key, group in groups.items()
    )
    return Table(("study", "target", "policy", "batch sizes chosen", *_FIGURES), cells)


def _per_dataset(rows: Sequence[ReplayRow]) -> Table:
    groups = grouped(((row.dataset, row.policy), row) for row in rows)
    return Table(
        ("data set", "policy", *_FIGURES),
        tuple((*key, *_means(group)) for key, group in groups.items()),
    )


def _means(rows: Sequence[ReplayRow]) -> tuple[str, str, str]:
    return (
        _figure(fmean(row.regret for row in rows), 3),
        _figure(fmean(row.search_cost for row in rows), 2),
        _figure(fmean(row.time_to_model for row in rows), 3),
    )


def _figure(value: float, places: int) -> str:
    """A figure to so many decimal places, or fewer from 100 up to keep tables narrow."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{1 if value >= 100 else places}f}"
