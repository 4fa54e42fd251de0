"""Strict mode in a test run: the test passes, and its teardown raises with the call and the rule."""

import re

import pytest
import requests
from support.messages import NOT_RUNNING, STRICT_HEADING
from support.nested import run

import mockscope

pytestmark = pytest.mark.usefixtures("few_plugins")

SUSPICIOUS = """
import pytest
import requests

def create(site, data=None, **fields):
    body = {
        "first_name": "Joey", "last_name": "Tribbiani", "email": "joey@example.com",
        "invited_by_email": "admin@example.com",
    } | fields
    return requests.post(f"{site.url}/api/v1/users", headers=site.headers, json=body)

def test_suspicious(mockscope):
    assert create(mockscope, nickname="Joe").status_code == 201

def test_innocent(mockscope):
    assert create(mockscope).status_code == 201
"""

FINDING = (
    "*201 create_user joey@example.com (HTTP-7, call *): field-unknown: The service knows no field nickname here. *"
)


def test_without_strict_mode_a_suspicious_success_passes(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUSPICIOUS)

    run(pytester).assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("arguments", "ini"),
    [(["--mockscope-strict"], "false"), ([], "true"), pytest.param(["-n1"], "true", marks=pytest.mark.slow)],
)
def test_in_strict_mode_it_fails_the_test_at_its_teardown(
    pytester: pytest.Pytester, arguments: list[str], ini: str
) -> None:
    pytester.makepyfile(SUSPICIOUS)
    pytester.makeini(f"[pytest]\nmockscope_strict = {ini}\n")

    result = run(pytester, *arguments)

    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_suspicious*", STRICT_HEADING])
    result.stdout.fnmatch_lines([FINDING])
    result.stdout.fnmatch_lines(["*Captured mockscope teardown*", "* 201  create_user *"])


def test_a_marker_wins_over_the_option(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUSPICIOUS + "\npytestmark = pytest.mark.mockscope(strict=False)\n")

    run(pytester, "--mockscope-strict").assert_outcomes(passed=2)


def test_a_marker_turns_it_on_for_one_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUSPICIOUS.replace("def test_susp", "@pytest.mark.mockscope(strict=True)\ndef test_susp"))

    run(pytester).assert_outcomes(passed=2, errors=1)


def test_an_unused_fault_is_found_in_strict_mode(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        import requests

        pytestmark = pytest.mark.mockscope(strict=True, faults=[{"operation": "list_groups", "status": 503}])

        def ask(site):
            return requests.get(f"{site.url}/api/v1/groups", headers=site.headers).status_code

        def test_used(mockscope):
            assert [ask(mockscope), ask(mockscope)] == [503, 200]

        def test_unused(mockscope):
            pass
        """
    )

    result = run(pytester)

    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_unused*",
            "mockscope, strict mode:",
            "  a planned fault was hit less often than planned: fault-1: 503 for list_groups, 1 time; hit 0 of 0 calls",
        ]
    )
    result.stdout.no_fnmatch_line("*the page does not promise*")


def test_without_pytest_a_with_block_raises_at_its_end() -> None:
    with mockscope.serve(strict=True) as server:
        with pytest.raises(AssertionError) as caught, server.site(host="example_site") as site:
            requests.get(f"{site.url}/api/v1/users", headers=site.headers, params={"test_mode": "true"})
        call = site.calls.last
        assert str(caught.value) == (
            "strict mode, example_site:\n"
            f"  200 list_users (TEST-3, call {call.id}): test-mode-on-read: test_mode is ignored where nothing is "
            "written. Leave test_mode out of GET."
        )
        # What fails by itself is not covered up.
        with pytest.raises(ZeroDivisionError), server.site() as site:
            1 // (requests.get(f"{site.url}/api/v1/users?test_mode=true", headers=site.headers).status_code - 200)


def test_a_strict_server_raises_for_the_remaining_sites() -> None:
    server = mockscope.serve(strict=True).start()
    for site in (server.site(strict=False), server.site(host="example_site"), server.site(host="central_perk")):
        requests.get(f"{site.url}/api/v1/users?test_mode=true", headers=site.headers)

    with pytest.raises(AssertionError) as caught:
        server.__exit__(None, None, None)
    lines = str(caught.value).splitlines()
    assert lines[::2] == ["strict mode, example_site:", "strict mode, central_perk:"]
    with pytest.raises(RuntimeError, match=re.escape(NOT_RUNNING)):
        server.url.strip()
