"""Each client with the vendor's URL: requests arrive whole, and faults raise the client's own errors."""

import json
from collections.abc import Mapping
from typing import Any, Final

import httpx
import httpx2
import pytest
import requests
import urllib3
from support.bounds import WAIT_SECONDS
from support.child_clients import BODY, Outside
from support.child_clients import outside as outside
from support.clients import Ask, Client, Options, through_every_client

from mockscope import Call, LiveServer, MockSite, Refusal, Refused
from mockscope.instruments.fault import Transport

APP: Final = "https://app.periscopedata.com"
ADDRESSES: Final = (
    APP,
    "https://api.periscopedata.com",
    "http://app.periscopedata.com",
    "http://api.periscopedata.com",
)
JOEY: Final = {
    "first_name": "Joey",
    "last_name": "Tribbiani",
    "email": "joey@example.com",
    "groups": ["All Users"],
    "invited_by_email": "admin@example.com",
}
NEW_USER: Final = json.dumps(JOEY).encode()
ADMIN_RECORD: Final = {
    "first_name": "Site",
    "last_name": "Administrator",
    "email": "admin@example.com",
    "groups": ["Administrators", "All Users"],
    "last_login_at": None,
    "password_updated_at": None,
    "tfa_enabled": False,
}


def as_json(site: MockSite) -> Mapping[str, str]:
    return {**site.headers, "Content-Type": "application/json"}


def sent(call: Call) -> tuple[object, ...]:
    """Return a request without its Host header."""
    headers = [(name, "" if name == "host" else value) for name, value in call.headers]
    return call.method, call.path, call.query, headers, call.body


def error_of(ask: Ask, address: str, site: MockSite) -> type[BaseException]:
    """Return the exception that a client raises for a failing request."""
    with pytest.raises(Exception) as caught:  # noqa: PT011
        ask("POST", f"{address}/api/v1/users", as_json(site), NEW_USER)
    return caught.type


@through_every_client
@pytest.mark.parametrize("address", ADDRESSES)
def test_a_page_of_users_is_listed(
    client: Client, address: str, mockscope_redirect: MockSite, outside: Outside
) -> None:
    site = mockscope_redirect
    with client.open(Options()) as ask:
        response = ask("GET", f"{address}/api/v1/users?test_mode=false", site.headers, None)

    assert response.status == 200
    assert json.loads(response.body) == {
        "total_users": 1,
        "users_this_page": 1,
        "next_page_start": None,
        "users": [ADMIN_RECORD],
    }
    [call] = site.calls
    assert (call.method, call.path, call.query) == ("GET", "/api/v1/users", "test_mode=false")
    assert [value for name, value in call.headers if name == "host"] == [address.partition("://")[2]]
    assert outside.connections == 0


@through_every_client
def test_a_request_arrives_as_it_does_without_a_redirect(
    client: Client, mockscope: MockSite, mockscope_server: LiveServer
) -> None:
    path = "/api/v1/groups/NY%20Knicks%2FSales?test_mode=true&a=%20b"
    headers = {**as_json(mockscope), "Http-X-Email": "monica@example.com", "X-Twice": "a, b"}
    with client.open(Options()) as ask:
        straight = [
            ask(method, f"{mockscope.url}{path}", headers, body) for method, body in (("GET", None), ("PUT", NEW_USER))
        ]
        with mockscope_server.redirect():
            led = [ask(method, f"{APP}{path}", headers, body) for method, body in (("GET", None), ("PUT", NEW_USER))]

    calls = [sent(call) for call in mockscope.calls]
    assert (led, calls[2:]) == (straight, calls[:2])


@through_every_client
def test_a_host_header_set_by_the_client_is_unchanged(client: Client, mockscope_redirect: MockSite) -> None:
    site = mockscope_redirect
    with client.open(Options()) as ask:
        ask("GET", f"{APP}/api/v1/users", {**site.headers, "Host": "sales.example.com"}, None)

    assert [value for name, value in site.calls.last.headers if name == "host"] == ["sales.example.com"]


@through_every_client
def test_an_error_response_arrives_unchanged(client: Client, mockscope_redirect: MockSite) -> None:
    with client.open(Options()) as ask:
        response = ask("GET", f"{APP}/api/v1/users", {"Http-X-Partner-Auth": f"{mockscope_redirect.host}:wrong"}, None)

    assert response.status == 403
    assert json.loads(response.body) == {"message": Refused(Refusal.KEY_WRONG, host=mockscope_redirect.host).message}


@through_every_client
@pytest.mark.parametrize("transport", ["drop", "truncate", "garbage"])
def test_a_broken_response_raises_the_same_error_as_without_a_redirect(
    client: Client, transport: Transport, mockscope: MockSite, mockscope_server: LiveServer
) -> None:
    fault = mockscope.faults.add("create_user", transport=transport, times=2)
    with client.open(Options()) as ask:
        straight = error_of(ask, mockscope.url, mockscope)
        with mockscope_server.redirect():
            led = error_of(ask, APP, mockscope)

    assert led is straight
    assert fault.hits == 2


@through_every_client
@pytest.mark.parametrize("host", ["other.example", "www.periscopedata.com", "app.periscopedata.com.example"])
def test_requests_to_other_hosts_pass(
    client: Client, host: str, mockscope_redirect: MockSite, outside: Outside
) -> None:
    with client.open(Options()) as ask:
        assert ask("POST", f"http://{host}/api/v1/users", mockscope_redirect.headers, NEW_USER) == (200, BODY)

    assert outside.asked == [f"POST /api/v1/users at {host}"]
    assert len(mockscope_redirect.calls) == 0


# -- pools of urllib3 and requests --------------------------------------------------------------------------------


def test_the_options_of_a_pool_still_count(mockscope_redirect: MockSite) -> None:
    site = mockscope_redirect
    site.faults.add("list_users", transport="hang")
    timeout = urllib3.Timeout(connect=WAIT_SECONDS, read=0.1)
    with urllib3.HTTPSConnectionPool(
        "app.periscopedata.com", timeout=timeout, retries=False, headers=site.headers
    ) as pool:
        with pytest.raises(urllib3.exceptions.ReadTimeoutError):
            pool.request("GET", "/api/v1/users")

        assert pool.request("GET", "/api/v1/groups", timeout=WAIT_SECONDS).status == 200


def test_a_retry_goes_to_the_mock_again(mockscope_redirect: MockSite) -> None:
    site = mockscope_redirect
    site.faults.add("list_users", status=503, times=2)
    retries = urllib3.Retry(3, status_forcelist=[503], backoff_factor=0)
    with urllib3.HTTPSConnectionPool("app.periscopedata.com", retries=retries, headers=site.headers) as pool:
        assert pool.request("GET", "/api/v1/users").status == 200

    assert [call.status for call in site.calls] == [503, 503, 200]


@pytest.mark.parametrize("location", ["/api/v1/groups", "https://app.periscopedata.com/api/v1/groups"])
def test_a_pool_follows_a_redirect_response_of_its_own_host(location: str, mockscope_redirect: MockSite) -> None:
    site = mockscope_redirect
    site.faults.add("list_users", status=302, headers={"Location": location})
    with urllib3.HTTPSConnectionPool("app.periscopedata.com", headers=site.headers) as pool:
        assert pool.request("GET", "/api/v1/users").status == 200

    assert [(call.operation, call.header("host")) for call in site.calls] == [
        ("list_users", "app.periscopedata.com"),
        ("list_groups", "app.periscopedata.com"),
    ]


def test_a_closed_pool_raises_its_own_error(mockscope_redirect: MockSite) -> None:
    pool = urllib3.HTTPSConnectionPool("app.periscopedata.com")
    pool.close()

    with pytest.raises(urllib3.exceptions.ClosedPoolError):
        pool.request("GET", "/api/v1/users")


@pytest.mark.parametrize("library", [requests, httpx, httpx2])
def test_a_body_sent_in_pieces_arrives_whole(library: Any, mockscope_redirect: MockSite) -> None:
    site = mockscope_redirect
    pieces = (NEW_USER[start : start + 7] for start in range(0, len(NEW_USER), 7))
    name = "data" if library is requests else "content"
    response = library.post(f"{APP}/api/v1/users", headers=as_json(site), **{name: pieces})

    assert response.status_code == 201
    assert (site.calls.last.body, site.calls.last.header("transfer-encoding")) == (NEW_USER, "chunked")


@pytest.mark.parametrize("verify", [True, False])
def test_certificates_are_neither_required_nor_warned_about(*, verify: bool, mockscope_redirect: MockSite) -> None:
    response = requests.get(f"{APP}/api/v1/users", headers=mockscope_redirect.headers, verify=verify)

    assert (response.status_code, response.url) == (200, f"{APP}/api/v1/users")


@pytest.mark.parametrize("has_fault", [False, True])
def test_a_pool_of_one_connection_reuses_it(mockscope_redirect: MockSite, *, has_fault: bool) -> None:
    site = mockscope_redirect
    with urllib3.HTTPSConnectionPool("app.periscopedata.com", maxsize=1, block=True, headers=site.headers) as pool:
        for _ in range(3):
            if has_fault:
                site.faults.add("list_users", status=503)
            response = pool.request("GET", "/api/v1/users", preload_content=False, retries=False, pool_timeout=300)
            with pytest.raises(urllib3.exceptions.EmptyPoolError):
                pool.request("GET", "/api/v1/users", pool_timeout=0.01)
            assert b"".join(response.stream(7)) == site.calls.last.response


def test_a_custom_connection_class_gets_its_requests(
    mockscope_redirect: MockSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    class Recorder(urllib3.connection.HTTPSConnection):
        def request(self, method: str, url: str, *args: Any, **options: Any) -> None:
            seen.append(f"{method} {url}")
            super().request(method, url, *args, **options)

    monkeypatch.setattr(urllib3.HTTPSConnectionPool, "ConnectionCls", Recorder)
    assert requests.get(f"{APP}/api/v1/users", headers=mockscope_redirect.headers).status_code == 200

    assert seen == ["GET /api/v1/users"]


def test_urllib3_retries_the_statuses_of_its_forcelist(mockscope_redirect: MockSite) -> None:
    retries = urllib3.Retry(2, status_forcelist=[405], allowed_methods=None, backoff_factor=0, raise_on_status=False)
    with urllib3.PoolManager(retries=retries) as pools:
        assert pools.request("PATCH", f"{APP}/api/v1/users", headers=mockscope_redirect.headers).status == 405

    assert [call.status for call in mockscope_redirect.calls] == [405] * 3


@pytest.mark.parametrize("timeout", [urllib3.Timeout(total=0.1, read=5), urllib3.Timeout(connect=5, read=0.1)])
def test_the_read_timeout_of_urllib3_applies(timeout: Any, mockscope_redirect: MockSite) -> None:
    mockscope_redirect.faults.add("list_users", transport="hang")
    with (
        urllib3.PoolManager(timeout=timeout, retries=False) as pools,
        pytest.raises(urllib3.exceptions.ReadTimeoutError),
    ):
        pools.request("GET", f"{APP}/api/v1/users", headers=mockscope_redirect.headers)
