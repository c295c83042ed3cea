"""What all tests share."""

import pytest

from rightbatch.api.one_thread import one_thread


@pytest.fixture(scope="session", autouse=True)
def _deciding_takes_one_thread():
    """As where a study runs; tests that ask the planner themselves would wait for its threads."""
    import numpy  # noqa: F401
    import scipy.linalg  # noqa: F401

    with one_thread():
        yield
