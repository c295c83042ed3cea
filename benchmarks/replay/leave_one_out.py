"""How much of our figures is owed to tuning on the very data sets they are measured on.

Each tuned constant is set anew without one data set (the value with the best score on the others)
and measured on the data set left out; then all of them at once. Score: the recurring mode's mean
regret plus a twentieth of its mean search cost, capped at 5, and the one-off mode's mean time to
model. Writes leave-one-out.md under benchmarks/results/replay, with the figures of the table of
replays. Rows that were played are kept in the folder named, if one is, so that it can be stopped.

    python benchmarks/replay/leave_one_out.py [FOLDER]
"""

import pickle
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from statistics import fmean
from zlib import crc32

from traces import traces

from rightbatch.api.replay import replay_studies
from rightbatch.decide.learning.state import Tuning
from rightbatch.decide.replay.figures import ReplayRow, summarise
from rightbatch.decide.replay.ours import MODES, our_policies

RESULTS = Path(__file__).parents[1] / "results" / "replay"
REPEATS = 5
OWN = Tuning()
Value = float | tuple[float, ...]
VALUES: dict[str, tuple[Value, ...]] = {
    "worth": (0.01, 0.022, 0.04),
    "drift_sd": (0.05, 0.1, 0.2),
    "drift_weight": (0.5, 1.0, 2.0),
    "chunk": (0.05, 0.1, 0.2),
    "stall": (2.0, 2.5, 3.5),
    "progress": (0.0, 0.05, 0.1),
    "patience": (1.1, 1.2, 1.4),
    "knee": (0.0125, 0.025, 0.05),
    "stride": (2.1, 4.1, 8.1),
    "near": (0.8, 0.9, 0.95),
    "flat_sd": (0.09, 0.18, 0.36),
    "reach": (0.5, 1.0, 2.0),
    "flat": (0.15, 0.3, 0.5),
    "critical_sd": (0.5, 1.0, 2.0),
    "noise_scale_sd": (0.5, 1.0, 2.0),
    "critical_share": (0.01, 0.02, 0.04),
    "small": (0.05, 0.15, 0.3),
    "seed_sd": (0.06, 0.12, 0.18),
    "wiggle_sds": ((0.05,), (0.05, 0.15, 0.45), (0.15, 0.45)),
    "wiggle_octaves": (1.0, 1.5, 2.5),
}
HEAD = """# Leave one data set out

Each tuned constant set anew without one data set and measured on the one left out, in five orders
of the seeds; regret, search cost and time to model as in [the table of replays](table.md). The
first row has the planner's own values, which saw all data sets; the last has all constants at once
as they were chosen one at a time without the data set.
"""
COLUMNS = (
    "constant", "values", "own", "without each data set", "regret", "within 1.10", "worst",
    "search cost", "95%", "time to model", "worst",
)  # fmt: skip


def main() -> None:
    kept = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    own = played({}, kept)
    datasets = list(dict.fromkeys(row.dataset for row in own))
    lines = [HEAD, f"| {' | '.join(COLUMNS)} |", "|" + "---|" * len(COLUMNS)]
    lines += [f"| none | | | | {figures(own)} |"]
    chosen: dict[str, dict[str, Value]] = {left: {} for left in datasets}
    for name, values in VALUES.items():
        known = {value: played({name: value}, kept) for value in values if value != own_value(name)}
        rows = {value: known.get(value, own) for value in values}
        scores = {value: by_dataset(told) for value, told in rows.items()}
        for left in datasets:
            others = [each for each in datasets if each != left]
            chosen[left][name] = min(values, key=lambda v: fmean(scores[v][d] for d in others))
        out = [row for left in datasets for row in of(rows[chosen[left][name]], left)]
        told = ", ".join(f"{left} {text(chosen[left][name])}" for left in datasets)
        listed = "; ".join(map(text, values))
        lines.append(f"| {name} | {listed} | {text(own_value(name))} | {told} | {figures(out)} |")
        print(lines[-1], flush=True)
    out = [row for left in datasets for row in of(played(chosen[left], kept), left)]
    lines.append(f"| all at once | | | | {figures(out)} |")
    print(lines[-1])
    (RESULTS / "leave-one-out.md").write_text("\n".join(lines) + "\n")


def played(changed: Mapping[str, Value], kept: Path | None) -> list[ReplayRow]:
    """All targets with some constants changed; from the folder where they were played before."""
    name = "_".join(f"{key}={text(value)}" for key, value in changed.items()) or "own"
    path = None if kept is None else kept / f"{crc32(name.encode()):08x}.pickle"
    if path is not None and path.exists():
        return pickle.loads(path.read_bytes())  # type: ignore[no-any-return]
    of_race = {field.name for field in fields(Tuning)}
    prior = replace(OWN.prior, **{k: v for k, v in changed.items() if k not in of_race})
    tuning = replace(OWN, prior=prior, **{k: v for k, v in changed.items() if k in of_race})
    rows = replay_studies([traces()], our_policies(tuning), REPEATS)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(rows))
    return rows


def own_value(name: str) -> Value:
    """The planner's own."""
    value: Value = getattr(OWN if hasattr(OWN, name) else OWN.prior, name)
    return value


def of(rows: Sequence[ReplayRow], dataset: str) -> list[ReplayRow]:
    """The rows of a data set."""
    return [row for row in rows if row.dataset == dataset]


def figures(rows: Sequence[ReplayRow]) -> str:
    """Those of the recurring mode, then of the one-off."""
    recurring, one_off = (
        summarise([row for row in rows if row.policy == policy]) for policy in MODES
    )
    return (
        f"{recurring.regret:.3f} | {recurring.within:.0%} | {recurring.worst_regret:.2f} "
        f"| {recurring.search_cost:.2f} | {recurring.high_search_cost:.2f} "
        f"| {one_off.time_to_model:.3f} | {one_off.worst_time_to_model:.2f}"
    )


def by_dataset(rows: Sequence[ReplayRow]) -> dict[str, float]:
    """The score of each data set."""
    groups: dict[str, list[float]] = {}
    for row in rows:
        if row.policy == "rightbatch":
            score = row.regret + min(row.search_cost, 5.0) / 20
        else:
            score = row.time_to_model
        groups.setdefault(row.dataset, []).append(score)
    return {dataset: 2 * fmean(scores) for dataset, scores in groups.items()}


def text(value: Value) -> str:
    """Such as 0.1, or 0.05, 0.15."""
    return ", ".join(f"{v:g}" for v in (value if isinstance(value, tuple) else (value,)))


if __name__ == "__main__":
    main()
