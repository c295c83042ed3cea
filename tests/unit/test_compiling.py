"""Compiling is told apart from the time to the goal."""

from dataclasses import replace

from rightbatch.decide.advise.reasons import compiling
from rightbatch.records import Outcome, Status, TrainingProbe, TrainingResult, Trial
from rightbatch.report.sentences import say


def trials(*compile_seconds):
    probe = TrainingProbe("adam", 32, 32, 0.001, 0, 100, 10.0, seconds_limit=60.0)
    return [
        Trial(number, probe, Outcome(Status.OK), TrainingResult((), 5.0, 3.0, seconds), 0.0, 8.0)
        for number, seconds in enumerate(compile_seconds, 1)
    ]


def test_what_compiling_took_is_told_with_its_worst():
    assert say(compiling(trials(1.4, 2.0, 0.3))) == (
        "Compiling took 1.4 s per run (at most 2.0 s), which the time to goal leaves out."
    )


def test_a_run_that_goes_on_compiles_nothing_more():
    (first,) = trials(2.0)
    onward = [
        replace(first, result=replace(first.result, compile_seconds=0.0, earlier_seconds=5.0))
    ]
    assert compiling([first, *3 * onward]) == compiling([first])


def test_nothing_is_told_where_nothing_is_compiled():
    assert compiling(trials(0.0, 1e-6)) is None
    assert compiling([]) is None
