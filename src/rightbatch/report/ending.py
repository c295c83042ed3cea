"""Why a study ended, in one sentence."""

from rightbatch.records import Ending, EndingKind
from rightbatch.report import words

_SENTENCES: dict[EndingKind, str] = {
    "time": "The study ended as its time was used up: {spent} of {budget}{around}.",
    "late": "The study ended with {left} of its {budget} left: no run that was worth making would "
    "have reached the goal in that{run}.",
    "training_time": "The study ended as the time you allow for training was used up: {trained} of "
    "{training}.",
    "worth": "The study ended with {left} of its {budget} left: a further search as long as the "
    "fastest run ({run_seconds} of training) was not expected to lower {aim} by the {worth} that "
    "make it worth its time.",
    "arrived": "The study ended with {left} of its {budget} left, with the first run at the goal: "
    "one model was wanted.",
    "exhausted": "The study ended with {left} of its {budget} left: there was nothing else to try.",
    "stages": "The study ended with {left} of its {budget} left, when the stages asked for were "
    "done.",
    "untimed": "The study ended with {left} of its {budget} left: {lacking}, "
    "so that no run could be chosen.",
    "stopped": "The study has not run to its end: {spent} of its {budget} are used, and --resume "
    "goes on.",
}
_AIMS = {
    "time": "the time to the goal",
    "examples": "the examples to the goal",
    "steps": "the steps to the goal",
    "energy": "the energy to the goal",
    "cost": "the cost to the goal",
}


def ending_told(ending: Ending) -> str:
    """Why a study ended, in one sentence whose numbers are its own."""
    around = run = ""
    if ending.around_seconds is not None:
        around = f", where a trial takes {words.duration(ending.around_seconds)} beside training"
    if ending.run_seconds is not None:
        run = f" (the fastest took {words.duration(ending.run_seconds)} of training)"
    return _SENTENCES[ending.kind].format(
        spent=words.duration(ending.spent_seconds),
        left=words.duration(max(0.0, ending.budget_seconds - ending.spent_seconds)),
        budget=words.duration(ending.budget_seconds),
        trained=words.duration(ending.trained_seconds),
        training=words.duration(ending.training_budget_seconds or 0.0),
        aim=_AIMS[ending.objective],
        worth=f"{100 * (ending.worth or 0.0):.2g}%",
        run_seconds=words.duration(ending.run_seconds or 0.0),
        around=around,
        lacking="no power was measured"
        if ending.objective == "energy"
        else "nothing tells what a step takes",
        run=run,
    )
