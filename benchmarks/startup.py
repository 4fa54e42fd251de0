"""The processor time of a start: of the command, with a seed file, of the fixture, and of the import of the plugin."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Final

import yaml

from benchmarks.figures import Figure, Goal
from benchmarks.loads import mockscope, seed
from benchmarks.plan import Plan
from benchmarks.servers import BARE, ENVIRONMENT, MOCKSCOPE, ROOT, BenchmarkError, running
from mockscope import Mockscope

TESTS: Final = 200
TEST_FILE: Final = f"""
import pytest

@pytest.mark.parametrize("number", range({TESTS}))
def test_with_the_fixture(mockscope, number):
    assert mockscope.admin.email == "admin@example.com"
"""
CONFTEST: Final = """
import pytest, time

@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    began = time.process_time()
    yield
    print(f"\\nsetup took {(time.process_time() - began) * 1000} ms")
"""
# Prints the third-party modules that the plugin imports in addition to those of pytest.
FOREIGN_MODULES: Final = """
import sys, pytest
before = set(sys.modules)
import pytest_mockscope
added = {name.partition(".")[0] for name in set(sys.modules) - before} - {"pytest_mockscope"}
print(*sorted(added - sys.stdlib_module_names))
"""


def measure(plan: Plan) -> Iterator[Figure]:
    """Measure the command, the fixture, the import of the plugin, and seed files."""
    plan.tell("the command")
    yield from _command(plan)
    plan.tell("the fixture and the plugin")
    yield from _fixture(plan)
    yield _plugin_import(plan.rounds)
    yield from _seeds(plan)


def _command(plan: Plan) -> Iterator[Figure]:
    # The first start may compile bytecode and is not counted.
    pairs = [(_start(MOCKSCOPE, plan.work)[0], _start(BARE, plan.work)[0]) for _ in range(plan.rounds + 1)][1:]
    ours, bare = (median(column) * 1000 for column in zip(*pairs, strict=True))
    ratios = [one / other for one, other in pairs]
    yield Figure(
        "mockscope serve, start to first response",
        "x bare's CPU",
        ratios,
        f"{ours:.0f} ms against {bare:.0f} of uvicorn's command",
        Goal(1.5, at_most=True),
    )


def _seeds(plan: Plan) -> Iterator[Figure]:
    rounds = min(plan.rounds, 3)
    plan.tell(f"{plan.large:,} generated users")
    command = mockscope(plan.work, plan.large)
    name = f"mockscope serve, {plan.large:,} generated users: start to first response"
    yield _seconds(name, command, plan.work, rounds, Goal(15, at_most=True))
    [site] = Mockscope(seed(plan.seeded)).sites.values()
    files = {
        "JSON": (json.dumps(site.export()), Goal(1, at_most=True)),
        "YAML": (yaml.dump(site.export(), Dumper=yaml.CSafeDumper), Goal(10, at_most=True)),
    }
    for language, (text, goal) in files.items():
        plan.tell(f"{plan.seeded:,} users in {language}")
        file = plan.work / f"seed.{language.lower()}"
        file.write_text(text, encoding="utf-8")
        name = f"mockscope serve, {plan.seeded:,} users in {language}: start to first response"
        yield _seconds(name, (*MOCKSCOPE, "--seed", f"{file}"), plan.work, rounds, goal)


def _seconds(name: str, command: tuple[str, ...], work: Path, rounds: int, goal: Goal) -> Figure:
    cpu, wall = zip(*[_start(command, work) for _ in range(rounds)], strict=True)
    return Figure(name, "s", cpu, f"by processor time; {median(wall):.1f} s elapsed", goal)


def _start(command: tuple[str, ...], work: Path) -> tuple[float, float]:
    """Return the processor time of a process until its first response, and the elapsed time."""
    began = time.perf_counter()
    with running(command, work / "start.log") as server:
        return server.cpu_seconds, time.perf_counter() - began


def _fixture(plan: Plan) -> Iterator[Figure]:
    (plan.work / "test_fixture.py").write_text(TEST_FILE)
    (plan.work / "conftest.py").write_text(CONFTEST)
    # No other plugin, because a plugin may import modules that the first fixture needs.
    options = ("-qs", "-c", "/dev/null", "--rootdir", f"{plan.work}", "-p", "pytest_mockscope")
    first, later = [], []
    for _ in range(plan.rounds):
        output = _python("-m", "pytest", *options, f"{plan.work / 'test_fixture.py'}").stdout
        setups = [float(text) for text in re.findall(r"^setup took (\S+) ms$", output, re.MULTILINE)]
        first.append(setups[0])
        later.append(median(setups[1:]))
    yield Figure(
        "fixture mockscope, first in a session", "ms", first, "with imports and server", Goal(250, at_most=True)
    )
    yield Figure(
        "fixture mockscope, after the first", "ms", later, f"median of {TESTS - 1} tests", Goal(0.5, at_most=True)
    )


def _plugin_import(rounds: int) -> Figure:
    times = []
    # The first run may compile bytecode and is not counted.
    for _ in range(rounds + 1):
        output = _python("-X", "importtime", "-c", "import pytest, pytest_mockscope").stderr
        line = re.search(r"\|\s+(\d+) \| pytest_mockscope$", output, re.MULTILINE)
        if line is None:
            raise BenchmarkError("importtime does not show pytest_mockscope")
        times.append(int(line[1]) / 1000)
    foreign = _python("-c", FOREIGN_MODULES).stdout.strip()
    note = f"imports {foreign or 'no third-party module'}"
    return Figure("import of the plugin, unused", "ms", times[1:], note, Goal(10, at_most=True))


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**ENVIRONMENT, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=300, cwd=ROOT, env=environment
    )
    if done.returncode:
        raise BenchmarkError(f"python {arguments} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done
