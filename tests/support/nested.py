"""Run pytest inside a test: in this process, which takes a tenth of a second, or in a process of its own."""

from typing import Final

import pytest
import requests

import mockscope

REWRITE_WARNING: Final = "pytest.PytestAssertRewriteWarning"


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run pytest in this process."""
    # The plugin is imported already, which pytest before 9.2 warns of.
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", "-W", f"ignore::{REWRITE_WARNING}", *arguments)


def run_alone(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run pytest in a process of its own, which takes two seconds."""
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", *arguments)


def import_all() -> None:
    """Import all that nested runs import, because pytester unloads modules that a run in this process loads first."""
    with mockscope.serve(strict=True) as server, server.site() as site:
        site.add_user("joey@example.com")
        site.faults.add("get_user", status=503)
        requests.get(f"{site.url}/api/v1/users", headers=site.headers | {"Http-X-Email": "joey@example.com"})
        mockscope.report(site.calls)


import_all()
