"""What the command line prints of an advice, and where its report cannot be written."""

import json
from dataclasses import replace

import pytest
from report_fixture import digits

from rightbatch.cli.output import check_report, console, print_advice
from rightbatch.cli.stored import list_things
from rightbatch.errors import UsageError
from rightbatch.store import open_store


def test_the_report_is_named_in_words_and_in_json(tmp_path, capsys):
    path = tmp_path / "there" / "report.html"
    print_advice(*digits(), json=True, report=path)
    told = json.loads(capsys.readouterr().out)
    assert told["report"] == str(path)
    assert path.exists()
    print_advice(*digits(), json=False, report=path)
    assert f"Report: {path}" in capsys.readouterr().out


@pytest.mark.parametrize("as_json", [True, False])
def test_a_report_that_cannot_be_written_costs_no_verdict(tmp_path, capsys, as_json):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="rightbatch report digits-1 --output"):
        print_advice(*digits(), json=as_json, report=tmp_path / "file" / "report.html")
    out = capsys.readouterr().out
    if as_json:
        told = json.loads(out)
        assert told["batch_size"] == 128
        assert told["report"] is None
        assert "could not be written" in told["report_reason"]
    else:
        assert "batch size 128" in out
        assert "Report:" not in out


def test_a_place_for_the_report_is_looked_at_beforehand(tmp_path):
    (tmp_path / "file").write_text("")
    check_report(None)
    check_report(tmp_path / "not" / "there" / "yet.html")
    for wrong in (tmp_path, tmp_path / "file" / "report.html"):
        with pytest.raises(UsageError, match=r"name a(nother)? file"):
            check_report(wrong)


def test_names_with_brackets_are_printed_as_they_are(tmp_path, capsys):
    console().print("a[/b].py :smile:")
    study = digits()[0].study
    goal = replace(study.facts.goal, metric="m[/x]")
    with open_store(tmp_path / "studies.db") as store:
        store.create_study(replace(study, facts=replace(study.facts, goal=goal)))
    list_things("studies", str(tmp_path / "studies.db"), json=False)
    out = "".join(capsys.readouterr().out.split())
    assert "a[/b].py:smile:" in out
    assert "m[/x]" in out
