"""What becomes of tests that skip: a reason elsewhere, a failed run where CI is `true`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import needs

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parents[1]
FILE = f"""
import needs
import pytest

def test_passes():
    pass

def test_needs():
    needs.library("not_there")

def test_skips():
    pytest.skip("a whim")

def test_cannot():
    pytest.skip({needs.NO_CONTROL_GROUP!r})

@pytest.mark.long
def test_long():
    pass
"""


def run(folder, *options, ci):
    """Run a file of tests with this project's settings and conftest."""
    (folder / "test_it.py").write_text(FILE)
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "conftest", "-p", "no:cacheprovider"),
            *("-c", TESTS.parent / "pyproject.toml", *options, folder),
        ],
        env=os.environ | {"CI": ci, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_is_missing_is_skipped_with_what_brings_it_and_long_tests_are_left_out(tmp_path):
    done = run(tmp_path, ci="")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed, 3 skipped, 1 deselected" in done.stdout
    assert "::test_needs - Skipped: not_there is not installed: pip install" in done.stdout
    assert "CI is true" not in done.stdout


def test_in_ci_what_skips_in_one_of_several_processes_fails_and_is_named(tmp_path):
    summary = tmp_path / "results" / "last.txt"
    but = ("-k", "not test_needs")
    done = run(tmp_path, "-n", "1", "-m", "", "--summary", summary, *but, ci="true")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "FAILED" not in done.stdout
    _, told = done.stdout.split("skipped although CI is true")
    assert "::test_skips: a whim" in told
    assert "::test_cannot: " not in told
    counts, _, _, slowest, *rest = summary.read_text().splitlines()
    assert (counts, slowest) == ("2 passed, 2 skipped", "Slowest, in seconds:")
    assert any(line.endswith("::test_long") for line in rest)


def test_in_ci_what_is_missing_is_a_failure(monkeypatch):
    monkeypatch.setattr(needs, "IN_CI", True)
    with pytest.raises(pytest.fail.Exception, match="not_there is not installed: pip install not"):
        needs.library("not_there")
