"""The fixture in nested test runs: the code under test is a script with the vendor's URL and its own key."""

from collections.abc import Callable
from typing import Final

import pytest
from support.nested import run, run_alone

# Runs pytest with these arguments.
Run = Callable[..., pytest.RunResult]

SCRIPT: Final = """
import requests

def invite(email):
    response = requests.post(
        "https://app.periscopedata.com/api/v1/users",
        headers={"HTTP-X-PARTNER-AUTH": "example_site:e179017a-62b0-4996-8a38-e91aa9f1"},
        json={"first_name": "Joey", "last_name": "Tribbiani", "email": email, "invited_by_email": "admin@example.com"},
    )
    response.raise_for_status()
    return response.status_code
"""
TESTS: Final = """
import socket

import pytest
from script import invite

pytestmark = pytest.mark.mockscope(host="example_site", api_key="e179017a-62b0-4996-8a38-e91aa9f1")

@pytest.mark.parametrize("number", range(20))
def test_each_test_gets_a_site_of_its_own(mockscope_redirect, mockscope, number):
    assert mockscope_redirect is mockscope
    assert invite("joey@example.com") == 201
    assert list(mockscope.users) == ["admin@example.com", "joey@example.com"]
    assert len(mockscope.calls) == 1
"""

pytestmark = pytest.mark.usefixtures("few_plugins")


@pytest.mark.parametrize(("run", "workers"), [(run, []), (run_alone, ["-n", "2"])], ids=["one process", "two workers"])
def test_tests_that_create_the_same_user_do_not_conflict(
    pytester: pytest.Pytester, run: Run, workers: list[str]
) -> None:
    pytester.makepyfile(script=SCRIPT, test_script=TESTS)

    run(pytester, *workers).assert_outcomes(passed=20)


def test_the_fixture_ends_with_its_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import socket
        import urllib3

        before = socket.getaddrinfo, urllib3.HTTPConnectionPool.urlopen

        def test_inside(mockscope_redirect):
            assert (socket.getaddrinfo, urllib3.HTTPConnectionPool.urlopen) != before

        def test_outside(mockscope):
            assert (socket.getaddrinfo, urllib3.HTTPConnectionPool.urlopen) == before
        """
    )

    run(pytester).assert_outcomes(passed=2)
