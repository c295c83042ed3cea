"""Codes and their sentences belong together, and no other room writes sentences."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rightbatch.records import Remark
from rightbatch.report.sentences import say
from rightbatch.report.sentences.say import SENTENCES

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "rightbatch"
CODES_ONLY = ("decide", "science", "records")


def trees(folder: Path = SOURCE) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(folder.rglob("*.py")):
        yield path, ast.parse(path.read_text())


def codes(tree: ast.AST) -> Iterator[str]:
    """The codes of the remarks that a module makes; both where it chooses between two."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Remark.of":
            yield from _literals(node.args[0], tree)


def _literals(node: ast.expr, tree: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from (*_literals(node.body, tree), *_literals(node.orelse, tree))
    elif isinstance(node, ast.Name):
        for other in ast.walk(tree):
            if isinstance(other, ast.Assign) and ast.unparse(other.targets[0]) == node.id:
                yield from _literals(other.value, tree)


def sentences(tree: ast.Module) -> Iterator[str]:
    """Strings that look like sentences, but for docstrings and what is raised."""
    left_out = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise):
            left_out |= set(map(id, ast.walk(node)))
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            left_out.add(id(node.value))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
            if id(node) not in left_out and text[:1].isupper() and " " in text and text[-1] == ".":
                yield text


def test_every_code_has_a_sentence_and_every_sentence_a_code():
    made = {code for _, tree in trees() for code in codes(tree)}
    assert made == set(SENTENCES)


@pytest.mark.parametrize("room", CODES_ONLY)
def test_no_sentence_is_written_where_codes_are_made(room):
    found = {str(path): [*sentences(tree)] for path, tree in trees(SOURCE / room)}
    assert {path: texts for path, texts in found.items() if texts} == {}


def test_a_sentence_is_found_but_for_docstrings_and_messages():
    tree = ast.parse(
        '"""A docstring."""\n'
        "def f():\n"
        '    """Another one."""\n'
        "    if g:\n"
        '        raise ValueError("It is wrong.")\n'
        '    return "It was measured."\n'
    )
    assert list(sentences(tree)) == ["It was measured."]


def test_a_remark_within_a_remark_is_said_in_its_place():
    why = Remark.of("no_micro_batch_fits")
    told = say(Remark.of("may_not_fit", why=why, optimizer="adam"))
    assert told == (
        "With adam: No micro-batch tried fits the memory limit. The recommendation may not fit."
    )


def test_all_messages_and_sentences_are_listed():
    script = ROOT / "scripts" / "list-messages"
    listed = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert {line.partition(": ")[0] for line in listed if not line.startswith("src/")} == set(
        SENTENCES
    )
    raised = [line for line in listed if line.startswith("src/rightbatch/decide/advise/")]
    assert any("The objective cost needs the price of an hour; " in line for line in raised)
    assert "too_few_batch_sizes: " + SENTENCES["too_few_batch_sizes"] in listed
    assert any(line.startswith("throughput_knee: Throughput: ") for line in listed)
