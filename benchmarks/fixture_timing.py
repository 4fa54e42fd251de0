"""A pytest plugin, for ``-p``: how long set-up and tear-down of each test took, written as JSON at the end."""

import json
from collections import defaultdict
from pathlib import Path

import pytest

SECONDS = pytest.StashKey[dict[str, list[float]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--timing-file", type=Path, required=True)


def pytest_configure(config: pytest.Config) -> None:
    seconds: dict[str, list[float]] = defaultdict(list)
    config.stash[SECONDS] = seconds
    config.pluginmanager.register(Timing(seconds))


def pytest_unconfigure(config: pytest.Config) -> None:
    config.getoption("--timing-file").write_text(json.dumps(config.stash[SECONDS]))


class Timing:
    """Keeps pytest's own durations, those that ``--durations`` shows, by phase.

    Args:
        seconds: where to.
    """

    def __init__(self, seconds: dict[str, list[float]]) -> None:
        self._seconds = seconds

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.when].append(report.duration)
