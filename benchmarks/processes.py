"""What starting costs: the command, also with many users, the fixture, the imports, a LiveServer."""

import http.client
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks import sites
from benchmarks.children import BARE, HOST, MOCKSCOPE, Failed, python, serving
from benchmarks.figures import (
    FIRST_FIXTURE,
    FIXTURE,
    LIVE_START,
    LIVE_STOP,
    PLUGIN_IMPORT,
    PLUGIN_MODULES,
    START,
    Figure,
    Form,
    generated,
    quotient,
    seed_file,
)
from mockscope import LiveServer, Mockscope, seeding

TESTS: Final = 200
SEEDED: Final = 100

TESTS_WITH_THE_FIXTURE: Final = f"""
import pytest

@pytest.mark.parametrize("number", range({TESTS}))
def test_with_the_fixture(mockscope, number):
    assert mockscope.admin.email == "admin@example.com"
"""

# Every client that a redirect knows is there to be turned round.
TESTS_WITH_A_REDIRECT: Final = f"""
import aiohttp, httpx, httpx2, pytest, requests

@pytest.mark.parametrize("number", range({TESTS}))
def test_with_a_redirect(mockscope_redirect, number):
    assert mockscope_redirect.admin.email == "admin@example.com"
"""

# What pytest itself takes.
TESTS_WITH_ANOTHER: Final = f"""
import pytest

@pytest.fixture
def nothing():
    yield None

@pytest.mark.parametrize("number", range({TESTS}))
def test_with_another_fixture(nothing, number):
    assert nothing is None
"""

# What the plugin adds to the modules that pytest itself loads, and whose that is.
COUNT_MODULES: Final = """
import sys
import pytest
before = set(sys.modules)
import pytest_mockscope
added = {name for name in sys.modules if name not in before and not name.startswith("pytest_mockscope")}
print(len([name for name in added if name.partition(".")[0] not in sys.stdlib_module_names]), len(added))
"""


def measure(rounds: int, work: Path, tell: Callable[[str], None], form: Form) -> list[Figure]:
    """Measure what starting costs.

    Args:
        rounds: how often.
        work: a directory for files.
        tell: called with what is being done.
        form: how much.

    Raises:
        Failed: something did not start.
    """
    tell("start of the servers")
    figures = _first_answers(rounds, work)
    tell("the plugin")
    figures += [*_fixture(rounds, work), *_plugin_import(rounds)]
    tell("LiveServer")
    figures += _live_server(rounds)
    # Last, because it leaves the heap of this process large.
    return figures + _loading(min(rounds, form.repeats), work, tell, form)


def _first_answers(rounds: int, work: Path) -> list[Figure]:
    """From the start of the process to the first answer, in turns, after one start of each that does not count."""
    commands = {"mockscope serve": (*MOCKSCOPE, "--log", "off"), "uvicorn benchmarks.bare:app": BARE}
    samples: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(rounds + 1):
        for name, command in commands.items():
            seconds = _first_answer(command, work)
            if turn:
                samples[name].append(seconds * 1000)
    ours, bare = (Figure(f"{name}: start to first answer", "ms", taken) for name, taken in samples.items())
    return [ours, bare, quotient(START, ours, bare, unit="times the time")]


def _first_answer(command: tuple[str, ...], work: Path) -> float:
    started = time.perf_counter()
    with serving(command, work / "start.log"):
        return time.perf_counter() - started


def _loading(repeats: int, work: Path, tell: Callable[[str], None], form: Form) -> list[Figure]:
    """The same with many users: made up, and as records in a file of either language."""
    tell(f"start with {form.large:,} users")
    command = sites.mockscope(work, form.large)
    figures = [Figure(generated(form.large), "s", [_first_answer(command, work) for _ in range(repeats)])]
    there = list(Mockscope(sites.seed(form.seeded)).directory)
    for language, write in (("JSON", seeding.to_json), ("YAML", seeding.to_yaml)):
        tell(f"start with {form.seeded:,} users in a {language} file")
        file = work / f"seed.{language.lower()}"
        file.write_text(write(there), encoding="utf-8")
        command = (*MOCKSCOPE, "--seed", f"{file}", "--log", "off")
        taken = [_first_answer(command, work) for _ in range(repeats)]
        figures.append(Figure(seed_file(form.seeded, language), "s", taken, f"{file.stat().st_size / 2**20:,.1f} MiB"))
    return figures


def _fixture(rounds: int, work: Path) -> list[Figure]:
    """Set-up and tear-down of tests that use the fixture, and of tests that use one that does nothing."""
    first, rest, ends, seeded, redirected, nothing = [], [], [], [], [], []
    seed = work / "fixture.yaml"
    seed.write_text(seeding.to_yaml(list(Mockscope(sites.seed(SEEDED)).directory)), encoding="utf-8")
    for _ in range(rounds):
        setups, teardowns = _durations(TESTS_WITH_THE_FIXTURE, work)
        first.append(setups[0])
        rest.append(median(setups[1:]))
        ends.append(median(teardowns[:-1]))
        seeded.append(median(_durations(TESTS_WITH_THE_FIXTURE, work, "--mockscope-seed", f"{seed}")[0][1:]))
        redirected.append(median(_durations(TESTS_WITH_A_REDIRECT, work)[0][1:]))
        nothing.append(median(_durations(TESTS_WITH_ANOTHER, work)[0][1:]))
    told = f"set-up of a test, median of {TESTS - 1}"
    return [
        Figure(FIRST_FIXTURE, "ms", first, "the imports and the server"),
        Figure(FIXTURE, "ms", rest, told),
        Figure(f"fixture mockscope, {SEEDED} users in a YAML file, after the first", "ms", seeded, told),
        Figure("fixture mockscope_redirect, after the first", "ms", redirected, told),
        Figure("fixture that does nothing, after the first", "ms", nothing, told),
        Figure("fixture mockscope, tear-down", "ms", ends, f"of a test, median of {TESTS - 1}"),
    ]


def _durations(text: str, work: Path, *also: str) -> tuple[list[float], list[float]]:
    """How long set-up and tear-down of each test in a file took, by pytest's own durations, in milliseconds."""
    tests, timing = work / "test_fixture.py", work / "timing.json"
    tests.write_text(text)
    # No other plugin: many import what the first fixture would have to.
    plugins = ("-p", "pytest_mockscope", "-p", "benchmarks.fixture_timing")
    options = ("-q", "-c", "/dev/null", "--rootdir", f"{work}", "--timing-file", f"{timing}", *also)
    python("-m", "pytest", *plugins, *options, f"{tests}", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    seconds = json.loads(timing.read_text())
    setups, teardowns = ([duration * 1000 for duration in seconds[phase]] for phase in ("setup", "teardown"))
    return setups, teardowns


def _plugin_import(rounds: int) -> list[Figure]:
    """What a test run pays for having the plugin installed and not using it."""
    milliseconds = []
    for _ in range(rounds + 1):
        told = python("-X", "importtime", "-c", "import pytest, pytest_mockscope").stderr
        line = re.search(r"\|\s+(\d+) \| pytest_mockscope$", told, re.MULTILINE)
        if line is None:
            raise Failed("importtime does not show pytest_mockscope")
        milliseconds.append(int(line[1]) / 1000)
    foreign, added = (int(number) for number in python("-c", COUNT_MODULES).stdout.split())
    return [
        # The first run may still have compiled.
        Figure(PLUGIN_IMPORT, "ms", milliseconds[1:], f"modules beyond pytest's and its own: {added}"),
        Figure(PLUGIN_MODULES, "modules", [foreign]),
    ]


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
        Figure(LIVE_START, "ms", ready[1:]),
        Figure("LiveServer in a warm process: start to first answer", "ms", answered[1:]),
        Figure(LIVE_STOP, "ms", stopped[1:]),
    ]


__all__ = ["measure"]
