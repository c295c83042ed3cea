"""Playing a recorded question with a policy, and the three figures of it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from rightbatch.decide.replay.question import Oracle, Question
from rightbatch.decide.study.evidence import grouped


@dataclass(frozen=True, slots=True)
class Policy:
    """A way to choose a batch size.

    Attributes:
        name: What to call it.
        source: Where it comes from.
        play: Asks an oracle and gives the batch size chosen; the second argument is the number of
            the repeat, for a policy that draws at random.
        needs_noise_scales: Whether it can play only where gradient statistics were recorded.
    """

    name: str
    source: str
    play: Callable[[Oracle, int], int]
    needs_noise_scales: bool = False


@dataclass(frozen=True, slots=True)
class ReplayRow:
    """What a policy made of one target in one repeat.

    Attributes:
        study: Name of the study.
        dataset: Name of its training data.
        target: The level to reach.
        policy: Name of the policy.
        repeat: Number of the repeat, from 0.
        batch_size: The batch size chosen.
        regret: True time to the target at that size over that of the best.
        search_cost: All time charged over the best's true time.
        time_to_model: All time charged until some run reached the target, over the best's true
            time; where none did, that of the whole search and a full run at the choice.
    """

    study: str
    dataset: str
    target: float
    policy: str
    repeat: int
    batch_size: int
    regret: float
    search_cost: float
    time_to_model: float


@dataclass(frozen=True, slots=True)
class Summary:
    """Figures of one policy over several rows.

    Attributes:
        rows: Rows summed up.
        regret: Mean regret; data sets weigh alike.
        within: Share of rows with a regret of at most 1.10.
        worst_regret: Highest regret.
        search_cost: Median search cost.
        high_search_cost: Its 95th percentile.
        time_to_model: Mean time to model; data sets weigh alike.
        worst_time_to_model: Highest time to model.
    """

    rows: int
    regret: float
    within: float
    worst_regret: float
    search_cost: float
    high_search_cost: float
    time_to_model: float
    worst_time_to_model: float


def replay(
    questions: Sequence[Question], policies: Sequence[Policy], repeats: int
) -> list[ReplayRow]:
    """Play every question with every policy that can, in several orders of the seeds."""
    return [
        _play(question, policy, repeat)
        for question in questions
        for policy in policies
        if question.has_noise_scales or not policy.needs_noise_scales
        for repeat in range(repeats)
    ]


def _play(question: Question, policy: Policy, repeat: int) -> ReplayRow:
    oracle = Oracle(question, repeat)
    choice = policy.play(oracle, repeat)
    chosen, best = question.seconds_to_target[choice], question.best_seconds
    first = oracle.charged_at_first_arrival
    to_model = oracle.charged_seconds + chosen if first is None else first
    return ReplayRow(
        study=question.study,
        dataset=question.dataset,
        target=question.target,
        policy=policy.name,
        repeat=repeat,
        batch_size=choice,
        regret=chosen / best,
        search_cost=oracle.charged_seconds / best,
        time_to_model=to_model / best,
    )


def summarise(rows: Sequence[ReplayRow]) -> Summary:
    """The figures of rows of one policy; at least one row."""
    costs = [row.search_cost for row in rows]
    return Summary(
        rows=len(rows),
        regret=_by_dataset((row.dataset, row.regret) for row in rows),
        within=fmean(row.regret <= 1.10 for row in rows),
        worst_regret=max(row.regret for row in rows),
        search_cost=float(np.quantile(costs, 0.5)),
        high_search_cost=float(np.quantile(costs, 0.95)),
        time_to_model=_by_dataset((row.dataset, row.time_to_model) for row in rows),
        worst_time_to_model=max(row.time_to_model for row in rows),
    )


def _by_dataset(values: Iterable[tuple[str, float]]) -> float:
    """Mean over data sets of the mean within each."""
    return fmean(fmean(group) for group in grouped(values).values())
