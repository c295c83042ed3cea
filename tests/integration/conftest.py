"""What integration tests share."""

import browser
import pytest


@pytest.fixture(scope="module", autouse=True)
def _no_browser_stays_open():
    yield
    browser.close()
