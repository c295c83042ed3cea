"""How much of our figures is owed to tuning on the very data sets they are measured on.

Each tuned constant is set anew without one data set (the value with the best score on the others)
and measured on the data set left out. Score: the recurring mode's mean regret plus a twentieth of
its mean search cost, capped at 5, and the one-off mode's mean time to model. Writes
leave-one-out.md under benchmarks/results/replay.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from rightbatch.api.replay import replay_studies
from rightbatch.decide.planning.race_state import Tuning
from rightbatch.decide.replay.figures import ReplayRow
from rightbatch.decide.replay.ours import our_policies

RESULTS = Path(__file__).parents[1] / "results" / "replay"
REPEATS = 2
OWN = Tuning()
VALUES: dict[str, tuple[float, ...]] = {
    "worth": (0.01, 0.022, 0.04),
    "drift_sd": (0.05, 0.1, 0.2),
    "drift_weight": (0.5, 1.0, 2.0),
    "stall": (2.0, 2.5, 3.5),
    "patience": (1.1, 1.2, 1.4),
    "knee": (0.0125, 0.025, 0.05),
    "flat_sd": (0.09, 0.18, 0.36),
    "flat": (0.15, 0.3, 0.5),
    "critical_sd": (0.5, 1.0, 2.0),
    "noise_scale_sd": (0.5, 1.0, 2.0),
    "critical_share": (0.01, 0.02, 0.04),
    "small": (0.05, 0.15, 0.3),
    "seed_sd": (0.06, 0.12, 0.18),
    "wiggle_octaves": (1.0, 1.5, 2.5),
}


def main() -> None:
    lines = [
        "# Leave one data set out",
        "",
        "| constant | values | chosen | chosen without each data set | score of the value chosen | "
        "score left out |",
        "|---|---|---|---|---|---|",
    ]
    ours = by_dataset(played("worth", OWN.worth))
    for name, values in VALUES.items():
        own = getattr(OWN, name, None) or getattr(OWN.prior, name)
        scores = {v: ours if v == own else by_dataset(played(name, v)) for v in values}
        datasets = list(scores[values[0]])
        without = {
            left: min(values, key=lambda v: fmean(scores[v][d] for d in datasets if d != left))
            for left in datasets
        }
        told = ", ".join(f"{left} {value:g}" for left, value in without.items())
        lines.append(
            f"| {name} | {', '.join(f'{v:g}' for v in values)} | {own:g} | {told} | "
            f"{fmean(scores[own].values()):.3f} | "
            f"{fmean(scores[value][left] for left, value in without.items()):.3f} |"
        )
        print(lines[-1], flush=True)
    (RESULTS / "leave-one-out.md").write_text("\n".join(lines) + "\n")


def played(name: str, value: float) -> list[ReplayRow]:
    if hasattr(OWN, name):
        tuning = replace(OWN, **{name: value})
    else:
        tuning = replace(OWN, prior=replace(OWN.prior, **{name: value}))
    return replay_studies([os.environ["RIGHTBATCH_TRACES"]], our_policies(tuning), REPEATS)


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


if __name__ == "__main__":
    main()
