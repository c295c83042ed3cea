"""Why a study ended, in one sentence."""

from rightbatch.records import Ending, EndingKind
from rightbatch.report import words

_LEFT = "{left} of the {budget} budget left"
_SENTENCES: dict[EndingKind, str] = {
    "time": "Stopped at the end of the budget: {spent} of {budget} used{overhead}.",
    "late": f"Stopped with {_LEFT}: no run worth making would have reached the goal in that time"
    "{run}.",
    "training_time": "Stopped at the end of the training budget: {trained} of {training} used.",
    "worth": f"Stopped early with {_LEFT}: another {{run_seconds}} run was not expected to improve "
    "the {objective} to goal by even {worth}.",
    "arrived": f"Stopped at the first run that reached the goal, with {_LEFT}.",
    "exhausted": f"Stopped with {_LEFT}: there was nothing else to try.",
    "stages": f"Stopped with {_LEFT}: the selected stages are done.",
    "untimed": f"Stopped with {_LEFT}: {{lacking}}, so no run could be chosen.",
    "stopped": "Interrupted after {spent} of the {budget} budget; resume the study to continue.",
}


def ending_sentence(ending: Ending) -> str:
    """Why a study ended, in one sentence."""
    overhead = run = ""
    if ending.overhead_seconds is not None:
        overhead = f" (overhead per trial: {words.duration(ending.overhead_seconds)})"
    if ending.run_seconds is not None:
        run = f" (the fastest took {words.duration(ending.run_seconds)} of training)"
    return _SENTENCES[ending.kind].format(
        spent=words.duration(ending.spent_seconds),
        left=words.duration(max(0.0, ending.budget_seconds - ending.spent_seconds)),
        budget=words.duration(ending.budget_seconds),
        trained=words.duration(ending.trained_seconds),
        training=words.duration(ending.training_budget_seconds or 0.0),
        objective=ending.objective,
        worth=f"{100 * (ending.worth or 0.0):.2g}%",
        run_seconds=words.duration(ending.run_seconds or 0.0),
        overhead=overhead,
        lacking=f"no {'power' if ending.objective == 'energy' else 'step time'} was measured",
        run=run,
    )
