"""What a command exits with, by what was found; the codes stand in errors.ExitCode."""

from dataclasses import replace

import pytest
import report_fixture

from rightbatch import errors
from rightbatch.cli.exiting import Stopped, exit_code
from rightbatch.errors import ExitCode, StoreLocked, UsageError, WorkloadFailed
from rightbatch.records import Advice, Settings


def with_memory(advice: Advice, **changed) -> Advice:
    fits = replace(advice.fits, memory=replace(advice.fits.memory, **changed))
    return replace(advice, fits=fits)


def test_a_recommendation_is_a_success():
    assert exit_code(*report_fixture.digits()) is ExitCode.ADVICE


def test_where_nothing_fits_the_code_says_so_whatever_else_is_known():
    recording, advice = report_fixture.digits()
    nothing = with_memory(advice, largest_batch_size=None, safe_batch_size=None, failed=(1, 8))
    assert exit_code(recording, nothing) is ExitCode.NOTHING_FITS


def test_a_study_that_was_to_learn_and_reached_no_goal_gives_no_advice():
    assert exit_code(*report_fixture.too_little()) is ExitCode.NO_ADVICE


@pytest.mark.parametrize("stage", ["memory", "speed", "noise"])
def test_a_stage_alone_succeeds_where_it_measured_something(stage):
    recording, advice = report_fixture.digits()
    alone = replace(recording, study=replace(recording.study, settings=Settings(stages=(stage,))))
    assert exit_code(alone, advice) is ExitCode.ADVICE
    empty = replace(advice, fits=replace(advice.fits, **{stage: None}))
    assert exit_code(alone, empty) is ExitCode.NO_ADVICE


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("x"), ExitCode.USAGE),
        (StoreLocked("x"), ExitCode.USAGE),
        (WorkloadFailed("x"), ExitCode.FAILED),
        (errors.RunnerError("x"), ExitCode.FAILED),
        (Stopped("x"), ExitCode.INTERRUPTED),
        (Stopped("x", ExitCode.TERMINATED), ExitCode.TERMINATED),
    ],
)
def test_every_exception_has_its_code(error, code):
    assert error.exit_code is code
