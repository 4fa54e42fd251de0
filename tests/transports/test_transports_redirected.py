"""A redirect answers what is plain without a socket, and all of it as it would over one."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Final
from urllib.request import Request, urlopen

import httpcore
import httpcore2
import httpx
import httpx2
import pytest
import requests
import urllib3
from carriers import CARRIERS, HOST, SEED, Answer, Ask, Body, Carrier, End, recorded, shown, was_here
from transport_cases import CASES, USERS, Case
from urllib3.util import SKIP_HEADER

from mockscope import LiveServer, MockSite, serve
from mockscope.redirect import redirected

VENDOR: Final = "https://app.periscopedata.com"


@contextmanager
def by_urllib3(nothing: None) -> Iterator[Ask]:
    with urllib3.PoolManager(retries=False) as pools:

        def ask(method: str, url: str, headers: Any, body: Body) -> Answer:
            response = pools.request(method, url, headers=headers, body=body)
            return Answer(
                response.status,
                str(response.reason),
                response.version_string,
                list(response.headers.items()),
                response.data,
            )

        yield ask


ALL: Final = {
    "urllib3": Carrier(by_urllib3, LiveServer.adapter),
    **{name: CARRIERS[name] for name in ("requests", "httpx", "httpx on asyncio", "httpx2 on trio")},
}
through_every_client = pytest.mark.parametrize("carrier", ALL.values(), ids=ALL.keys())


@contextmanager
def redirected_twins(carrier: Carrier) -> Iterator[tuple[End, End]]:
    """Twin servers: requests to the vendor's host are led to the first one over loopback, and else to the second."""
    with serve(SEED) as there, serve(SEED) as here, carrier.open(None) as ask:

        def ask_there(*request: Any) -> Answer:
            with redirected(there.url):
                return ask(*request)

        def ask_here(*request: Any) -> Answer:
            with here.redirect():
                return ask(*request)

        yield End(there, there.sites[HOST], ask_there, VENDOR), End(here, here.sites[HOST], ask_here, VENDOR)


@through_every_client
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_redirected_call_is_answered_and_kept_as_over_loopback(carrier: Carrier, case: Case) -> None:
    with redirected_twins(carrier) as (there, here):
        assert shown(here.send(case)) == shown(there.send(case))
        assert here.site.export() == there.site.export()
        calls = [end.server.calls_since() for end in (there, here)]
        assert recorded(calls[1][0], here.server) == recorded(calls[0][0], there.server)
        assert case.is_here in (None, was_here(calls[1][0]))
        assert not was_here(calls[0][0])


@pytest.mark.parametrize(
    "headers",
    [
        {"User-Agent": SKIP_HEADER, "Accept-Encoding": SKIP_HEADER},
        {"X-Bytes": b"bytes"},
        {b"X-Bytes": "text"},
        urllib3.HTTPHeaderDict([("X-Twice", "a"), ("X-Twice", "b")]),
    ],
    ids=["left out", "bytes", "a name of bytes", "twice"],
)
def test_headers_that_are_no_plain_text_are_what_they_are_over_loopback(headers: Any) -> None:
    with redirected_twins(ALL["urllib3"]) as (there, here):
        for end in (there, here):
            sent = urllib3.HTTPHeaderDict(headers) if isinstance(headers, urllib3.HTTPHeaderDict) else dict(headers)
            sent.update(end.site.headers)
            assert end.ask("GET", f"{VENDOR}{USERS}", sent, None).status == 200
        assert recorded(here.site.calls.last, here.server) == recorded(there.site.calls.last, there.server)
        assert not was_here(here.site.calls.last)


@pytest.fixture
def site() -> Iterator[MockSite]:
    with serve(SEED) as server, server.redirect():
        yield server.sites[HOST]


@pytest.mark.parametrize("has_fault", [False, True])
def test_a_pool_of_one_connection_gets_it_back(site: MockSite, *, has_fault: bool) -> None:
    with urllib3.HTTPSConnectionPool("app.periscopedata.com", maxsize=1, block=True, headers=site.headers) as pool:
        for turn in range(4):
            if has_fault and turn % 2:
                site.faults.add("list_users", status=503)
            response = pool.request("GET", USERS, preload_content=False, pool_timeout=1)
            with pytest.raises(urllib3.exceptions.EmptyPoolError):
                pool.request("GET", USERS, pool_timeout=0.01)
            assert b"".join(response.stream(7)) == site.calls.last.answer
            site.faults.clear()
    assert [was_here(call) for call in site.calls] == [not (has_fault and turn % 2) for turn in range(4)]


def test_a_class_of_connections_of_somebody_elses_sees_its_requests(
    site: MockSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    class Recorder(urllib3.connection.HTTPConnection):
        def request(self, method: str, url: str, *args: Any, **options: Any) -> None:
            seen.append(f"{method} {url}")
            super().request(method, url, *args, **options)

    monkeypatch.setattr(urllib3.HTTPConnectionPool, "ConnectionCls", Recorder)
    assert requests.get(f"{VENDOR}{USERS}", headers=site.headers).status_code == 200

    assert (seen, was_here(site.calls.last)) == ([f"GET {USERS}"], False)


def test_urllib3_asks_again_for_the_statuses_that_it_is_told(site: MockSite) -> None:
    retries = urllib3.Retry(2, status_forcelist=[405], allowed_methods=None, backoff_factor=0, raise_on_status=False)
    with urllib3.PoolManager(retries=retries) as pools:
        assert pools.request("PATCH", f"{VENDOR}{USERS}", headers=site.headers).status == 405

    assert [(call.status, was_here(call)) for call in site.calls] == [(405, True)] * 3


@pytest.mark.parametrize("timeout", [0.001, (5, 0.001), urllib3.Timeout(connect=5, read=0.001)])
def test_who_will_not_wait_for_a_socket_is_given_one(timeout: Any, site: MockSite) -> None:
    site.faults.add("list_users", transport="hang")
    with pytest.raises(requests.Timeout):
        requests.get(f"{VENDOR}{USERS}", headers=site.headers, timeout=timeout)


@pytest.mark.parametrize("is_over_loopback", [True, False], ids=["over loopback", "here"])
@pytest.mark.parametrize("timeout", [urllib3.Timeout(5), urllib3.Timeout(total=5, read=3), urllib3.Timeout(), 5, None])
def test_a_timeout_of_urllib3_counts_from_when_the_request_is_sent(timeout: Any, *, is_over_loopback: bool) -> None:
    with serve(SEED) as server, redirected(server.url) if is_over_loopback else server.redirect():
        headers = server.sites[HOST].headers
        with urllib3.PoolManager(timeout=timeout) as pools:
            assert pools.request("GET", f"{VENDOR}{USERS}", headers=headers).status == 200
            assert pools.request("GET", f"{VENDOR}{USERS}", headers=headers, timeout=timeout).status == 200
        assert requests.get(f"{VENDOR}{USERS}", headers=headers, timeout=timeout).status_code == 200
        assert [was_here(call) for call in server.calls_since()][:2] == [not is_over_loopback] * 2


@pytest.mark.parametrize("timeout", [urllib3.Timeout(0.001), urllib3.Timeout(total=0.001, read=5)])
def test_a_total_that_is_too_short_is_a_timeout(timeout: Any, site: MockSite) -> None:
    site.faults.add("list_users", transport="hang")
    with urllib3.PoolManager(timeout=timeout, retries=False) as pools, pytest.raises(urllib3.exceptions.TimeoutError):
        pools.request("GET", f"{VENDOR}{USERS}", headers=site.headers)


@pytest.mark.parametrize("library", [httpcore, httpcore2])
def test_a_pool_of_httpcore_is_answered(library: Any, site: MockSite) -> None:
    headers = list(site.headers.items())
    with library.ConnectionPool() as pool:
        response = pool.request("GET", f"{VENDOR}{USERS}", headers=headers)
        with pool.stream("GET", f"{VENDOR}{USERS}", headers=headers) as streamed:
            assert b"".join(streamed.iter_stream()) == response.content
        assert pool.connections == []
    assert response.extensions == {"http_version": b"HTTP/1.1", "reason_phrase": b"OK"}
    assert [was_here(call) for call in site.calls] == [True, True]


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_who_wants_to_see_the_connection_is_led_over_one(library: Any, site: MockSite) -> None:
    seen: list[str] = []
    extensions = {"trace": lambda name, info: seen.append(name)}
    with library.Client(verify=False) as client:
        response = client.get(f"{VENDOR}{USERS}", headers=site.headers, extensions=extensions)

    assert ("network_stream" in response.extensions, was_here(site.calls.last)) == (True, False)
    assert "connection.connect_tcp.started" in seen


def test_a_client_that_no_shortcut_knows_is_led_over_a_socket(site: MockSite) -> None:
    with urlopen(Request(f"{VENDOR}{USERS}", headers=site.headers)) as response:
        assert response.status == 200

    assert not was_here(site.calls.last)


def test_the_log_of_urllib3_stays_what_it_is(site: MockSite, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "urllib3")
    logs = []
    # Redirects may be one inside the other; the latest leads.
    for redirect in (nullcontext(), redirected(site.url)):
        caplog.clear()
        with redirect, urllib3.PoolManager() as pools:
            for _ in range(2):
                assert pools.request("GET", f"{VENDOR}{USERS}", headers=site.headers).status == 200
        logs.append(caplog.messages)

    assert logs[0] == logs[1]
    assert [was_here(call) for call in site.calls] == [True, True, False, False]
