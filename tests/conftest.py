"""What all tests share."""

import hypothesis
import pytest

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
