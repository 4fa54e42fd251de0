"""Failed tests show their calls, under xdist too, and not if the option is off."""

import re

import pytest
from support.nested import run

pytestmark = pytest.mark.usefixtures("few_plugins")

MISTAKE = """
import requests

def ask(site, **headers):
    return requests.get(f"{site.url}/api/v1/users", headers=site.headers | headers)

def create(site, **fields):
    body = {"first_name": "Joey", "last_name": "Tribbiani", "email": "joey@example.com"} | fields
    return requests.post(f"{site.url}/api/v1/users", headers=site.headers, json=body)
"""

FAILING = (
    MISTAKE
    + """
def test_that_fails(mockscope):
    ask(mockscope)
    create(mockscope, groups="Sales")
    requests.get(f"{mockscope.url}/api/v1/users", headers={"X-Partner-Auth": "example_site:a-key-of-some-length"})
    assert False

def test_that_passes(mockscope):
    ask(mockscope)
"""
)

SECTION = [
    "*Captured mockscope call*",
    "* 200  list_users *",
    "* 400  create_user    joey@example.com *",
    "    groups-as-string: The request has invalid fields: groups must be a list of strings; "
    'invited_by_email is missing. Send a list: ?"Sales"?.',
    '    sent: {*"groups": "Sales"}',
    "* 403  list_users * -  * ms",
    "    auth-header-renamed: *",
]


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_failed_test_shows_its_calls_with_hints_and_bodies(pytester: pytest.Pytester, workers: str) -> None:
    pytester.makepyfile(FAILING)

    result = run(pytester, "-n", workers)

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(SECTION)
    assert str(result.stdout).count("Captured mockscope call") == 1
    assert str(result.stdout).count("list_users") == 2


def test_each_call_has_its_email_test_mode_and_changes(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        MISTAKE
        + """
def test_that_fails(mockscope):
    mockscope.add_user("joey@example.com")
    mockscope.faults.add("delete_user", status=503)
    users = f"{mockscope.url}/api/v1/users"
    joey = mockscope.headers | {"Http-X-Email": "joey@example.com"}
    requests.delete(users, headers=joey, params={"test_mode": "true"})
    requests.delete(users, headers=joey)
    requests.get(f"{mockscope.url}/api/v1/groups/All%20Users", headers=mockscope.headers)
    requests.get(f"{mockscope.url}/api/v1/groups/{'x' * 100}", headers=mockscope.headers)
    assert False
"""
    )

    result = run(pytester)

    result.stdout.fnmatch_lines(
        [
            "* 503  delete_user    joey@example.com  test mode    site-* ms  ?fault-1?",
            f"* 200  delete_user    joey@example.com{' ' * 15}site-* ms",
            "    user joey@example.com removed",
            f"* 200  get_group      All Users{' ' * 22}site-* ms",
            f"* 404  get_group      {'x' * 79}…{' ' * 15}site-* ms",
            "    group-unknown: *",
            "    For more: mockscope explain GROUP-GET-1",
        ],
        consecutive=True,
    )


def test_a_key_is_never_shown(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        MISTAKE
        + """
import pytest

@pytest.mark.mockscope(api_key="e179017a-62b0-4996-8a38-e91aa9f1")
def test_that_fails(mockscope):
    ask(mockscope)
    requests.get(f"{mockscope.url}/api/v1/users", headers={"Http-X-Partner-Auth": f"nowhere:{mockscope.api_key}"})
    pytest.fail("on purpose", pytrace=False)
"""
    )

    result = run(pytester)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*Captured mockscope call*", "* 403 *"])
    assert "e179017a" not in str(result.stdout)


def test_a_failed_test_without_calls_shows_none(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_that_fails(mockscope):\n    assert False\n\ndef test_without():\n    assert False")

    result = run(pytester)

    result.assert_outcomes(failed=2)
    assert "Captured mockscope" not in str(result.stdout)


def test_only_the_calls_of_the_failed_test_are_shown(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        MISTAKE
        + """
import pytest

@pytest.fixture(scope="module")
def friends(mockscope_server):
    with mockscope_server.site(host="friends") as site:
        yield site

def test_before(friends):
    ask(friends)
    requests.get(f"{friends.url}/api/v1/groups")

def test_that_fails(friends):
    create(friends)
    assert False
"""
    )

    result = run(pytester)

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*Captured mockscope call*", "* 400  create_user *friends*"])
    result.stdout.no_fnmatch_line("*list_users*")
    result.stdout.no_fnmatch_line("*list_groups*")


def test_the_last_twenty_calls_are_shown_and_the_others_counted(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        MISTAKE
        + """
def test_that_fails(mockscope):
    for _ in range(25):
        ask(mockscope)
    assert False
"""
    )

    result = run(pytester)

    result.stdout.fnmatch_lines(["*Captured mockscope call*", "(5 earlier calls are not shown)"])
    assert str(result.stdout).count("list_users") == 20


def test_a_fixture_that_fails_shows_its_calls(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        MISTAKE
        + """
import pytest

@pytest.fixture
def joey(mockscope):
    create(mockscope).raise_for_status()

def test_joey(joey):
    pass
"""
    )

    result = run(pytester)

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*Captured mockscope setup*", "* 400  create_user *"])


@pytest.mark.parametrize(
    ("arguments", "ini", "sections"),
    [
        (["--mockscope-log=none"], "", 0),
        ([], "none", 0),
        (["--mockscope-log=failed"], "none", 1),
        (["--mockscope-log=all"], "", 2),
        ([], "all", 2),
        pytest.param(["-n", "2"], "all", 2, marks=pytest.mark.slow),
        (["-rP"], "all", 2),
    ],
)
def test_the_calls_option_has_an_ini_value(
    pytester: pytest.Pytester, arguments: list[str], ini: str, sections: int
) -> None:
    pytester.makepyfile(FAILING)
    pytester.makeini(f"[pytest]\nmockscope_log = {ini or 'failed'}\n")

    result = run(pytester, *arguments)

    result.assert_outcomes(passed=1, failed=1)
    assert str(result.stdout).count("Captured mockscope call") == sections


@pytest.mark.parametrize(("logging", "is_shown"), [("all", True), ("no", False)])
def test_junit_xml_has_the_calls_where_it_has_output(
    pytester: pytest.Pytester, *, logging: str, is_shown: bool
) -> None:
    pytester.makepyfile(FAILING)

    result = run(pytester, "--junitxml=junit.xml", "-o", f"junit_logging={logging}")

    result.stdout.fnmatch_lines(SECTION)
    assert str(result.stdout).count("groups-as-string") == 1
    assert (pytester.path / "junit.xml").read_text().count("groups-as-string") == is_shown


def test_an_invalid_calls_option_stops_the_run(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(): pass")
    pytester.makeini("[pytest]\nmockscope_log = some\n")

    result = run(pytester)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*mockscope_log must be one of failed, all, none, not 'some'*"])


RERUN = """
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    # What pytest-rerunfailures does.
    for attempt in range(3):
        for report in runtestprotocol(item, nextitem=nextitem, log=False):
            item.ihook.pytest_runtest_logreport(report=report)
    return True
"""


def test_each_attempt_of_a_rerun_shows_its_own_calls(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(RERUN)
    pytester.makepyfile(
        """
        import requests

        attempts = []

        def test_that_fails(mockscope):
            attempts.append(1)
            requests.get(f"{mockscope.url}/api/v1/groups/attempt{len(attempts)}", headers=mockscope.headers)
            assert False
        """
    )

    result = run(pytester, "--tb=short")

    sections = str(result.stdout).split("Captured mockscope call")[1:]
    called = [re.findall(r" 404  get_group +(attempt\d) ", section) for section in sections]
    assert called == [["attempt1"], ["attempt2"], ["attempt3"]]


def test_calls_are_shown_although_imports_fail(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        MISTAKE
        + """
import sys

def test_that_fails(mockscope, monkeypatch):
    ask(mockscope)
    for name in [name for name in sys.modules if name.startswith("mockscope")]:
        monkeypatch.setitem(sys.modules, name, None)
    assert False
"""
    )

    result = run(pytester)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*Captured mockscope call*", "* 200  list_users *"])


def test_a_failed_report_is_explained_and_the_run_continues(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        MISTAKE
        + """
def test_that_fails(mockscope, monkeypatch):
    ask(mockscope)
    monkeypatch.setattr(type(mockscope.calls), "settled", lambda *arguments: 1 // 0)
    assert False

def test_that_passes(mockscope):
    ask(mockscope)
"""
    )

    result = run(pytester)

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["mockscope could not show the calls: ZeroDivisionError: *"])


def test_a_late_request_of_an_earlier_test_is_named_in_the_test_that_got_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_late=MISTAKE
        + """
left = []

def test_one(mockscope):
    left.append((mockscope.url, mockscope.headers))

def test_two(mockscope):
    [(url, headers)] = left
    assert requests.get(f"{url}/api/v1/users", headers=headers).status_code == 403
    assert len(mockscope.calls) == 0
    assert False
"""
    )

    result = run(pytester)

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "* 403  list_users * -  *",
            "    site-removed: The site * has been removed: it was that of test_late.py::test_one.*",
        ]
    )


STYLES = """
import unittest

import mockscope as package
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import integers

def ask(site, name):
    requests.get(f"{site.url}/api/v1/groups/{name}", headers=site.headers)

class TestWithTheFixture(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def _site(self, mockscope):
        self.site = mockscope

    def test_it(self):
        ask(self.site, "called-in-unittest")
        self.fail()

class TestWithAServerOfItsOwn(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = package.serve().start()
        cls.addClassCleanup(cls.server.stop)
        cls.site = cls.server.site()

    def test_one(self):
        ask(self.site, "called-by-the-first")
        self.fail()

    def test_two(self):
        ask(self.site, "called-by-the-second")
        self.fail()

def test_a_block(mockscope_server):
    with mockscope_server.site() as site:
        ask(site, "called-in-a-block")
        assert False

def test_a_fork(mockscope):
    with mockscope.fork() as fork:
        ask(fork, "called-of-a-fork")
        assert False

@settings(database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=integers(0, 1000))
def test_examples(mockscope, number):
    ask(mockscope, f"called-with-{number}")
    assert number < 7

class TestExamples(unittest.TestCase):
    @settings(database=None)
    @given(number=integers(0, 1000))
    def test_it(self, number):
        with package.serve() as server:
            ask(server.site(), f"called-of-unittest-with-{number}")
        assert number < 2

@settings(database=None)
@given(number=integers(0, 1000))
async def test_async_examples(mockscope_server, number):
    with mockscope_server.site() as site:
        ask(site, f"called-on-a-loop-with-{number}")
        assert number < 5
"""
CALLED = {
    "called-in-unittest",
    "called-by-the-first",
    "called-by-the-second",
    "called-in-a-block",
    "called-of-a-fork",
    "called-with-7",
    "called-of-unittest-with-2",
    "called-on-a-loop-with-5",
}


def test_a_failed_test_shows_its_calls_in_every_style(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(STYLES)
    options = ["-p", "hypothesispytest", "-p", "asyncio", "-o", "asyncio_mode=auto", "-o", "junit_logging=all"]
    options += ["-o", "asyncio_default_fixture_loop_scope=function"]

    result = run(pytester, *options, "--tb=short", "--junitxml=junit.xml", "--mockscope-report=reports")

    # Each test has a section with its own call, and the failing example is alone in it.
    called = re.compile(r" 404  get_group +(called-[a-z0-9-]+) ")
    shown = called.findall(str(result.stdout))
    assert (len(shown), set(shown)) == (len(CALLED), CALLED)
    result.assert_outcomes(failed=len(CALLED))
    in_junit = called.findall((pytester.path / "junit.xml").read_text())
    assert (len(in_junit), set(in_junit)) == (len(CALLED), CALLED)
    in_reports = [path.read_text() for path in (pytester.path / "reports").iterdir()]
    assert {name for name in CALLED for report in in_reports if f'/{name}"' in report} == CALLED
    assert len(in_reports) == len(CALLED)
