"""The report in a real browser: drawn, quiet, offline, safe and readable on a phone."""

from dataclasses import replace

import pytest
from browser import DESKTOP, PHONE, check_report, open_report
from report_fixture import digits, memory_only, too_little, two_optimizers

from rightbatch.records import Choice, OptimizerFacts, Remark, Remarks
from rightbatch.report.html import write_report

HOSTILE = '<script>alert(1)</script><img src="http://example.invalid/x.png"></script>{{ 7*7 }}'


def test_every_figure_is_really_drawn(tmp_path):
    path = write_report(*digits(), tmp_path / "report.html")
    with open_report(path) as report:
        check_report(report)
        figures = report.figures()
        order = ["time", "throughput", "steps", "examples", "noise", "memory"]
        assert list(figures) == order
        runs = len(digits()[1].fits.learning[0].runs)
        assert figures["time"].points >= runs
        assert "recommended 128" in figures["time"].text
        assert "your 32" in figures["time"].text
        assert figures["memory"].points == 9
        assert all(figure.lines > 0 for figure in figures.values())
        assert "Train with batch size 128" in report.text()


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
@pytest.mark.parametrize("dark", [False, True])
def test_it_works_on_a_phone_and_in_the_dark(tmp_path, size, dark):
    path = write_report(*two_optimizers(), tmp_path / "report.html")
    with open_report(path, size, dark) as report:
        check_report(report)
        script = "return getComputedStyle(document.body).backgroundColor"
        red = int(report.driver.execute_script(script).split("(")[1].split(",")[0])
        assert (red < 60) == dark
        assert "adam" in report.figures()["time"].text


def test_a_stage_that_gave_nothing_says_why_instead_of_an_empty_figure(tmp_path):
    with open_report(write_report(*memory_only(), tmp_path / "report.html")) as report:
        check_report(report)
        assert list(report.figures()) == ["memory"]
        assert "The noise stage was not selected" in report.text()


def test_a_study_without_an_answer_still_shows_what_it_knows(tmp_path):
    with open_report(write_report(*too_little(), tmp_path / "report.html")) as report:
        check_report(report)
        assert "larger budget" in report.text()
        assert "the mean gradient is indistinguishable from zero." in report.text()


def test_hostile_strings_stay_text(tmp_path):
    recording, advice = digits()
    study = replace(recording.study, name=HOSTILE)
    study = replace(
        study,
        workload=replace(study.workload, title=HOSTILE),
        facts=replace(study.facts, optimizers=(OptimizerFacts(HOSTILE, "linear", 0.1),)),
    )
    fit = replace(advice.fits.learning[0], optimizer=HOSTILE)
    best: Choice = replace(advice.recommended, optimizer=HOSTILE)
    said = Remark.of("text", text=HOSTILE)
    advice = replace(
        advice,
        study=HOSTILE,
        goal=HOSTILE,
        remarks=Remarks(said, (said,), (said,)),
        recommended=best,
        fits=replace(advice.fits, learning=(fit,)),
    )
    path = write_report(replace(recording, study=study), advice, tmp_path / "report.html")
    with open_report(path) as report:
        check_report(report)
        assert report.text().count("<script>alert(1)</script>") >= 6
        assert "<script>alert(1)</script>" in report.figures()["time"].text
        assert report.driver.execute_script("return document.images.length") == 0
        assert "{{ 7*7 }}" in report.text()


def test_a_check_fails_when_a_figure_is_not_drawn(tmp_path):
    path = write_report(*digits(), tmp_path / "report.html")
    with open_report(path) as report:
        report.driver.execute_script("document.querySelector('#plot-noise').replaceChildren()")
        with pytest.raises(AssertionError, match="noise"):
            check_report(report)


def test_a_request_to_the_network_is_seen(tmp_path):
    path = write_report(*digits(), tmp_path / "report.html")
    text = path.read_text().replace("img-src data: blob:", "img-src * data:")
    path.write_text(text.replace("<main>", '<main><img src="http://127.0.0.1:9/x.png" alt="">'))
    with open_report(path) as report:
        assert report.requests() == ["http://127.0.0.1:9/x.png"]


def test_the_file_is_one_whole_small_file_that_names_no_host(tmp_path):
    path = write_report(*digits(), tmp_path / "deep" / "report.html")
    assert [child.name for child in path.parent.iterdir()] == ["report.html"]
    assert path.stat().st_size < 5.5e6
    page = path.read_text()
    assert page.count("<script>") == 2
    assert " src=" not in page.split("<script>")[0]
    assert "@import" not in page.split("<script>")[0]


def test_a_report_that_cannot_be_made_leaves_the_old_one(tmp_path):
    recording, advice = digits()
    path = write_report(recording, advice, tmp_path / "report.html")
    before = path.read_bytes()
    with pytest.raises(KeyError):
        write_report(recording, replace(advice, binding_constraint="unknown"), path)
    assert path.read_bytes() == before
    assert [child.name for child in tmp_path.iterdir()] == ["report.html"]
