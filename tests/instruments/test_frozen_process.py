"""A test may freeze the clock of the process, or mock its functions. Waits and clocks of mockscope still work."""

import asyncio
import json
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from http.client import HTTPConnection
from threading import Thread
from typing import Any
from unittest.mock import Mock
from urllib.parse import urlsplit

import freezegun
import pytest
import time_machine
from support.bounds import WAIT_SECONDS, join

import mockscope
from mockscope import LiveServer, MockSite
from mockscope.instruments.call_log import CallLog

USERS = "/api/v1/users"
LONG_AGO = "2001-01-01T00:00:00Z"

Freezer = Callable[[], AbstractContextManager[Any]]


@pytest.fixture(params=["freezegun", "time-machine"])
def frozen(request: pytest.FixtureRequest) -> Freezer:
    """A context manager that freezes the clock of the process."""
    if request.param == "freezegun":
        return lambda: freezegun.freeze_time(LONG_AGO)
    return lambda: time_machine.travel(LONG_AGO, tick=False)


@pytest.fixture(params=["uvloop", "asyncio"])
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveServer]:
    if request.param == "asyncio":
        monkeypatch.setitem(sys.modules, "uvloop", None)
    with mockscope.serve() as server:
        assert isinstance(server._loop, asyncio.BaseEventLoop) == (request.param == "asyncio")
        yield server


@pytest.fixture
def site(server: LiveServer) -> MockSite:
    return server.site()


def send_request(site: MockSite) -> int:
    """Return the status of a response, with a client that does not read the time."""
    connection = HTTPConnection(urlsplit(site.url).netloc, timeout=WAIT_SECONDS)
    connection.request("GET", USERS, headers=site.headers)
    with connection.getresponse() as response:
        json.load(response)
        status = response.status
    connection.close()
    return status


def test_a_planned_delay_ends(site: MockSite, frozen: Freezer) -> None:
    site.faults.add("list_users", delay=0.05)

    with frozen():
        assert send_request(site) == 200
        assert (site.calls.last.duration or 0) > 0.049


def test_a_planned_delay_ends_when_the_process_returns_to_real_time_meanwhile(site: MockSite) -> None:
    site.faults.add("list_users", delay=0.5)
    statuses: list[int] = []
    asking = Thread(target=lambda: statuses.append(send_request(site)))
    with time_machine.travel("2040-01-01T00:00:00Z"):
        asking.start()
        while not site.calls.settled(0):
            pass
    join(asking)

    assert statuses == [200]


def test_a_rate_window_opens_again(site: MockSite, frozen: Freezer) -> None:
    with frozen():
        site.faults.rate_limit(1, per=0.2)
        send_request(site)

        while send_request(site) == 429:
            pass


def test_reading_calls_and_a_reset_wait_for_an_open_call_up_to_the_timeout(
    site: MockSite, frozen: Freezer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CallLog.settled, "__defaults__", (0.01,))
    head = [f"POST {USERS} HTTP/1.1", "Host: x", *map(": ".join, site.headers.items()), "Content-Length: 9", "", ""]
    connection = HTTPConnection(urlsplit(site.url).netloc, timeout=WAIT_SECONDS)
    connection.connect()
    with frozen():
        connection.sock.sendall("\r\n".join([*head, "{"]).encode())
        while not site.calls.settled(0):
            pass

        assert [call.status for call in site.calls] == [None]
        site.reset()

        assert list(site.calls) == []
    connection.close()


def test_the_clock_of_a_site_runs_on(site: MockSite, frozen: Freezer) -> None:
    with frozen():
        before = site.clock.now()
        while site.clock.now() == before:
            pass
        send_request(site)

        assert site.calls.last.received_at >= before
    assert before.year > 2020


def test_mocked_time_functions_are_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    mocks = []
    for module, name in ((time, "time"), (time, "time_ns"), (time, "monotonic"), (secrets, "token_hex")):
        mocks.append(Mock(name=name, side_effect=AssertionError(name)))
        monkeypatch.setattr(module, name, mocks[-1])

    with mockscope.serve() as server, server.site() as site, site.fork() as fork:
        assert (send_request(site), send_request(fork)) == (200, 200)
        assert (len(site.calls), len({site.host, fork.host, site.api_key, fork.api_key})) == (1, 4)
        site.record_login("admin@example.com")
        site.rotate_key()

    assert [mock.call_count for mock in mocks] == [0] * len(mocks)
