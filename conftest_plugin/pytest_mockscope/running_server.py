"""The hooks of a test run against a server that runs already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from pytest_mockscope.markers import site_options
from pytest_mockscope.server_url import find_token, find_url

# The modes of pytest-xdist in which the user chooses the tests that one worker runs.
GROUPED: Final = ("loadscope", "loadfile", "loadgroup")
SHARES_HOSTS: Final = "mockscope_shares_hosts"


def pytest_report_header(config: pytest.Config) -> str | None:
    url, source = find_url(config)
    return f"mockscope: the running server at {url} ({source})" if url else None


@pytest.hookimpl(specname="pytest_sessionstart")
def pytest_check_running_server(session: pytest.Session) -> None:
    """Stop the run before its first test if the server does not answer, has another version or refuses the token."""
    config = session.config
    url, source = find_url(config)
    if not url or hasattr(config, "workerinput") or config.getoption("collectonly"):
        return
    from mockscope import RemoteServerError, connect  # imported late: a run without mockscope must not load it

    try:
        connect(url, find_token(config)).close()
    except (RemoteServerError, ValueError) as error:
        raise pytest.UsageError(f"{source}: {error}") from None


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Let a worker of pytest-xdist know whether a test of another worker may run while one of its own does."""
    config, workers = node.config, node.workerinput["workercount"]
    is_shared = bool(find_url(config)[0]) and workers > 1 and config.getoption("dist") not in GROUPED
    node.workerinput[SHARES_HOSTS] = is_shared


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse tests of several workers whose sites have one host: a server has one site of each host."""
    config = session.config
    if not getattr(config, "workerinput", {}).get(SHARES_HOSTS):
        return
    items = [item for item in session.items if "mockscope" in getattr(item, "fixturenames", ())]
    hosts = Counter(host for item in items if (host := site_options(item).get("host")))
    shared = sorted(host for host, number in hosts.items() if number > 1)
    if shared:
        line = (
            f"the workers of pytest-xdist share the server at {find_url(config)[0]}, and several tests have a site "
            f"with the host {shared[0]}: leave the marker's host out, or give these tests to one worker, with "
            f'--dist loadgroup and the marker xdist_group("{shared[0]}")'
        )
        # A report, because pytest-xdist shows an exception as INTERNALERROR only. It shows a repeated report once.
        config.hook.pytest_collectreport(report=pytest.CollectReport("mockscope", "failed", line, []))
        session.items.clear()


@contextmanager
def stop_if_lost(session: pytest.Session) -> Iterator[None]:
    """Turn the loss of a running server into one error of one line, and stop the run after this test."""
    try:
        yield
    except Exception as error:
        from mockscope import RemoteServerError  # imported late: with a server of its own, a run does not need it

        if not isinstance(error, RemoteServerError):
            raise
        if session.shouldstop:
            # The connection is closed at the end, after the error was reported.
            return
        session.shouldstop = str(error)
        raise pytest.fail.Exception(str(error), pytrace=False) from None
