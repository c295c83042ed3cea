"""Why a study ended, as the planner explains it from the trials."""

from dataclasses import replace

from rightbatch.decide.planners.asking import why_nothing
from rightbatch.decide.study import evidence
from rightbatch.records import Ending, Recording

_LITTLE = 0.1
"""Share of the budget that may have passed outside trials."""


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
        known = why_nothing(settings, trials, spent)
        left = settings.budget_seconds - spent
        longest = max(trial.wall_seconds for trial in trials)
        if known is None and left > max(_LITTLE * settings.budget_seconds, longest):
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
