"""What is told of a run of the tests as a whole: which skipped, how long, which were slowest."""

import time
from collections import Counter

import pytest

import needs
from rightbatch.report.words import duration

BEGAN = pytest.StashKey[float]()
now = time.monotonic
SLOWEST = 10


def skipped(config):
    """Why each test, or whole file, skipped."""
    reports = config.pluginmanager.get_plugin("terminalreporter").stats.get("skipped", [])
    return {report.nodeid: report.longrepr[2].removeprefix("Skipped: ") for report in reports}


def unwanted(config):
    """Those that should not have skipped where everything can be brought."""
    found = skipped(config)
    return {test: why for test, why in found.items() if why not in needs.UNAVOIDABLE}


def text(config):
    """Counts, duration, the slowest tests and those that skipped, without a date."""
    stats = config.pluginmanager.get_plugin("terminalreporter").stats
    counts = [f"{len(found)} {kind}" for kind, found in stats.items() if kind and found]
    seconds = Counter()
    for report in (report for reports in stats.values() for report in reports):
        if hasattr(report, "duration"):
            seconds[report.nodeid] += report.duration
    lines = [
        ", ".join(sorted(counts)),
        f"in {duration(now() - config.stash[BEGAN])}",
        "",
        "Slowest, in seconds:",
    ]
    lines += [f"{took:8.1f}  {test}" for test, took in seconds.most_common(SLOWEST)]
    if skips := skipped(config):
        lines += ["", "Skipped:", *(f"{test}: {why}" for test, why in skips.items())]
    return "\n".join(lines) + "\n"
