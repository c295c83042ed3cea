"""One sentence per outcome code, as tests/assets/sentences/outcomes.txt has them.

A change of wording changes that file, so that it is seen in review:

    python tests/unit/test_outcome_sentences.py > tests/assets/sentences/outcomes.txt
"""

import ast
from pathlib import Path

import pytest

from rightbatch.records import Outcome, Remark, Status
from rightbatch.report.sentences import outcome_sentence, outcomes, say
from rightbatch.report.sentences.say import SENTENCES

ROOT = Path(__file__).parents[2]
SNAPSHOT = ROOT / "tests" / "assets" / "sentences" / "outcomes.txt"
MADE_IN = ("measure", "api", "exchange")
MIB = 2**20

RUN = {"batch_size": 1024, "learning_rate": 0.23714, "step": 1437}
PLACE = {"file": "train.py", "line": 12, "function": "loss"}
SPEED = {"work": "timing", "batch_size": 4096, "micro_batch_size": 1024}
TRAINING = {"work": "training", "batch_size": 2048, "micro_batch_size": 512}
STEP = {"work": "stepping", "micro_batch_size": 2048, "accumulation_steps": 1}
ACCUMULATING = {"work": "accumulating", "micro_batch_size": 512, "accumulation_steps": 4}
INFERENCE = {"work": "inference", "batch_size": 2048}
GRADIENTS = {"work": "gradients", "batch_size": 64, "micro_batch_size": 16}
LIMIT = {"limit_bytes": 150 * MIB, "at_once": 1}
MISSED = {"milestone_step": 1200, "metric": 0.81234, "milestone": 0.9}

EXAMPLES = (
    Remark.of("text", text="It was told by an earlier version."),
    Remark.of("workload_too_large"),
    Remark.of("batch_too_large", batch_size=2048),
    Remark.of("micro_batch_too_large", micro_batch_size=2048),
    Remark.of("memory_limit_passed", work="building", **LIMIT),
    Remark.of("memory_limit_passed", work="predicting", limit_bytes=None, at_once=1),
    Remark.of("memory_limit_passed", **STEP, **LIMIT),
    Remark.of("memory_limit_passed", **ACCUMULATING, **LIMIT),
    Remark.of("memory_limit_passed", **INFERENCE, **LIMIT),
    Remark.of("memory_limit_passed", **SPEED, **LIMIT),
    Remark.of("memory_limit_passed", **GRADIENTS, **LIMIT),
    Remark.of("memory_limit_passed", **TRAINING, limit_bytes=150 * MIB, at_once=2),
    Remark.of("in_swap", micro_batch_size=2048, swap_bytes=200 * MIB),
    Remark.of("spilled", micro_batch_size=2048, spilled_bytes=512 * MIB),
    Remark.of("allocator_thrashing", micro_batch_size=2048, retries=5),
    Remark.of("diverged", **RUN),
    Remark.of("diverged_at_present_settings", **RUN),
    Remark.of("given_up_behind", **RUN, **MISSED),
    Remark.of("given_up_limit", **RUN, limit="steps"),
    Remark.of("given_up_limit", **RUN, limit="seconds"),
    Remark.of("given_up_late", **RUN),
    Remark.of("recorded_run_given_up", epochs=2.5),
    Remark.of("hung", work="building", seconds=61.0),
    Remark.of("hung", **TRAINING, **PLACE, seconds=20.0),
    Remark.of("killed_by_signal", **SPEED, signal="SIGKILL"),
    Remark.of("killed_by_signal", **TRAINING, **PLACE, signal="SIGSEGV"),
    Remark.of("not_predicted", error="DataLoader is empty"),
    Remark.of("needs_data", error="RuntimeError", message="lengths are on the CPU"),
    Remark.of("operations_differ"),
    Remark.of("cannot_be_followed", error="no kernel for bfloat16"),
)


def snapshot() -> str:
    return "".join(f"{remark.code}: {say(remark)}\n" for remark in EXAMPLES)


def made(room: str) -> set[str]:
    """Codes of the remarks that the source of a room makes."""
    found: set[str] = set()
    for file in (ROOT / "src" / "rightbatch" / room).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Remark.of":
                found.add(ast.literal_eval(node.args[0]))
    return found


def test_every_sentence_is_the_one_in_the_snapshot():
    assert snapshot() == SNAPSHOT.read_text()


def test_the_snapshot_has_every_code():
    assert {remark.code for remark in EXAMPLES} == set(outcomes.SENTENCES)


@pytest.mark.parametrize("room", MADE_IN)
def test_every_code_that_is_made_has_a_sentence(room):
    assert made(room)
    assert made(room) <= set(SENTENCES)


def test_no_sentence_is_left_that_nothing_makes():
    assert set(outcomes.SENTENCES) == set().union(*map(made, MADE_IN))


@pytest.mark.parametrize("remark", EXAMPLES, ids=lambda remark: remark.code)
def test_a_sentence_begins_with_a_capital_and_leaves_nothing_unfilled(remark):
    told = say(remark)
    assert told[0].isupper()
    assert not any(left in told for left in ("{", "}", "None", "  "))


def test_an_outcome_is_told_by_its_reason_or_by_the_text_of_an_earlier_version():
    assert outcome_sentence(Outcome(Status.OK)) == ""
    assert outcome_sentence(Outcome(Status.HUNG, advice="Stop {it}.")) == "Stop {it}."
    reason = Remark.of("workload_too_large")
    assert outcome_sentence(Outcome(Status.OUT_OF_MEMORY, reason, "Old.")) == say(reason)


if __name__ == "__main__":
    print(snapshot(), end="")
