"""A study that somebody else wrote is read or refused in a sentence, whatever stands in it."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rightbatch.decide.advise.recommend import advise
from rightbatch.errors import StoreError, UsageError
from rightbatch.exchange import import_study
from rightbatch.report.html import render
from rightbatch.report.json import advice_json

EXPORT = Path(__file__).parents[1] / "assets" / "export-v1"
LINES = [json.loads(line) for line in (EXPORT / "trials.jsonl").read_text().splitlines()]


def places(value, path=()):
    """The path of everything in a JSON value but itself."""
    items = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else items
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


PLACES = [(line, path) for line, data in enumerate(LINES) for path in places(data)]
ANYTHING = st.sampled_from(
    [10**30, 2**63, -1, 0, 1e308, -0.5, 1e-320, "Infinity", "NaN", "-Infinity", None, True, [], {},
     [[]], "x", "a" * 1000, "\ud800", "\x1b[31m", "../../x", [1] * 5]
)  # fmt: skip


@st.composite
def alike(draw, value):
    """Something of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return draw(st.sampled_from([0, 1, 7, value + 1, value * 1000, 2**40, 2**53]))
    if isinstance(value, float):
        more = [0.0, value * 1e-6, value * 1e6, 1e10, 1e-300, 1e11, "NaN", "Infinity", -value]
        return draw(st.sampled_from(more))
    if isinstance(value, str):
        return draw(st.sampled_from(["", "NaN", "ok", "diverged", "sgd", "\x1b[31m", "\ud800"]))
    if isinstance(value, list):
        return draw(st.sampled_from([[], value * 50, value[:1], value[::-1]]))
    return draw(st.sampled_from([None, {}]))


@st.composite
def mutated(draw):
    """The lines of an export, changed in up to three places."""
    lines = json.loads(json.dumps(LINES))
    for line, path in draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=3)):
        inner = lines[line]
        try:
            for key in path[:-1]:
                inner = inner[key]
            inner[path[-1]] = draw(st.one_of(ANYTHING, alike(inner[path[-1]])))
        except (KeyError, IndexError, TypeError):  # an earlier change removed the place
            continue
    return "\n".join(map(json.dumps, lines))


def read_and_reported(folder):
    """Whether a study is accepted; then its advice, JSON and report are made."""
    try:
        recording = import_study(folder)
        advice = advise(recording)
    except (StoreError, UsageError) as refused:  # the latter: it was never described
        assert "\n" not in str(refused)
        return False
    json.dumps(advice_json(advice), allow_nan=False)
    render(recording, advice)
    return True


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("count", [80, pytest.param(3000, marks=pytest.mark.long)])
def test_a_mutated_export_is_accepted_or_refused(count, tmp_path):
    verdicts = []

    @settings(
        max_examples=count, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(mutated())
    def try_one(text):
        (tmp_path / "trials.jsonl").write_text(text)
        verdicts.append(read_and_reported(tmp_path))

    try_one()
    assert {True, False} <= set(verdicts)


@pytest.mark.parametrize("cut", [1, 100, 2000])
def test_an_export_that_is_cut_off_is_refused(cut, tmp_path):
    text = (EXPORT / "trials.jsonl").read_text()
    (tmp_path / "trials.jsonl").write_text(text[:-cut].rstrip("}\n"))
    assert not read_and_reported(tmp_path)


def test_an_export_of_brackets_without_end_is_refused(tmp_path):
    (tmp_path / "trials.jsonl").write_text("[" * 100_000)
    assert not read_and_reported(tmp_path)


def test_a_pipe_in_place_of_a_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "trials.jsonl")
    assert not read_and_reported(tmp_path)


def test_a_file_that_never_ends_is_refused_at_once(tmp_path):
    (tmp_path / "trials.jsonl").symlink_to("/dev/zero")
    assert not read_and_reported(tmp_path)


def test_the_export_as_it_was_is_accepted():
    assert read_and_reported(EXPORT)
