"""Opens a report in Debian's Chromium and tells what the browser saw."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

import needs

CHROMIUM, CHROMEDRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
DESKTOP, PHONE = (1200, 900), (360, 740)
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
)
_FIGURES = """
return [...document.querySelectorAll(".plot")].map((plot) => {
  const box = plot.querySelector("svg.main-svg")?.getBoundingClientRect();
  return {
    key: plot.id.replace("plot-", ""),
    width: box ? box.width : 0,
    height: box ? box.height : 0,
    traces: plot.querySelectorAll(".scatterlayer .trace").length,
    points: plot.querySelectorAll(".scatterlayer .points path").length,
    lines: [...plot.querySelectorAll(".scatterlayer .lines path")]
      .filter((line) => (line.getAttribute("d") || "").length > 5).length,
    bad: [...plot.querySelectorAll("path")]
      .filter((path) => (path.getAttribute("d") || "").includes("NaN")).length,
    text: plot.textContent,
  };
});
"""
_OWN_SCHEMES = ("file:", "data:", "blob:", "about:", "chrome:", "devtools:")


@dataclass(frozen=True)
class Figure:
    """One figure as the browser drew it: pixels, and counts of what its SVG holds."""

    key: str
    width: float
    height: float
    traces: int
    points: int
    lines: int
    bad: int
    text: str


class OpenReport:
    """A report that is open in a browser."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def figures(self) -> dict[str, Figure]:
        """Every figure of the page, by its key."""
        found = [Figure(**figure) for figure in self.driver.execute_script(_FIGURES)]
        return {figure.key: figure for figure in found}

    def text(self) -> str:
        """The page's visible text."""
        return str(self.driver.execute_script("return document.body.innerText"))

    def overflow(self) -> int:
        """Pixels by which the page is wider than the window."""
        script = "return document.documentElement.scrollWidth - window.innerWidth"
        return int(self.driver.execute_script(script))

    def console(self) -> list[str]:
        """Warnings and errors in the browser's console."""
        entries: list[dict[str, Any]] = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in entries if entry["level"] in ("SEVERE", "WARNING")]

    def requests(self) -> list[str]:
        """Addresses outside the file itself that the page asked for."""
        entries: list[dict[str, Any]] = self.driver.get_log("performance")  # type: ignore[no-untyped-call]
        messages = [json.loads(entry["message"])["message"] for entry in entries]
        asked = [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]
        return [url for url in asked if not url.startswith(_OWN_SCHEMES)]

    def screenshot(self, path: Path) -> Path:
        """Write a picture of the whole page."""
        metrics = self.driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": metrics["width"], "height": metrics["height"], "scale": 1}
        options = {"captureBeyondViewport": True, "clip": clip}
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", options)
        path.write_bytes(base64.b64decode(shot["data"]))
        return path


@cache
def _driver() -> webdriver.Chrome:
    """A headless browser that the tests of a file share."""
    needs.programs(CHROMIUM, CHROMEDRIVER)
    options = Options()
    options.binary_location = str(CHROMIUM)
    for flag in _FLAGS:  # the driver gives it a profile of its own and removes that
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=Service(str(CHROMEDRIVER)))


def close() -> None:
    """Quit the browser, where one was opened."""
    if _driver.cache_info().currsize:
        _driver().quit()
        _driver.cache_clear()


@contextmanager
def open_report(
    path: Path, size: tuple[int, int] = DESKTOP, dark: bool = False
) -> Iterator[OpenReport]:
    """Open a report file in a browser that has nothing else open.

    Skips the test where there is no Chromium.
    """
    report = OpenReport(_driver())
    _emulate(report.driver, size, dark)
    report.driver.get(path.resolve().as_uri())
    try:
        yield report
    finally:
        report.driver.get("about:blank")
        report.console()  # reading empties the logs for the next report
        report.requests()


def check_report(report: OpenReport) -> None:
    """What holds for every report: figures drawn, no error, no request, no sideways scroll."""
    figures = report.figures()
    assert figures, "the report shows no figure at all"
    for figure in figures.values():
        assert figure.width > 200, f"{figure.key} has no width: {figure}"
        assert figure.height > 200, f"{figure.key} has no height: {figure}"
        assert figure.traces > 0, f"{figure.key} shows nothing: {figure}"
        assert figure.points > 0, f"{figure.key} shows no points: {figure}"
        assert figure.bad == 0, f"{figure.key} draws a path that is not a number"
    assert report.overflow() <= 0, f"the page is {report.overflow()} px wider than the window"
    assert report.console() == []
    assert report.requests() == []


def _emulate(driver: webdriver.Chrome, size: tuple[int, int], dark: bool) -> None:
    metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
