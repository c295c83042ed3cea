"""The verdict in a terminal: short, plain and safe."""

import io
import unicodedata
from dataclasses import replace

import pytest
from report_fixture import digits, memory_only, too_little, two_optimizers
from rich.console import Console

from rightbatch.cli.progress import StudyProgress
from rightbatch.decide.planners.asking import Ask
from rightbatch.records import Outcome, Status, TrainingProbe, Trial
from rightbatch.report.terminal import print_verdict
from rightbatch.report.view import make_view


def printed(study, width=80, encoding="utf-8", **options) -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)
    print_verdict(make_view(*study), Console(file=file, width=width, **options))
    file.flush()
    return raw.getvalue().decode(encoding)


def test_the_verdict_fits_a_glance():
    lines = printed(digits()).splitlines()
    assert 15 <= len(lines) <= 22  # two more, blank and the report's path, make a screen of 24
    assert max(map(len, lines)) <= 80


def test_it_tells_the_recommendation_the_gain_the_binding_and_the_time():
    text = " ".join(printed(digits()).split())
    for told in (
        "Train with batch size 128 and learning rate 0.528 (sgd).",
        ", 12 steps each",
        "1.4× as fast as your 32",
        "64 is also within 10%",
        "Limited by critical batch size",
        "Settings batch_size=128, learning_rate=0.528",
        "128 0.528 3 0.92 s recommended",
        "… 39 more settings in the report",
        "Noisy machine: other processes used 53% of its cores",
        "Used 2 min 47 s of 3 min: 1 min 52 s training, 31 s measuring, 24 s overhead.",
    ):
        assert told in text


@pytest.mark.parametrize("study", [digits, two_optimizers, too_little, memory_only])
@pytest.mark.parametrize("width", [30, 44, 80, 200])
def test_no_line_is_wider_than_the_terminal(study, width):
    assert max(map(len, printed(study(), width).splitlines())) <= width


def test_without_a_terminal_there_is_no_escape_sequence():
    assert "\x1b" not in printed(digits())


def test_an_ascii_terminal_gets_ascii():
    text = printed(digits(), encoding="ascii")
    assert "1.4x as fast" in text
    assert "... 39 more" in text


def test_time_of_runs_side_by_side_is_told_once():
    recording, advice = digits()
    advice = replace(advice, time_spent=replace(advice.time_spent, overlapped=60.0))
    text = " ".join(printed((recording, advice)).split())
    assert "Used 1 min 47 s of 3 min: 1 min 52 s training" in text
    assert "1 min of it in parallel" in text


def drawn(happen) -> str:
    """What the progress of a study shows in a terminal at the end of what happens."""
    file = io.StringIO()
    with StudyProgress(Console(file=file, force_terminal=True, width=120)) as progress:
        happen(progress)
    return file.getvalue()


def test_progress_shows_every_run_that_is_under_way():
    asks = [
        Ask(
            "learning",
            TrainingProbe("sgd", size, size, 0.1, 0, 9, 9.0, seconds_limit=20.0),
            0.2,
            0.6,
            30.0,
        )
        for size in (64, 128)
    ]
    ended = Trial(1, asks[0].probe, Outcome(Status.OK), None, 0.0, 1.0)

    def both(progress):
        for asked in asks:
            progress.started(asked)
        progress.progress(asks[1], 0.5)
        progress.progress(asks[0], 0.25)

    def one(progress):
        both(progress)
        progress.finished(ended)
        progress.progress(asks[1], 0.75)

    shown, left = (
        [line for line in drawn(what).splitlines() if "size" in line][-1] for what in (both, one)
    )
    assert "batch size 64, learning rate 0.1 | batch size 128, learning rate 0.1" in shown
    assert "batch size 128, learning rate 0.1, ≤ 30 s left" in left
    assert "batch size 64" not in left


def test_too_little_data_is_said_plainly_with_a_remedy():
    text = " ".join(printed(too_little()).split())
    assert "not enough data" in text
    assert "larger budget" in text
    assert "learning_rate=" not in text


def test_hostile_text_is_printed_as_text():
    recording, advice = digits()
    title = "[bold red]x[/] \x1b[31mred\x07"
    study = replace(recording.study, workload=replace(recording.study.workload, title=title))
    text = printed((replace(recording, study=study), advice), force_terminal=False)
    assert "[bold red]x[/]" in text
    assert not [sign for sign in text if unicodedata.category(sign) == "Cc" and sign != "\n"]


def test_the_time_left_counts_down_to_nothing():
    now, probe = [100.0], TrainingProbe("sgd", 64, 64, 0.1, 0, 9, 9.0, seconds_limit=20.0)
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=120, get_time=lambda: now[0])
    with StudyProgress(console) as progress:
        progress.started(Ask("learning", probe, 0.2, 0.6, 30.0))
        for passed, told in ((10.0, "≤ 20 s left"), (50.0, "≤ 0 s left")):
            now[0] = 100.0 + passed
            progress._bars.refresh()
            assert told in file.getvalue().splitlines()[-1]


def test_progress_prints_what_ended_badly_as_it_is():
    probe = TrainingProbe("sgd", 64, 64, 0.1, 0, 9, 9.0, seconds_limit=20.0)
    ended = Trial(1, probe, Outcome(Status.DIVERGED, advice="m[/x] grew"), None, 0.0, 1.0)
    assert "m[/x] grew" in drawn(lambda progress: progress.finished(ended))
