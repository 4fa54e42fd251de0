"""Threads with and without a socket, and the handle, at once: no call is lost."""

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import httpx
import httpx2
import pytest
import requests
from support.bounds import at_once, result
from support.transport_cases import MIKE, USERS
from support.transport_clients import HOST, SEED, was_here

from mockscope import LiveServer, MockSite, serve
from mockscope.intercept.transports import InProcess

TIMES: Final = 25


@pytest.fixture(autouse=True)
def _switching_threads_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def server() -> Iterator[LiveServer]:
    with serve(SEED) as server:
        yield server


def session_of(server: LiveServer, *, has_socket: bool) -> Any:
    session = requests.Session()
    session.trust_env = False
    if not has_socket:
        session.mount(server.url, server.adapter())
    return session


def client_of(library: Any, server: LiveServer, *, has_socket: bool) -> Any:
    return library.Client(transport=None if has_socket else server.transport(), verify=False, trust_env=False)


OPENERS: Final[list[Callable[..., Any]]] = [
    session_of,
    lambda server, **options: client_of(httpx, server, **options),
    lambda server, **options: client_of(httpx2, server, **options),
]


def test_users_created_by_many_threads_all_exist(server: LiveServer) -> None:
    site = server.sites[HOST]

    def create(number: int) -> list[int]:
        opened = OPENERS[number % 3](server, has_socket=number % 2 == 0)
        with opened as client:
            return [
                client.post(
                    f"{server.url}{USERS}",
                    json=MIKE | {"email": f"mike-{number}-{turn}@example.com"},
                    headers=site.headers,
                ).status_code
                for turn in range(TIMES)
            ]

    found = at_once(create, range(6))

    assert found == [[201] * TIMES] * 6
    assert len(site.users) == 5 + 6 * TIMES
    calls = list(site.calls)
    assert len({call.id for call in calls}) == len(calls) == 6 * TIMES
    assert [was_here(call) for call in calls].count(True) == 3 * TIMES
    assert {(call.operation, call.status, call.is_open) for call in calls} == {("create_user", 201, False)}


def test_one_of_many_threads_that_create_the_same_user_succeeds(server: LiveServer) -> None:
    site = server.sites[HOST]
    start = threading.Barrier(6)

    def create(number: int) -> list[int]:
        found = []
        with OPENERS[number % 3](server, has_socket=number % 2 == 0) as client:
            for turn in range(TIMES):
                start.wait(300)
                sent = MIKE | {"email": f"mike-{turn}@example.com"}
                found.append(client.post(f"{server.url}{USERS}", json=sent, headers=site.headers).status_code)
        return found

    found = at_once(create, range(6))

    assert [sorted(statuses) for statuses in zip(*found, strict=True)] == [[201, *[409] * 5]] * TIMES


def test_a_fault_planned_concurrently_affects_every_later_call(server: LiveServer) -> None:
    site = server.sites[HOST]
    is_over = threading.Event()
    events = [{200: threading.Event(), 503: threading.Event()} for _ in range(2)]

    def ask(events: dict[int, threading.Event]) -> None:
        with session_of(server, has_socket=False) as session:
            while not is_over.is_set():
                # A crash of ours would be 500.
                events[session.get(f"{server.url}{USERS}", headers=site.headers).status_code].set()

    with ThreadPoolExecutor(2) as pool, session_of(server, has_socket=False) as session:
        asking = [pool.submit(ask, each) for each in events]
        try:
            for turn in range(TIMES):
                fault = site.faults.add("list_users", status=503, delay=0.0001, times=None)
                assert session.get(f"{server.url}{USERS}", headers=site.headers).status_code == 503
                if turn == TIMES - 1:
                    assert [each[503].wait(300) for each in events] == [True, True]
                site.faults.remove(fault)
                assert session.get(f"{server.url}{USERS}", headers=site.headers).status_code == 200
            assert [each[200].wait(300) for each in events] == [True, True]
        finally:
            is_over.set()
        assert [result(each) for each in asking] == [None, None]


def test_reading_the_calls_waits_for_a_call_running_in_another_thread(server: LiveServer) -> None:
    site = server.sites[HOST]
    begun, may_end = threading.Event(), threading.Event()

    async def held(scope: Any, receive: Any, send: Any) -> None:
        async def receive_late() -> Any:
            begun.set()
            assert may_end.wait(300)
            return await receive()

        await server.app(scope, receive_late, send)

    headers = [
        (b"host", b"localhost"),
        (b"http-x-partner-auth", site.headers["Http-X-Partner-Auth"].encode()),
        (b"content-length", b"2"),
    ]
    ask = InProcess(server.registry, held, server.url, lambda: True)
    with ThreadPoolExecutor(2) as pool:
        asking = pool.submit(ask, "POST", b"/api/v1/users", headers, b"{}")
        assert begun.wait(300)
        looking = pool.submit(lambda: [call.status for call in site.calls])
        assert not looking.done()
        may_end.set()
        answered = asking.result(300)
        assert answered is not None
        assert (answered.status, looking.result(300)) == (400, [400])


def test_reading_the_calls_within_a_call_does_not_deadlock(server: LiveServer) -> None:
    site: MockSite = server.sites[HOST]
    seen: list[list[float | None]] = []

    async def looking(scope: Any, receive: Any, send: Any) -> None:
        async def send_and_look(message: Any) -> None:
            seen.append([call.duration for call in site.calls])
            await send(message)

        await server.app(scope, receive, send_and_look)

    headers = [(b"host", b"localhost"), (b"http-x-partner-auth", site.headers["Http-X-Partner-Auth"].encode())]
    answered = InProcess(server.registry, looking, server.url, lambda: True)("GET", b"/api/v1/users", headers, b"")

    assert answered is not None
    assert (answered.status, seen) == (200, [[None], [None]])
