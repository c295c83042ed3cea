"""The planner of `tune` and of the single stages: it concludes with advice and why it ended."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rightbatch.decide.advise.recommend import advise
from rightbatch.decide.planners import asking
from rightbatch.decide.planners.base import Ask
from rightbatch.decide.study import evidence
from rightbatch.records import (
    Advice,
    Capacity,
    Ending,
    Objective,
    Probe,
    Recording,
    Settings,
    Trial,
)

_LITTLE = 0.1
"""Share of the budget that may have passed outside trials."""


@dataclass(frozen=True, slots=True)
class Recommend:
    """A `Planner` that concludes with advice.

    Attributes:
        settings: The user's settings.
        objective: What to minimise instead of the study's own objective.
        memory_limit_bytes: Memory limit instead of the study's own.
        price_per_hour: Price per hour instead of the study's own.
    """

    settings: Settings
    objective: Objective | None = None
    memory_limit_bytes: int | None = None
    price_per_hour: float | None = None

    def ask(
        self,
        trials: tuple[Trial, ...],
        spent_seconds: float,
        under_way: Sequence[Probe] = (),
        capacity: Capacity | None = None,
    ) -> Ask | None:
        """See `Planner.ask`."""
        return asking.ask(self.settings, trials, spent_seconds, under_way, capacity)

    def is_over(self, trials: tuple[Trial, ...]) -> bool:
        """See `Planner.is_over`."""
        return asking.is_over(self.settings, trials)

    def conclude(self, recording: Recording) -> Advice:
        """The advice, with the reason why the study ended."""
        advice = advise(recording, self.objective, self.memory_limit_bytes, self.price_per_hour)
        return replace(advice, ended=how_it_ended(recording))


def how_it_ended(recording: Recording) -> Ending | None:
    """Why nothing more was measured; None for a study planned by another version, or imported.

    It is inferred from settings and trials alone. Trials take slightly less than the clock shows,
    so if a study is finished although the planner would continue, it ran out of time, provided
    that little was left; if not, another version planned it.
    """
    settings = recording.study.settings
    trials = evidence.distinct(recording.trials)
    if evidence.description(trials) is None:
        return None
    spent = evidence.wall_seconds(trials)
    if not recording.study.finished:
        ending = Ending("stopped")
    else:
        known = asking.why_nothing(settings, trials, spent)
        little = max(_LITTLE * settings.budget_seconds, *(trial.wall_seconds for trial in trials))
        if known is None and settings.budget_seconds - spent > little:
            return None
        ending = known or Ending("time")
    return replace(
        ending,
        spent_seconds=spent,
        trained_seconds=evidence.training_seconds(trials),
        budget_seconds=settings.budget_seconds,
        training_budget_seconds=settings.training_budget_seconds,
        objective=settings.objective,
    )
