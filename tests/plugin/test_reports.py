"""A failed test leaves a file with its sites, under xdist too, and --mockscope-hold keeps its server up."""

import json
import os
import re
import sys
from hashlib import sha256
from pathlib import Path
from subprocess import Popen
from typing import Any, Final

import pytest
import requests
from support.bounds import WAIT_SECONDS
from support.nested import run

pytestmark = pytest.mark.usefixtures("few_plugins")

KEY: Final = "e179017a-62b0-4996-8a38-e91aa9f1"
TESTS: Final = """
import pytest
import requests

import mockscope as package

def ask(site, name):
    requests.get(f"{site.url}/api/v1/groups/{name}", headers=site.headers)

@pytest.fixture
def broken(mockscope):
    ask(mockscope, "of-setup")
    raise ValueError("on purpose")

@pytest.fixture
def broken_at_the_end(mockscope):
    yield
    ask(mockscope, "of-teardown")
    raise ValueError("on purpose")

@pytest.fixture
def broken_after_the_site():
    yield
    raise ValueError("on purpose")

@pytest.mark.parametrize("word", ["a/b: …", pytest.param("", id="x" * 200)])
@pytest.mark.mockscope(api_key="KEY")
def test_names(mockscope, word):
    ask(mockscope, "of-names")
    assert False

def test_setup(broken):
    pass

def test_teardown(broken_at_the_end):
    pass

def test_after_the_site(broken_after_the_site, mockscope):
    ask(mockscope, "of-call")

@pytest.mark.mockscope(strict=True)
def test_findings(mockscope):
    requests.get(f"{mockscope.url}/api/v1/users", headers=mockscope.headers, params={"limit": 3})

def test_several(mockscope, mockscope_server):
    mockscope.faults.add("delete_user", status=503)
    requests.get(f"{mockscope.url}/api/v1/groups", headers={"Http-X-Partner-Auth": "nowhere:KEY"})
    with mockscope_server.site("second") as second, package.serve() as server:
        ask(second, "of-second")
        third = server.site("third")
        ask(third, "of-third")
        assert False

def test_without():
    assert False

@pytest.mark.xfail
def test_expected(mockscope):
    ask(mockscope, "of-expected")
    assert False

def test_that_passes(mockscope):
    ask(mockscope, "of-passed")
""".replace("KEY", KEY)
LONG: Final = "test_of_run.py::test_names[" + "x" * 200 + "]"
WITH_A_FILE: Final = {
    "test_of_run.py::test_names[a/b: \\u2026]": ["of-names"],
    LONG: ["of-names"],
    "test_of_run.py::test_setup": ["of-setup"],
    "test_of_run.py::test_teardown": ["of-teardown"],
    "test_of_run.py::test_after_the_site": ["of-call"],
    "test_of_run.py::test_findings": [None],
    "test_of_run.py::test_several": ["of-second", "of-third"],
}


def reports(folder: Path) -> dict[str, Any]:
    """Return the reports in a folder by the ids of the tests."""
    read = [json.loads(path.read_bytes()) for path in sorted(folder.iterdir())]
    return {report["test"]: report for report in read}


def groups_of(report: dict[str, Any]) -> list[str | None]:
    return [call["group"] for site in report["sites"] for call in site["calls"]]


def name_of(id: str) -> str:
    return f"{re.sub('[^A-Za-z0-9._-]', '_', id)[:150]}-{sha256(id.encode()).hexdigest()[:8]}.mockscope.json"


def test_each_failed_test_leaves_a_report_under_xdist(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_of_run=TESTS)

    result = run(pytester, "-n", "2", "--mockscope-report=new/failures", "--mockscope-log=none")

    result.assert_outcomes(failed=4, errors=4, passed=4, xfailed=1)
    found = reports(pytester.path / "new" / "failures")
    assert {id: groups_of(report) for id, report in found.items()} == WITH_A_FILE
    assert sorted(os.listdir(pytester.path / "new" / "failures")) == sorted(map(name_of, WITH_A_FILE))
    output = str(result.stdout)
    shown = re.findall(r"mockscope show '?(\S+?\.json)'?\n", output)
    assert sorted(shown) == sorted(str(pytester.path / "new" / "failures" / name_of(id)) for id in WITH_A_FILE)
    several = found["test_of_run.py::test_several"]
    assert [site["host"] for site in several["sites"]][1:] == ["second", "third"]
    assert [call["rule"] for call in several["calls"]] == ["AUTH-2"]
    assert [fault["hits"] for fault in several["sites"][0]["faults"]] == [0]
    [finding] = found["test_of_run.py::test_findings"]["sites"][0]["findings"]
    assert finding["problem"].startswith("parameter-paging: ")
    assert KEY not in json.dumps(found)


ATTEMPTS: Final = """
import os

import pytest
import requests
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    # What pytest-rerunfailures does.
    for attempt in range(2):
        for report in runtestprotocol(item, nextitem=nextitem, log=False):
            item.ihook.pytest_runtest_logreport(report=report)
    return True
"""
OF_ATTEMPTS: Final = """
import requests

attempts = []

def test_that_fails(mockscope):
    attempts.append(1)
    requests.get(f"{mockscope.url}/api/v1/groups/attempt{len(attempts)}", headers=mockscope.headers)
    assert False

def test_that_fails_first(mockscope):
    attempts.append(1)
    requests.get(f"{mockscope.url}/api/v1/groups/attempt{len(attempts)}", headers=mockscope.headers)
    assert len(attempts) == 4
"""


def test_the_last_attempt_counts_and_pytest_html_links_its_file(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(ATTEMPTS)
    pytester.makepyfile(test_of_run=OF_ATTEMPTS)
    pytester.makeini('[pytest]\nmockscope_report = "failed tests"\n')
    folder = pytester.path / "failed tests"
    folder.mkdir()
    stale = folder / name_of("test_of_run.py::test_that_fails_first")
    stale.touch()
    (folder / "other.json").write_text('{"test": "other"}')

    options = ["-p", "metadata", "-p", "html", "--html=html/report.html", "-o", "junit_logging=all"]
    result = run(pytester, *options, "--junitxml=junit.xml")

    result.assert_outcomes(failed=3, passed=1)
    id = "test_of_run.py::test_that_fails"
    found = reports(folder)
    assert {found[id]["sites"][0]["label"], *found} == {id, "other"}
    assert groups_of(found[id]) == ["attempt2"]
    shown = f"mockscope show '{folder / name_of(id)}'"
    assert (str(result.stdout).count(shown), shown in (pytester.path / "junit.xml").read_text()) == (2, True)
    html = (pytester.path / "html" / "report.html").read_text()
    assert f"../failed%20tests/{name_of(id)}" in html


def test_a_folder_that_is_a_file_stops_the_run(pytester: pytest.Pytester) -> None:
    path = pytester.makepyfile("def test_it(): pass")

    result = run(pytester, f"--mockscope-report={path}")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*--mockscope-report and mockscope_report name a folder, not {path}*"])


def test_a_report_that_cannot_be_written_is_named(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(mockscope):\n    open('file', 'w').close()\n    assert False")

    result = run(pytester, "--mockscope-report=file")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["mockscope could not write the report *: *"])


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ((), "run it in a terminal, or leave it out"),
        (("-n", "1"), "which workers of pytest-xdist do not get: add -n 0"),
    ],
)
def test_nobody_can_press_enter(pytester: pytest.Pytester, options: tuple[str, ...], problem: str) -> None:
    pytester.makepyfile("def test_it(): pass")

    result = run(pytester, "--mockscope-hold", *options)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*--mockscope-hold waits for Enter*{problem}"])


HOLD: Final = re.compile(rb"holds (\S+)\. [^\n]*\n +(http://\S+)/_mockscope/#/(\S+)/calls\r\n")
HELD: Final = """
import pytest
import requests

@pytest.mark.mockscope(host="friends")
def test_that_fails(mockscope):
    requests.get(f"{mockscope.url}/api/v1/groups/held", headers=mockscope.headers)
    assert False

@pytest.mark.mockscope(host="strict/site", strict=True)
def test_with_findings(mockscope):
    requests.get(f"{mockscope.url}/api/v1/users?limit=3", headers=mockscope.headers)

def test_without():
    assert False

def test_that_passes(mockscope):
    pass
"""


def test_a_failed_test_is_held_until_enter(pytester: pytest.Pytester) -> None:
    pty = pytest.importorskip("pty")
    pytester.makepyfile(test_of_run=HELD)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--mockscope-hold", "test_of_run.py"]
    with Popen(command, cwd=pytester.path, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        held: dict[str, int] = {}
        for _ in range(2):
            output = b""
            while not (found := HOLD.search(output)):
                output += os.read(ours, 1000)
            id, url, host = (part.decode() for part in found.groups())
            calls = requests.get(f"{url}/_mockscope/v1/sites/{host}/calls", timeout=WAIT_SECONDS)
            held[id] = len(calls.json()["calls"])
            os.write(ours, b"\n")
        while rest := read_end(ours):
            output += rest
        status = process.wait(WAIT_SECONDS)
    os.close(ours)

    assert held == {"test_of_run.py::test_that_fails": 1, "test_of_run.py::test_with_findings": 1}
    assert (status, b"2 failed, 2 passed, 1 error" in output) == (1, True)


def read_end(terminal: int) -> bytes:
    """Return what else was written to a terminal; empty at its end, for which Linux has an error."""
    try:
        return os.read(terminal, 1000)
    except OSError:
        return b""
