"""A test run against a server that runs already: what it refuses, and that all else is as with a server of its own."""

import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Final

import pytest
from support.doc_shell import served
from support.nested import run, run_alone

import mockscope

pytestmark = pytest.mark.usefixtures("few_plugins")

TOKEN: Final = "a-token-of-these-tests"
UNUSED_URL = "http://127.0.0.1:9"
BESIDE = "names one that runs already: leave one of them out"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server in a process of its own, as in a container."""
    with served(tmp_path_factory.mktemp("server"), "--control-token", TOKEN) as server:
        yield f"http://{server.address}"


@pytest.fixture(autouse=True)
def no_url(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no URL of the outer run reach the nested ones."""
    monkeypatch.delenv("MOCKSCOPE_PYTEST_URL", raising=False)
    monkeypatch.delenv("MOCKSCOPE_CONTROL_TOKEN", raising=False)


@pytest.mark.parametrize(
    ("ini", "arguments", "line"),
    [
        (
            "",
            [f"--mockscope-url={UNUSED_URL}", "--mockscope-port=0"],
            f"--mockscope-port is for a server that pytest starts, and --mockscope-url {BESIDE}",
        ),
        (
            f"mockscope_url = {UNUSED_URL}",
            ["--mockscope-host=127.0.0.1"],
            f"--mockscope-host is for a server that pytest starts, and mockscope_url {BESIDE}",
        ),
        (
            "mockscope_port = 8765",
            [f"--mockscope-url={UNUSED_URL}"],
            f"mockscope_port is for a server that pytest starts, and --mockscope-url {BESIDE}",
        ),
        (
            "mockscope_hint_header = false",
            [f"--mockscope-url={UNUSED_URL}"],
            f"mockscope_hint_header is *{BESIDE}, and start that server with `mockscope serve --no-hints`",
        ),
        (
            "mockscope_calls_kept = 5",
            [f"--mockscope-url={UNUSED_URL}"],
            f"mockscope_calls_kept is *{BESIDE}, and start that server with `mockscope serve --calls-kept`",
        ),
    ],
)
def test_a_setting_of_an_own_server_is_refused_beside_a_url(
    pytester: pytest.Pytester, ini: str, arguments: list[str], line: str
) -> None:
    pytester.makeini(f"[pytest]\n{ini}")
    pytester.makepyfile("def test_it(): pass")

    result = run(pytester, *arguments)

    assert (result.ret, result.outlines) == (pytest.ExitCode.USAGE_ERROR, [])
    result.stderr.fnmatch_lines([f"ERROR: {line}"])


SUITE = """
import pytest
import requests

def ask(site, path="users", method="GET", email=None, headers=None, **options):
    headers = (site.headers if headers is None else headers) | ({"Http-X-Email": email} if email else {})
    return requests.request(method, f"{site.url}/api/v1/{path}", headers=headers, timeout=60, **options)

@pytest.fixture(scope="module")
def friends(mockscope_server):
    with mockscope_server.site() as site:
        site.add_user("joey@example.com")
        yield site

def test_records_are_fresh(mockscope):
    mockscope.add_user("joey@example.com")
    assert ask(mockscope).json()["total_users"] == 2
    mockscope.calls.assert_called("list_users", times=1)
    mockscope.assert_changed("user", "joey@example.com")

def test_records_are_fresh_again(mockscope, mockscope_server):
    assert ask(mockscope).json()["total_users"] == 1
    assert mockscope.host in mockscope_server.sites
    assert mockscope.label.endswith("::test_records_are_fresh_again")

SEED = {"mockscope": 1, "sites": [{"host": "x", "users": [{"first_name": "Chandler", "last_name": "Bing",
        "email": "chandler@example.com"}]}]}

@pytest.mark.mockscope(seed=SEED, page_size=1, host="central_perk", api_key="a-key-of-some-length")
def test_seed_host_key_and_policy(mockscope):
    assert (mockscope.host, mockscope.api_key) == ("central_perk", "a-key-of-some-length")
    assert (list(mockscope.users), mockscope.policy.page_size) == (["chandler@example.com"], 1)

@pytest.mark.mockscope(scenario="lost-response")
def test_scenario(mockscope):
    body = {"first_name": "Joey", "last_name": "Tribbiani", "email": "joey@example.com",
            "invited_by_email": "monica@example.com"}
    with pytest.raises(requests.ConnectionError):
        ask(mockscope, method="POST", json=body)
    assert ask(mockscope, email="joey@example.com").status_code == 200

@pytest.mark.mockscope(faults=[{"operation": "list_users", "status": 503}], strict=True, contract=True,
                       timeline=[{"do": "disable", "before": {"operation": "list_users", "call": 2}}])
def test_faults_and_timeline(mockscope):
    assert [ask(mockscope).status_code for _ in range(2)] == [503, 404]
    assert (mockscope.strict, mockscope.contract) == (True, True)

def test_redirect(mockscope_redirect):
    headers = mockscope_redirect.headers
    assert requests.get("https://app.periscopedata.com/api/v1/users", headers=headers).json()["total_users"] == 1
    mockscope_redirect.calls.assert_called("list_users")

@pytest.mark.mockscope(strict=True)
def test_finding(mockscope):
    ask(mockscope, "users?test_mode=true")

def test_failure(mockscope):
    for _ in range(21):
        ask(mockscope)
    mockscope.add_user("joey@example.com", groups=["Administrators"])
    assert ask(mockscope, method="DELETE", email="joey@example.com").status_code == 200
    ask(mockscope, headers={"X-Partner-Auth": "example_site:a-key-of-some-length"})
    assert False

def test_failure_in_a_block(mockscope_server):
    with mockscope_server.site() as site, site.fork() as fork:
        ask(fork, "groups/called-in-a-block")
        assert False

def test_before(friends):
    ask(friends, "groups/called-before")

def test_failure_on_an_older_site(friends):
    ask(friends, "groups/called-later")
    assert False

@pytest.mark.mockscope(page_size=0)
def test_wrong_policy(mockscope):
    pass
"""
# The lines of a run about calls, findings and errors, and the parts that differ from run to run.
SHOWN: Final = re.compile(
    r"(?:ERROR|FAILED) test_|_+ ERROR at|-+ Captured mockscope|\(\d+ earlier| {4}\S+: |\d\d:|  \d{3} "
    r"|mockscope, |the mockscope"
)
CHANGING: Final = re.compile(r"\d\d:\d\d:\d\d\.\d+|site-[0-9a-f]{10}|\d+\.\d\d ms|[0-9a-f]{8}-\d+|[-_]{3,}")


def shown_by(result: pytest.RunResult) -> list[str]:
    """Return the different lines about calls, findings and errors, sorted, because workers report in any order.

    A call that reached no site is shown by each test that fails at the same time.
    """
    return sorted({" ".join(CHANGING.sub("", line).split()) for line in result.outlines if SHOWN.match(line)})


def test_a_suite_has_the_same_outcome_on_a_running_server(pytester: pytest.Pytester, url: str) -> None:
    pytester.makepyfile(test_suite=SUITE)
    remote = [f"--mockscope-url={url}", f"--mockscope-token={TOKEN}"]

    own = run(pytester, "-rA")
    far = run(pytester, "-rA", *remote)
    workers = run_alone(pytester, "-rA", "-n2", *remote)

    assert shown_by(far) == shown_by(own)
    assert shown_by(workers) == shown_by(own)
    for result in (own, far, workers):
        result.assert_outcomes(passed=8, failed=3, errors=2)
    with mockscope.connect(url, TOKEN) as server:
        assert list(server.sites) == ["example_site"]


@pytest.mark.parametrize(
    ("option", "variable", "ini", "named"),
    [
        ("http://a", "http://b", "http://c", "http://a (--mockscope-url)"),
        ("", "http://b", "http://c", "http://b (MOCKSCOPE_PYTEST_URL)"),
        ("", "", "http://c", "http://c (mockscope_url)"),
    ],
)
def test_an_option_goes_before_the_environment_and_that_before_the_ini_file(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, option: str, variable: str, ini: str, named: str
) -> None:
    monkeypatch.setenv("MOCKSCOPE_PYTEST_URL", variable)
    monkeypatch.setenv("MOCKSCOPE_URL", UNUSED_URL)
    pytester.makeini(f"[pytest]\nmockscope_url = {ini}\n")
    pytester.makepyfile("def test_it(mockscope): pass")

    result = run(pytester, "--collect-only", *[f"--mockscope-url={option}"] * bool(option))

    assert result.outlines[2] == f"mockscope: the running server at {named}"


CONFIGURED = """
import dataclasses
import pytest

@pytest.fixture(scope="session")
def mockscope_config(mockscope_config):
    return dataclasses.replace(mockscope_config, url="{url}", port={port})
"""


@pytest.mark.parametrize(
    ("in_code", "port", "option", "problem"),
    [
        ("{url}", 0, None, None),
        (UNUSED_URL, 0, "{url}", None),
        ("{url}", 8765, None, "mockscope_config: mockscope_port is for a server that pytest starts, and the url of *"),
        ("", 0, None, "mockscope_config: --mockscope-token is for a server that runs already: name it by *"),
    ],
)
def test_the_url_of_the_config_is_used_unless_an_option_names_one(
    pytester: pytest.Pytester, url: str, in_code: str, port: int, option: str | None, problem: str | None
) -> None:
    pytester.makeconftest(CONFIGURED.format(url=in_code.format(url=url), port=port))
    pytester.makepyfile(f"def test_it(mockscope): assert mockscope.url == {url!r}")
    arguments = [f"--mockscope-token={TOKEN}", *([f"--mockscope-url={url}"] if option else [])]

    result = run(pytester, *arguments)

    result.assert_outcomes(passed=problem is None, errors=problem is not None)
    if problem:
        result.stdout.fnmatch_lines([problem])


def test_the_token_is_also_taken_from_the_environment(
    pytester: pytest.Pytester, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOCKSCOPE_CONTROL_TOKEN", TOKEN)
    pytester.makepyfile("def test_it(mockscope): pass")

    run(pytester, f"--mockscope-url={url}").assert_outcomes(passed=1)


class OtherVersion(BaseHTTPRequestHandler):
    """A mockscope of another version."""

    def do_GET(self) -> None:
        """Respond to each request with a version."""
        content = b'{"version": "9.9.9"}'
        self.send_response(200)
        self.send_header("Content-Length", f"{len(content)}")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:
        """Log nothing."""


@pytest.fixture
def other_version() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), OtherVersion) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_server_that_cannot_be_used_stops_the_run_at_its_start(
    pytester: pytest.Pytester, url: str, other_version: str
) -> None:
    pytester.makepyfile("def test_it(mockscope): pass")
    problems = {
        "ftp://example.com": "--mockscope-url: *http*",
        UNUSED_URL: f"--mockscope-url: the mockscope server at {UNUSED_URL}: connection refused: *",
        url: f"--mockscope-url: the mockscope server at {url}: The control API requires the header Authorization: *",
        other_version: f"--mockscope-url: *: its version is 9.9.9, and this one is {mockscope.__version__}: *",
    }

    for address, problem in problems.items():
        result = run(pytester, f"--mockscope-url={address}")
        assert (result.ret, result.outlines) == (pytest.ExitCode.USAGE_ERROR, [])
        result.stderr.fnmatch_lines([f"ERROR: {problem}"])
    workers = run_alone(pytester, "-n2", f"--mockscope-url={other_version}")
    assert (workers.ret, workers.outlines) == (pytest.ExitCode.USAGE_ERROR, [])
    workers.stderr.fnmatch_lines([f"ERROR: {problems[other_version]}"])


LOST = """
import os

import pytest
import requests

def is_reachable(url):
    try:
        return requests.get(f"{{url}}/livez", timeout=60).ok
    except requests.ConnectionError:
        return False

@pytest.mark.parametrize("number", range(10))
def test_it(mockscope, number):
    if number == 2:
        os.kill({pid}, 15)
        while is_reachable(mockscope.url):
            pass
"""


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_a_server_that_is_lost_is_one_error_and_ends_the_run(pytester: pytest.Pytester, workers: int) -> None:
    with served(pytester.mkdir("server")) as server:
        pid = json.loads(server.ready_file.read_text())["pid"]
        pytester.makepyfile(LOST.format(pid=pid))
        result = run_alone(pytester, f"-n{workers}", f"--mockscope-url=http://{server.address}")

    # Each worker notices it.
    assert 1 <= result.parseoutcomes()["errors"] <= max(workers, 1)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    line = f"the mockscope server at http://{server.address}: *"
    result.stdout.fnmatch_lines(["* ERROR at teardown of test_it?2? *", line, f"!*Interrupted: {line}"])
    result.stdout.no_fnmatch_line("*Traceback*")


ONE_HOST = """
import pytest

@pytest.mark.mockscope(host="central_perk")
@pytest.mark.parametrize("number", range(4))
def test_it(mockscope, number):
    assert mockscope.host == "central_perk"

@pytest.mark.mockscope(host="example_site")
def test_taken(mockscope): pass
"""


def test_workers_whose_sites_have_one_host_are_one_error(pytester: pytest.Pytester, url: str) -> None:
    pytester.makepyfile(ONE_HOST)
    remote = [f"--mockscope-url={url}", f"--mockscope-token={TOKEN}"]

    refused = run_alone(pytester, "-n2", *remote)
    alone = run(pytester, *remote)

    refused.assert_outcomes(errors=1)
    refused.stdout.fnmatch_lines(
        [
            f"the workers of pytest-xdist share the server at {url}, and several tests have a site with the host "
            "central_perk: leave the marker's host out, or give these tests to one worker, with --dist loadgroup and "
            'the marker xdist_group("central_perk")'
        ]
    )
    alone.assert_outcomes(passed=4, errors=1)
    alone.stdout.fnmatch_lines(["the mockscope marker: there is a site example_site already: hosts are unique on *"])


@pytest.mark.slow
def test_one_worker_may_run_all_tests_of_a_host(pytester: pytest.Pytester, url: str) -> None:
    pytester.makepyfile(ONE_HOST.partition('@pytest.mark.mockscope(host="example_site")')[0])

    result = run_alone(pytester, "-n2", "--dist=loadfile", f"--mockscope-url={url}", f"--mockscope-token={TOKEN}")

    result.assert_outcomes(passed=4)
