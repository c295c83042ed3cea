"""How memory was predicted, and what could not be predicted."""

from rightbatch.report.sentences.sentence import Sentence

SENTENCES: dict[str, Sentence] = {
    "needs_data": "The step cannot run without real data ({error}: {message}).",
    "operations_differ": (
        "Memory that CPU operations allocate internally is not counted: steps at different batch "
        "sizes run different operations."
    ),
    "cannot_be_followed": "It cannot be predicted: {error}",
}
