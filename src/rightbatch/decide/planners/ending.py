"""Why a study ended: what the planner answers when asked once more."""

from dataclasses import replace

from rightbatch.decide.planners.asking import why_nothing
from rightbatch.decide.study import evidence
from rightbatch.records import Ending, Recording

_LITTLE = 0.1
"""Share of the budget that the clock may have taken beside all trials."""


def how_it_ended(recording: Recording) -> Ending | None:
    """Why nothing more was measured; None for a study that no planner of ours made.

    A pure function of settings and trials. Their time is a little less than the clock's, so where
    a study is finished and the planner would still have gone on, time is what ended it, if little
    was left; else another version planned it, and nothing is known.
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
