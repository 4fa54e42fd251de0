"""A proxy, explicit or from the environment, gets only requests to hosts that are not the vendor's."""

import asyncio
import os
from typing import Any, Final

import httpcore
import httpcore2
import httpx
import httpx2
import pytest
import requests
from support.child_clients import BODY, Outside
from support.child_clients import outside as outside
from support.clients import CLIENTS, Client, Options, through_every_client

from mockscope import MockSite, redirected

# http.client and urllib3's own pools read no environment.
READ_THE_ENVIRONMENT: Final = [name for name in CLIENTS if name != "http.client" and "urllib3" not in name]
through_clients_that_read_the_environment = pytest.mark.parametrize("name", READ_THE_ENVIRONMENT)


@pytest.fixture
def proxy(outside: Outside) -> str:
    """The stand-in as a proxy: it responds to every request."""
    return outside.url()


@pytest.fixture
def environment(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable.lower(), proxy)
        monkeypatch.setenv(variable, proxy)


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("scheme", ["http", "https"])
@through_clients_that_read_the_environment
def test_a_proxy_in_the_environment_gets_no_request(
    name: str, scheme: str, mockscope_redirect: MockSite, outside: Outside
) -> None:
    with CLIENTS[name].open(Options()) as ask:
        response = ask("GET", f"{scheme}://app.periscopedata.com/api/v1/users?a=b", mockscope_redirect.headers, None)

    assert response.status == 200
    [call] = mockscope_redirect.calls
    assert (call.path, call.query, call.header("host")) == ("/api/v1/users", "a=b", "app.periscopedata.com")
    assert outside.connections == 0


@pytest.mark.parametrize("scheme", ["http", "https"])
@through_every_client
def test_an_explicit_proxy_gets_no_request(
    client: Client, scheme: str, proxy: str, mockscope_redirect: MockSite, outside: Outside
) -> None:
    with client.open(Options(proxy=proxy)) as ask:
        url = f"{scheme}://api.periscopedata.com/api/v1/users"
        responses = [ask("POST", url, mockscope_redirect.headers, b"{}") for _ in range(2)]

    assert [response.status for response in responses] == [400, 400]
    assert [(call.path, call.header("host"), call.body) for call in mockscope_redirect.calls] == [
        ("/api/v1/users", "api.periscopedata.com", b"{}")
    ] * 2
    assert outside.connections == 0


@through_every_client
def test_a_proxy_still_gets_requests_for_other_hosts(
    client: Client, proxy: str, mockscope_redirect: MockSite, outside: Outside
) -> None:
    with client.open(Options(proxy=proxy)) as ask:
        assert ask("GET", "http://other.example/a?b=c", {}, None) == (200, BODY)

    assert outside.asked == ["GET http://other.example/a?b=c at other.example"]
    assert len(mockscope_redirect.calls) == 0


@through_every_client
def test_a_pooled_connection_to_a_proxy_is_not_used_for_the_mock(
    client: Client, proxy: str, mockscope_redirect: MockSite, outside: Outside
) -> None:
    vendor, other = "http://app.periscopedata.com/api/v1/users", "http://other.example/"
    with client.open(Options(proxy=proxy)) as ask:
        responses = [ask("GET", url, mockscope_redirect.headers, None) for url in (vendor, other, vendor, other)]

    assert [response.status for response in responses] == [200] * 4
    assert [response.body == BODY for response in responses] == [False, True, False, True]
    assert (len(mockscope_redirect.calls), len(outside.asked)) == (2, 2)


@pytest.mark.usefixtures("environment", "mockscope_redirect")
def test_a_redirect_does_not_change_the_environment(proxy: str) -> None:
    assert [os.environ.get(name) for name in ("HTTPS_PROXY", "NO_PROXY")] == [proxy, None]


def test_a_session_uses_its_proxy_again_after_a_redirect(proxy: str, mockscope: MockSite, outside: Outside) -> None:
    url = "http://app.periscopedata.com/api/v1/users"
    with requests.Session() as session:
        session.proxies = {"http": proxy}
        with redirected(mockscope.url):
            assert session.get(url, headers=mockscope.headers).status_code == 200
        assert session.get(url).content == BODY

    assert outside.asked == [f"GET {url} at app.periscopedata.com"]
    assert len(mockscope.calls) == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("library", [httpx, httpx2])
def test_a_socks_proxy_gets_no_request(
    library: Any, scheme: str, proxy: str, mockscope_redirect: MockSite, outside: Outside
) -> None:
    url = f"{scheme}://app.periscopedata.com/api/v1/users"
    socks = proxy.replace("http://", "socks5://")

    async def ask() -> int:
        async with library.AsyncClient(proxy=socks) as client:
            response = await client.get(url, headers=mockscope_redirect.headers)
            return int(response.status_code)

    assert library.get(url, headers=mockscope_redirect.headers, proxy=socks).status_code == 200
    assert asyncio.run(ask()) == 200
    assert outside.connections == 0


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("library", [httpcore, httpcore2])
def test_an_httpcore_pool_with_a_proxy_sends_it_no_request(
    library: Any, scheme: str, proxy: str, mockscope_redirect: MockSite, outside: Outside
) -> None:
    url = f"{scheme}://app.periscopedata.com/api/v1/users"
    headers = list(mockscope_redirect.headers.items())

    async def ask() -> int:
        async with library.AsyncConnectionPool(proxy=library.Proxy(proxy)) as pool:
            response = await pool.request("GET", url, headers=headers)
            return int(response.status)

    with library.ConnectionPool(proxy=library.Proxy(proxy)) as pool:
        assert pool.request("GET", url, headers=headers).status == 200
    assert asyncio.run(ask()) == 200
    assert [call.header("host") for call in mockscope_redirect.calls] == ["app.periscopedata.com"] * 2
    assert outside.connections == 0
