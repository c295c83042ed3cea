"""The recommendation that Python users get: an advice with its sentences."""

from dataclasses import replace

import pytest
from report_fixture import digits, too_little

from rightbatch.records import Advice, Remark
from rightbatch.report.notebook import Recommendation


def recommendation(make=digits, **remarks) -> Recommendation:
    recording, advice = make()
    advice = replace(advice, remarks=replace(advice.remarks, **remarks))
    return Recommendation.of(recording, advice)


def test_it_is_the_advice_with_its_sentences():
    recording, advice = digits()
    told = Recommendation.of(recording, advice)
    assert isinstance(told, Advice)
    assert (told.batch_size, told.near_optimal) == (128, (64, 128))
    assert (told.learning_rate, told.fits) == (advice.learning_rate, advice.fits)
    assert told.headline == "Train with batch size 128 and learning rate 0.528 (sgd)."
    assert told.reasons[0].startswith("Critical batch size: 90 examples (72 to 112)")
    assert told.warnings == ("Noisy machine: other processes used 53% of its cores during timing.",)
    assert recommendation(too_little).missing == {
        "batch_size": "No step time was measured; allow a larger budget."
    }


def test_a_notebook_shows_it_as_a_table():
    shown = recommendation()._repr_html_()
    assert shown.startswith("<table><caption>Train with batch size 128 ")
    assert "<tr><th>Settings</th><td>batch_size=128, learning_rate=0.528</td></tr>" in shown
    assert "<td>64 is also within 10%</td>" in shown
    assert "<td>critical batch size (larger batches save few steps)</td>" in shown
    assert "× as fast as your 32" in shown
    assert "<tr><th>Warning</th><td>Noisy machine: " in shown


def test_printing_it_shows_the_verdict_in_a_few_lines():
    lines = str(recommendation()).splitlines()
    assert lines[0] == "digits-1: accuracy >= 0.96"
    assert lines[1] == "Train with batch size 128 and learning rate 0.528 (sgd)."
    assert "  Settings         batch_size=128, learning_rate=0.528" in lines
    assert len(lines) <= 10
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("shown", [str, Recommendation._repr_html_])
def test_what_is_missing_is_shown_without_failing(shown):
    assert "not enough data" in shown(recommendation(too_little))


@pytest.mark.parametrize("field", ["headline", "reasons", "warnings"])
def test_text_from_a_workload_is_escaped_in_a_notebook(field):
    attack = Remark.of("text", text="<script>alert('x')</script> & \"more\"")
    shown = recommendation(**{field: attack if field == "headline" else (attack,)})._repr_html_()
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown
    assert "&amp; " in shown


def test_a_goal_from_a_workload_is_escaped_too():
    told = replace(recommendation(), goal="<script>alert('x')</script>")
    assert "<script" not in told._repr_html_()
