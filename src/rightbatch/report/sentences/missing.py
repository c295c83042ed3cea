"""Why figures of an advice are missing."""

from rightbatch.report.sentences.sentence import Sentence

SENTENCES: dict[str, Sentence] = {
    "stage_without_result": "The {stage} stage gave no result within the budget.",
    "stage_not_selected": "The {stage} stage was not selected.",
    "no_run_reached_goal": "No training run reached the goal.",
    "goal_not_reached": "No training run reached the goal; allow a larger budget or choose an "
    "easier goal.",
    "no_step_time": "No step time was measured; allow a larger budget.",
    "no_power": "No power was measured.",
    "no_price": "No price was given (price_per_hour).",
}
