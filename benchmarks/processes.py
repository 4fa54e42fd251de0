"""What starting costs: the command, the fixture, the imports, a LiveServer."""

import http.client
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.children import BARE, HOST, MOCKSCOPE, Failed, python, serving
from benchmarks.figures import FIXTURE, START, Figure, quotient
from mockscope import LiveServer

TESTS: Final = 200

TEST_FILE: Final = f"""
import pytest

@pytest.mark.parametrize("number", range({TESTS}))
def test_with_the_fixture(mockscope, number):
    assert mockscope.admin.email == "admin@example.com"
"""

# What the plugin adds to the modules that pytest itself loads.
COUNT_MODULES: Final = """
import sys
import pytest
before = set(sys.modules)
import pytest_mockscope
print(len([name for name in sys.modules if name not in before and not name.startswith("pytest_mockscope")]))
"""


def measure(rounds: int, work: Path, tell: Callable[[str], None]) -> list[Figure]:
    """Measure what starting costs.

    Args:
        rounds: how often.
        work: a directory for files.
        tell: called with what is being done.

    Raises:
        Failed: something did not start.
    """
    tell("start of the servers")
    figures = _first_answers(rounds, work)
    tell("the plugin")
    figures += [*_fixture(rounds, work), *_plugin_import(rounds)]
    tell("LiveServer")
    return figures + _live_server(rounds)


def _first_answers(rounds: int, work: Path) -> list[Figure]:
    """From the start of the process to the first answer, in turns, after one start of each that does not count."""
    commands = {"mockscope serve": (*MOCKSCOPE, "--log", "off"), "uvicorn benchmarks.bare:app": BARE}
    samples: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(rounds + 1):
        for name, command in commands.items():
            started = time.perf_counter()
            with serving(command, work / "start.log"):
                if turn:
                    samples[name].append((time.perf_counter() - started) * 1000)
    ours, bare = (Figure(f"{name}: start to first answer", "ms", taken) for name, taken in samples.items())
    return [ours, bare, quotient(START, ours, bare, unit="times the time")]


def _fixture(rounds: int, work: Path) -> list[Figure]:
    """Set-up and tear-down of tests that use the fixture, by pytest's own durations."""
    tests, timing = work / "test_fixture.py", work / "timing.json"
    tests.write_text(TEST_FILE)
    first, rest, ends = [], [], []
    for _ in range(rounds):
        options = ("-p", "benchmarks.fixture_timing", "--timing-file", f"{timing}", "--rootdir", f"{work}")
        python("-m", "pytest", "-q", "-c", "/dev/null", *options, f"{tests}")
        seconds = json.loads(timing.read_text())
        first.append(seconds["setup"][0] * 1000)
        rest.append(median(seconds["setup"][1:]) * 1000)
        ends.append(median(seconds["teardown"][:-1]) * 1000)
    return [
        Figure("fixture mockscope, the first of a session", "ms", first, "the imports and the server"),
        Figure(FIXTURE, "ms", rest, f"set-up of a test, median of {TESTS - 1}"),
        Figure("fixture mockscope, tear-down", "ms", ends, f"of a test, median of {TESTS - 1}"),
    ]


def _plugin_import(rounds: int) -> list[Figure]:
    """What a test run pays for having the plugin installed and not using it."""
    milliseconds = []
    for _ in range(rounds + 1):
        told = python("-X", "importtime", "-c", "import pytest, pytest_mockscope").stderr
        line = re.search(r"\|\s+(\d+) \| pytest_mockscope$", told, re.MULTILINE)
        if line is None:
            raise Failed("importtime does not show pytest_mockscope")
        milliseconds.append(int(line[1]) / 1000)
    modules = int(python("-c", COUNT_MODULES).stdout)
    aside = f"modules beyond pytest's and its own: {modules}"
    # The first run may still have compiled.
    return [Figure("import of the plugin, unused", "ms", milliseconds[1:], aside)]


def _live_server(rounds: int) -> list[Figure]:
    """Start, first answer and stop in this process, after one cycle that does not count."""
    ready, answered, stopped = [], [], []
    for _ in range(rounds + 1):
        server = LiveServer()
        began = time.perf_counter()
        server.start()
        try:
            started = time.perf_counter()
            connection = http.client.HTTPConnection(HOST, int(server.url.rpartition(":")[2]), timeout=10)
            connection.request("GET", "/")
            connection.getresponse().read()
            got = time.perf_counter()
            connection.close()
            stopping = time.perf_counter()
        finally:
            server.stop()
        ended = time.perf_counter()
        ready.append((started - began) * 1000)
        answered.append((got - began) * 1000)
        stopped.append((ended - stopping) * 1000)
    return [
        Figure("LiveServer in a warm process: start", "ms", ready[1:]),
        Figure("LiveServer in a warm process: start to first answer", "ms", answered[1:]),
        Figure("LiveServer in a warm process: stop", "ms", stopped[1:]),
    ]


__all__ = ["measure"]
