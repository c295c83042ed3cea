"""What all tests share."""

from pathlib import Path

import hypothesis
import pytest

import needs
import session_summary
from rightbatch.api.one_thread import one_thread

hypothesis.settings.register_profile("seeded", deadline=None, derandomize=True)
hypothesis.settings.load_profile("seeded")  # a busy machine is no failure


@pytest.fixture(scope="session", autouse=True)
def _deciding_takes_one_thread():
    """As where a study runs; tests that ask the planner themselves would wait for its threads."""
    import numpy  # noqa: F401
    import scipy.linalg  # noqa: F401

    with one_thread():
        yield


def pytest_addoption(parser):
    parser.addoption(
        "--summary", type=Path, metavar="FILE", help="write counts, duration and slowest tests"
    )


def pytest_sessionstart(session):
    session.config.stash[session_summary.BEGAN] = session_summary.now()


def pytest_sessionfinish(session):
    """In CI a test that skips makes the run fail; with several processes the first one judges."""
    config = session.config
    if needs.IN_CI and not hasattr(config, "workerinput") and session_summary.unwanted(config):
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    unwanted = session_summary.unwanted(config) if needs.IN_CI else {}
    if unwanted:
        terminalreporter.section("skipped although CI is true", red=True)
    for test, reason in unwanted.items():
        terminalreporter.line(f"{test}: {reason}", red=True)
    if config.option.summary:
        config.option.summary.parent.mkdir(parents=True, exist_ok=True)
        config.option.summary.write_text(session_summary.text(config))
