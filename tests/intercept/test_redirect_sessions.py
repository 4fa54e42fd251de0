"""Sessions, pools and kept connections that outlive a redirect, or existed before it."""

import http.client
import json
from collections.abc import Callable
from typing import Any, Final

import httpx
import pytest
import requests
import urllib3
from support.child_clients import BODY, Outside
from support.child_clients import outside as outside
from support.child_clients import trust as trust
from support.clients import CLIENTS, Client, Options, Trust, through_every_client

from mockscope import LiveServer, MockSite, redirected, serve

APP: Final = "https://app.periscopedata.com"
USERS: Final = f"{APP}/api/v1/users"
SEEN_OUTSIDE: Final = "GET /api/v1/users at app.periscopedata.com"


@through_every_client
def test_a_session_made_before_a_redirect_follows_it_and_returns(
    client: Client, trust: Trust, mockscope: MockSite, mockscope_server: LiveServer, outside: Outside
) -> None:
    with client.open(Options(trust)) as ask:
        assert ask("GET", USERS, mockscope.headers, None) == (200, BODY)
        with mockscope_server.redirect():
            assert [ask("GET", USERS, mockscope.headers, None).status for _ in range(2)] == [200, 200]
            assert (outside.asked, len(mockscope.calls)) == ([SEEN_OUTSIDE], 2)
        assert ask("GET", USERS, mockscope.headers, None) == (200, BODY)

    assert (outside.asked, len(mockscope.calls)) == ([SEEN_OUTSIDE] * 2, 2)


@through_every_client
def test_a_session_made_inside_a_redirect_reaches_the_vendor_afterwards(
    client: Client, trust: Trust, mockscope: MockSite, mockscope_server: LiveServer, outside: Outside
) -> None:
    with client.open(Options(trust)) as ask:
        with mockscope_server.redirect():
            assert ask("GET", USERS, mockscope.headers, None).status == 200
        assert ask("GET", USERS, mockscope.headers, None) == (200, BODY)
        with mockscope_server.redirect():
            assert ask("GET", USERS, mockscope.headers, None).status == 200

    assert (outside.asked, len(mockscope.calls)) == ([SEEN_OUTSIDE], 2)


@through_every_client
def test_a_session_follows_nested_redirects(client: Client, mockscope_server: LiveServer) -> None:
    with serve() as other, mockscope_server.site() as far, client.open(Options()) as ask:
        near = other.site(host=far.host, api_key=far.api_key)
        with mockscope_server.redirect():
            ask("GET", USERS, far.headers, None)
            with other.redirect():
                ask("GET", USERS, far.headers, None)
                assert (len(far.calls), len(near.calls)) == (1, 1)
            ask("GET", USERS, far.headers, None)

        assert (len(far.calls), len(near.calls)) == (2, 1)


@pytest.mark.parametrize("name", CLIENTS)
def test_connections_are_reused_inside_a_redirect_as_outside(name: str, outside: Outside) -> None:
    with CLIENTS[name].open(Options()) as ask, redirected(outside.url()):
        assert [ask("GET", USERS, {}, None) for _ in range(3)] == [(200, BODY)] * 3

    assert outside.asked == [SEEN_OUTSIDE] * 3
    # urllib keeps none.
    assert outside.connections == (3 if name == "urllib" else 1)


# -- a response that is still being read when the redirect ends --------------------------------------------------


CROWD: Final = {"mockscope": 1, "sites": [{"host": "example_site", "generate": {"users": 1000}}]}


def read_with_requests(url: str, headers: dict[str, str]) -> tuple[Callable[[], bytes], Callable[[], Any]]:
    response = requests.get(url, headers=headers, stream=True)
    return lambda: response.content, response.close


def read_with_urllib3(url: str, headers: dict[str, str]) -> tuple[Callable[[], bytes], Callable[[], Any]]:
    pools = urllib3.PoolManager()
    response = pools.request("GET", url, headers=headers, preload_content=False)
    return response.read, pools.clear


def read_with_http_client(url: str, headers: dict[str, str]) -> tuple[Callable[[], bytes], Callable[[], Any]]:
    connection = http.client.HTTPSConnection("app.periscopedata.com")
    connection.request("GET", url, headers=headers)
    # What is sent inside may be read outside.
    return lambda: connection.getresponse().read(), connection.close


def read_with_httpx(url: str, headers: dict[str, str]) -> tuple[Callable[[], bytes], Callable[[], Any]]:
    client = httpx.Client()
    response = client.send(client.build_request("GET", url, headers=headers), stream=True)
    return response.read, client.close


@pytest.mark.parametrize("open_with", [read_with_requests, read_with_urllib3, read_with_http_client, read_with_httpx])
def test_a_response_may_be_read_after_the_redirect_has_ended(
    open_with: Callable[..., tuple[Callable[[], bytes], Callable[[], Any]]], mockscope_server: LiveServer
) -> None:
    with mockscope_server.site(seed=CROWD, page_size=1000) as site:
        with mockscope_server.redirect():
            read, close = open_with(USERS, site.headers)
        try:
            assert len(json.loads(read())["users"]) == 1000
        finally:
            close()


@pytest.mark.parametrize("kind", [http.client.HTTPConnection, http.client.HTTPSConnection])
def test_a_connection_of_http_client_may_be_opened_before_its_request(
    kind: type[http.client.HTTPConnection], mockscope_redirect: MockSite, outside: Outside
) -> None:
    connection = kind("app.periscopedata.com")
    connection.connect()
    opened = connection.sock
    connection.request("GET", "/api/v1/users", headers=mockscope_redirect.headers)

    assert (connection.getresponse().status, connection.sock is opened) == (200, True)
    connection.close()
    assert outside.connections == 0


def test_a_connection_of_http_client_reconnects_after_a_redirect(
    trust: Trust, mockscope: MockSite, mockscope_server: LiveServer, outside: Outside
) -> None:
    connection = http.client.HTTPSConnection("app.periscopedata.com", context=trust.context)
    with mockscope_server.redirect():
        connection.connect()
        led = connection.sock
        connection.request("GET", "/api/v1/users", headers=mockscope.headers)
    # The response arrives here; only then is the connection released.
    response = connection.getresponse()
    assert (response.status, response.read() != BODY) == (200, True)
    connection.request("GET", "/api/v1/users")
    assert connection.getresponse().read() == BODY
    assert connection.sock is not led
    assert "putrequest" not in vars(connection)
    connection.close()
    assert outside.asked == [SEEN_OUTSIDE]
