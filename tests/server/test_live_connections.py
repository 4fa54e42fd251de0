"""Connections that are kept, shared, slow or cut, refused requests, and bytes that are not HTTP."""

import asyncio
import json
import logging
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import aiohttp
import httpx
import httpx2
import pytest
import requests
from starlette.types import ASGIApp, Receive, Scope, Send
from support.bounds import WAIT_SECONDS
from support.messages import PLAIN_HTTP_PORT
from support.wire import JSON, Response, Wire, ask_urllib, head, message, quoted

from mockscope import LiveServer, MockSite, Refusal, Refused
from mockscope.server.listeners import bind

LIMIT = 1024 * 1024
BUILTIN_GROUPS = {
    "total_groups": 2,
    "groups_this_page": 2,
    "next_page_start": None,
    "groups": [{"name": "Administrators", "access": "Sql"}, {"name": "All Users", "access": "Sql"}],
}
JOEY = {
    "first_name": "Joey",
    "last_name": "Tribbiani",
    "email": "joey@example.com",
    "invited_by_email": "admin@example.com",
}
JOEY_RECORD = {
    "first_name": "Joey",
    "last_name": "Tribbiani",
    "email": "joey@example.com",
    "groups": ["All Users"],
    "last_login_at": None,
    "password_updated_at": None,
    "tfa_enabled": False,
}
NO_EMAIL = {"message": Refused(Refusal.EMAIL_MISSING).message}
NO_CREDENTIALS = {"message": Refused(Refusal.AUTH_MISSING).message}
TOO_LARGE = {"message": Refused(Refusal.BODY_TOO_LARGE, limit="1048576").message}


@pytest.fixture
def wire(mockscope: MockSite) -> Iterator[Wire]:
    """A connection to the site's server."""
    with Wire(mockscope.url) as connection:
        yield connection


def get_groups(site: MockSite) -> bytes:
    return head("GET", "/api/v1/groups", site.headers)


def is_well(site: MockSite) -> bool:
    """Return whether the server responds to another client. By then it has handled all earlier bytes."""
    response = requests.get(f"{site.url}/api/v1/groups", headers=site.headers, timeout=WAIT_SECONDS)
    return response.status_code == 200 and bool(response.json() == BUILTIN_GROUPS)


# -- kept connections ------------------------------------------------------------------------------------------


class CountingServer(LiveServer):
    """A server that records the client ports of its requests."""

    def __init__(self) -> None:
        super().__init__()
        self.asked_from: list[int] = []
        self.app.add_middleware(ClientPorts, self.asked_from)


class ClientPorts:
    """Record the client port of each request."""

    def __init__(self, app: ASGIApp, ports: list[int]) -> None:
        self._app = app
        self._ports = ports

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._ports.append(scope["client"][1])
        await self._app(scope, receive, send)


def ask_300_times_with_requests(url: str, headers: dict[str, str]) -> None:
    with requests.Session() as session:
        for _ in range(300):
            assert session.get(url, headers=headers, timeout=WAIT_SECONDS).json() == BUILTIN_GROUPS


def ask_300_times_with_httpx(url: str, headers: dict[str, str]) -> None:
    with httpx.Client(timeout=WAIT_SECONDS, verify=False) as client:
        for _ in range(300):
            assert client.get(url, headers=headers).json() == BUILTIN_GROUPS


def ask_300_times_with_httpx2(url: str, headers: dict[str, str]) -> None:
    with httpx2.Client(timeout=WAIT_SECONDS, verify=False) as client:
        for _ in range(300):
            assert client.get(url, headers=headers).json() == BUILTIN_GROUPS


def ask_300_times_with_aiohttp(url: str, headers: dict[str, str]) -> None:
    async def ask() -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=WAIT_SECONDS)) as session:
            for _ in range(300):
                async with session.get(url, headers=headers) as response:
                    assert await response.json() == BUILTIN_GROUPS

    asyncio.run(ask())


@pytest.mark.parametrize(
    "ask_300_times",
    [
        ask_300_times_with_requests,
        ask_300_times_with_httpx,
        ask_300_times_with_httpx2,
        ask_300_times_with_aiohttp,
    ],
)
def test_300_requests_of_one_session_share_one_connection(ask_300_times: Callable[[str, dict[str, str]], None]) -> None:
    server = CountingServer()
    with server:
        site = server.site()
        ask_300_times(f"{site.url}/api/v1/groups", site.headers)
    assert len(server.asked_from) == 300
    assert len(set(server.asked_from)) == 1


def test_responses_are_not_held_back_until_the_client_acknowledges() -> None:
    # asyncio turns Nagle's algorithm off only on sockets that name their protocol.
    with bind("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_pipelined_requests_are_answered_in_order(wire: Wire, mockscope: MockSite) -> None:
    names = [f"Sales {number}" for number in range(50)]
    for name in names:
        mockscope.add_group(name)
    wire.send(b"".join(head("GET", f"/api/v1/groups/{quoted(name)}", mockscope.headers) for name in names))
    responses = [wire.response().json() for _ in names]
    assert responses == [{"name": name, "access": "View", "dashboards": []} for name in names]


def test_pipelined_writes_are_applied_in_order(wire: Wire, mockscope: MockSite) -> None:
    create = message("POST", "/api/v1/users", json.dumps(JOEY).encode(), mockscope.headers)
    joey = {**mockscope.headers, "Http-X-Email": "joey@example.com"}
    update = message("PUT", "/api/v1/users", b'{"first_name": "Joseph"}', joey)
    delete = head("DELETE", "/api/v1/users", joey)
    wire.send(create + update + delete + create)
    responses = [wire.response() for _ in range(4)]
    assert [response.status for response in responses] == [201, 200, 200, 201]
    assert [response.json() for response in responses] == [
        JOEY_RECORD,
        {**JOEY_RECORD, "first_name": "Joseph"},
        {"message": f"User removed from {mockscope.host}"},
        JOEY_RECORD,
    ]


def test_head_leaves_the_connection_in_step(wire: Wire, mockscope: MockSite) -> None:
    wire.send(head("HEAD", "/api/v1/groups", mockscope.headers) + get_groups(mockscope))
    assert wire.response(to_head=True).status == 200
    assert wire.response().json() == BUILTIN_GROUPS


# -- slow and cut ----------------------------------------------------------------------------------------------


def test_a_slow_client_does_not_block_the_others(wire: Wire, mockscope: MockSite) -> None:
    request = message("POST", "/api/v1/users", json.dumps(JOEY).encode(), mockscope.headers)
    for start in range(0, len(request), 20):
        wire.send(request[start : start + 20])
        assert is_well(mockscope)
    response = wire.response()
    assert response.status == 201
    assert response.json() == JOEY_RECORD


def test_a_request_may_arrive_byte_by_byte(wire: Wire, mockscope: MockSite) -> None:
    for byte in message("POST", "/api/v1/users", json.dumps(JOEY).encode(), mockscope.headers):
        wire.send(bytes([byte]))
    assert wire.response().json() == JOEY_RECORD


@pytest.mark.rule("TEST-4")
@pytest.mark.parametrize("rudely", [False, True])
def test_a_client_that_disconnects_in_the_middle_of_the_body_disturbs_nobody(
    rudely: bool,  # noqa: FBT001
    mockscope: MockSite,
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = mockscope.export()
    request = message("POST", "/api/v1/users", json.dumps(JOEY).encode(), mockscope.headers)
    with caplog.at_level(logging.INFO, logger="uvicorn"):
        with Wire(mockscope.url) as connection:
            connection.send(request[:-10])
            assert is_well(mockscope)
            if rudely:
                # A reset instead of an orderly end.
                connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert is_well(mockscope)
    assert mockscope.export() == before
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_client_that_disconnects_before_the_response_disturbs_nobody(
    mockscope: MockSite, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(20):
        with Wire(mockscope.url) as connection:
            connection.send(get_groups(mockscope) * 5)
    assert is_well(mockscope)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("size", [0, 500_000])
def test_a_client_that_closes_its_own_side_still_gets_the_response(size: int, wire: Wire, mockscope: MockSite) -> None:
    body = json.dumps(JOEY).encode().ljust(size)
    wire.send(message("POST", "/api/v1/users", body, mockscope.headers))
    wire.socket.shutdown(socket.SHUT_WR)
    assert wire.response().json() == JOEY_RECORD
    assert wire.rest() == b""


def test_a_client_that_closes_its_own_side_before_a_request_causes_no_warning(
    wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    wire.socket.shutdown(socket.SHUT_WR)
    assert wire.rest() == b""
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


# -- refused before the body was read --------------------------------------------------------------------------


@pytest.mark.rule("HTTP-1", "HTTP-6")
@pytest.mark.parametrize(
    ("method", "path", "with_key", "status"),
    [
        ("PUT", "/api/v1/users", True, 400),
        ("PUT", "/api/v1/users", False, 403),
        ("POST", "/api/v1/users", False, 403),
        ("POST", "/api/v1/teams", True, 404),
        ("PUT", "/api/v1/groups/Sales", True, 404),
        ("PATCH", "/api/v1/users", True, 405),
        ("GET", "/api/v1/users", True, 200),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_an_unread_body_leaves_the_connection_in_step(
    method: str,
    path: str,
    with_key: bool,  # noqa: FBT001
    status: int,
    at_once: bool,  # noqa: FBT001
    wire: Wire,
    mockscope: MockSite,
) -> None:
    first = message(method, path, b" " * 500_000, mockscope.headers if with_key else {})
    for data in [first + get_groups(mockscope)] if at_once else [first[:1000], first[1000:], get_groups(mockscope)]:
        wire.send(data)
    response = wire.response()
    assert response.status == status
    assert response.headers["content-type"] == JSON
    assert wire.response().json() == BUILTIN_GROUPS


@pytest.mark.rule("HTTP-8")
def test_a_body_over_the_limit_leaves_the_connection_in_step(wire: Wire, mockscope: MockSite) -> None:
    wire.send(message("POST", "/api/v1/users", b" " * (3 * LIMIT), mockscope.headers) + get_groups(mockscope))
    response = wire.response()
    assert response.status == 413
    assert response.json() == TOO_LARGE
    assert wire.response().json() == BUILTIN_GROUPS


@pytest.mark.rule("HTTP-1", "HTTP-8")
@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize(
    ("method", "with_key", "status", "expected"),
    [
        ("POST", True, 413, TOO_LARGE),
        ("POST", False, 403, NO_CREDENTIALS),
        ("PUT", True, 400, NO_EMAIL),
    ],
)
def test_connection_close_with_an_unread_body_still_gets_a_response(
    version: str,
    method: str,
    with_key: bool,  # noqa: FBT001
    status: int,
    expected: dict[str, str],
    wire: Wire,
    mockscope: MockSite,
) -> None:
    # Closing a connection with unread bytes resets it, and the response is lost. urllib sends such requests.
    credentials = mockscope.headers if with_key else {}
    length = {"Content-Length": str(8 * LIMIT), "Connection": "close"}
    wire.send(head(method, "/api/v1/users", credentials, length, version=version))
    for _ in range(8):
        wire.send(b" " * LIMIT)
    response = wire.response()
    assert response.status == status
    assert response.json() == expected
    assert wire.rest() == b""


@pytest.mark.rule("HTTP-1", "AUTH-2")
def test_urllib_reads_the_refusal_of_a_large_body(mockscope: MockSite) -> None:
    response = ask_urllib("POST", f"{mockscope.url}/api/v1/users", {}, b" " * (8 * LIMIT))
    assert response.status == 403
    assert response.json() == NO_CREDENTIALS


def test_expect_100_continue_gets_100(wire: Wire, mockscope: MockSite) -> None:
    body = json.dumps(JOEY).encode()
    expecting = {"Content-Length": str(len(body)), "Expect": "100-continue"}
    wire.send(head("POST", "/api/v1/users", mockscope.headers, expecting))
    assert wire.response() == Response(100, {}, b"")
    wire.send(body)
    assert wire.response().json() == JOEY_RECORD


@pytest.mark.rule("HTTP-8")
def test_expect_100_continue_with_too_large_a_body_is_refused_at_once(wire: Wire, mockscope: MockSite) -> None:
    expecting = {"Content-Length": str(LIMIT + 1), "Expect": "100-continue"}
    wire.send(head("POST", "/api/v1/users", mockscope.headers, expecting))
    response = wire.response()
    assert response.status == 413
    assert response.json() == TOO_LARGE


# -- chunked ---------------------------------------------------------------------------------------------------


def pieces(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), 7):
        yield body[start : start + 7]


async def pieces_async(body: bytes) -> AsyncIterator[bytes]:
    for piece in pieces(body):
        yield piece


def send_pieces_with_requests(url: str, headers: dict[str, str], body: bytes) -> Any:
    return requests.post(url, headers=headers, data=pieces(body), timeout=WAIT_SECONDS).json()


def send_pieces_with_httpx(url: str, headers: dict[str, str], body: bytes) -> Any:
    return httpx.post(url, headers=headers, content=pieces(body), timeout=WAIT_SECONDS, verify=False).json()


def send_pieces_with_httpx_async(url: str, headers: dict[str, str], body: bytes) -> Any:
    async def send() -> Any:
        async with httpx.AsyncClient(timeout=WAIT_SECONDS, verify=False) as client:
            return (await client.post(url, headers=headers, content=pieces_async(body))).json()

    return asyncio.run(send())


def send_pieces_with_aiohttp(url: str, headers: dict[str, str], body: bytes) -> Any:
    async def send() -> Any:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=WAIT_SECONDS)) as session,
            session.post(url, headers=headers, data=pieces_async(body)) as response,
        ):
            return await response.json()

    return asyncio.run(send())


@pytest.mark.parametrize(
    "send_pieces",
    [
        send_pieces_with_requests,
        send_pieces_with_httpx,
        send_pieces_with_httpx_async,
        send_pieces_with_aiohttp,
    ],
)
def test_a_body_from_a_generator_is_read_whole(
    send_pieces: Callable[[str, dict[str, str], bytes], Any], mockscope: MockSite
) -> None:
    body = json.dumps(JOEY).encode()
    assert send_pieces(f"{mockscope.url}/api/v1/users", mockscope.headers, body) == JOEY_RECORD


@pytest.mark.rule("HTTP-8")
def test_a_chunked_body_over_the_limit_is_413_and_leaves_the_connection_in_step(
    wire: Wire, mockscope: MockSite
) -> None:
    wire.send(head("POST", "/api/v1/users", mockscope.headers, {"Transfer-Encoding": "chunked"}))
    for _ in range(3 * 16):
        wire.send(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
    wire.send(b"0\r\n\r\n" + get_groups(mockscope))
    response = wire.response()
    assert response.status == 413
    assert response.json() == TOO_LARGE
    assert wire.response().json() == BUILTIN_GROUPS


# -- almost HTTP/1.1 -------------------------------------------------------------------------------------------


@pytest.mark.rule("HTTP-1")
@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param(b"hello\r\n\r\n", id="a word"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="HTTP/2"),
        pytest.param(b"BREW /api/v1/users HTTP/1.1\r\n\r\n", id="no such method"),
        pytest.param(b"GET /api/v1/users and so on HTTP/1.1\r\n\r\n", id="blanks in the target"),
        pytest.param(b"GET /api/v1/users HTTP/1.1\r\nno colon\r\n\r\n", id="a header without a colon"),
        pytest.param(b"POST /api/v1/users HTTP/1.1\r\nContent-Length: -1\r\n\r\n", id="a negative length"),
        pytest.param(b"POST /api/v1/users HTTP/1.1\r\nContent-Length: many\r\n\r\n", id="a length that is a word"),
    ],
)
def test_a_request_that_is_not_http_is_400_in_json(garbage: bytes, wire: Wire, mockscope: MockSite) -> None:
    wire.send(garbage)
    response = wire.response()
    assert response.status == 400
    assert response.json() == {"message": "Invalid HTTP request received."}
    assert response.headers["connection"] == "close"
    assert wire.rest() == b""
    assert is_well(mockscope)


@pytest.mark.parametrize("hello", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), b"\x16\x03\x01"])
def test_tls_on_a_port_for_plain_http_is_explained(
    hello: bytes, wire: Wire, mockscope: MockSite, caplog: pytest.LogCaptureFixture
) -> None:
    wire.send(hello)
    response = wire.response()
    assert (response.status, response.json()) == (400, {"message": PLAIN_HTTP_PORT})
    assert wire.rest() == b""
    assert caplog.messages == [PLAIN_HTTP_PORT]
    assert is_well(mockscope)


@pytest.mark.parametrize("target", ["app.periscopedata.com:443", "/api/v1/users"])
def test_connect_on_a_port_that_is_not_a_proxy_is_explained(
    target: str, wire: Wire, mockscope: MockSite, caplog: pytest.LogCaptureFixture
) -> None:
    wire.send(head("CONNECT", target, mockscope.headers))
    response = wire.rest().decode()
    message = "This is not a proxy: start mockscope with --proxy (proxy=True), and send CONNECT to its proxy."
    assert response.startswith(f"HTTP/1.1 400 {message}\r\n")
    assert response.endswith(f'\r\nconnection: close\r\n\r\n{{"message":"{message}"}}')
    # There is only one line: a second line would report a request that is not HTTP.
    assert caplog.messages == [message]
    assert len(mockscope.calls) == 0
    assert is_well(mockscope)


@pytest.mark.rule("HTTP-1")
def test_a_chunked_body_that_is_garbage_is_400_in_json(wire: Wire, mockscope: MockSite) -> None:
    wire.send(head("POST", "/api/v1/users", mockscope.headers, {"Transfer-Encoding": "chunked"}) + b"chunk\r\n")
    response = wire.response()
    assert response.status == 400
    assert response.json() == {"message": "Invalid HTTP request received."}
    assert is_well(mockscope)


@pytest.mark.rule("GROUP-5")
@pytest.mark.parametrize("cut", [None, 19, 20, 21, 22])
def test_a_group_s_name_in_raw_utf_8_is_found_however_the_request_is_cut(
    cut: int | None, wire: Wire, mockscope: MockSite
) -> None:
    mockscope.add_group("Équipe 東京")
    request = head("GET", "/api/v1/groups/Équipe%20東京", mockscope.headers)
    wire.send(request[:cut])
    if cut is not None:
        # Once another client is answered, the server has seen the first piece alone.
        assert ask_urllib("GET", f"{mockscope.url}/api/v1/users", mockscope.headers, None).status == 200
        wire.send(request[cut:])
    assert wire.response().json() == {"name": "Équipe 東京", "access": "View", "dashboards": []}


@pytest.mark.rule("PAGE-2")
def test_a_cursor_in_raw_utf_8_is_parsed(wire: Wire, mockscope: MockSite) -> None:
    mockscope.add_group("École")
    mockscope.add_group("Équipe")
    wire.send(head("GET", "/api/v1/groups?next_page_start=Équipe", mockscope.headers))
    assert wire.response().json() == {
        "total_groups": 4,
        "groups_this_page": 1,
        "next_page_start": None,
        "groups": [{"name": "Équipe", "access": "View"}],
    }


def test_raw_utf_8_in_a_body_and_in_a_header_is_unchanged(wire: Wire, mockscope: MockSite) -> None:
    body = json.dumps({**JOEY, "first_name": "José"}, ensure_ascii=False).encode()
    wire.send(message("POST", "/api/v1/users", body, mockscope.headers, {"User-Agent": "café"}))
    assert wire.response().json() == {**JOEY_RECORD, "first_name": "José"}
    wire.send(get_groups(mockscope))
    assert wire.response().json() == BUILTIN_GROUPS


def test_an_http_1_0_client_gets_a_response_and_the_connection_is_closed(wire: Wire, mockscope: MockSite) -> None:
    request = f"GET /api/v1/groups HTTP/1.0\r\nHttp-X-Partner-Auth: {mockscope.host}:{mockscope.api_key}\r\n\r\n"
    wire.send(request.encode())
    response = wire.response()
    assert response.status == 200
    assert response.json() == BUILTIN_GROUPS
    assert wire.rest() == b""


@pytest.mark.rule("HTTP-2")
@pytest.mark.parametrize(
    "host", ["app.periscopedata.com", "api.periscopedata.com", "app.periscopedata.com:443", "localhost", ""]
)
def test_the_host_header_makes_no_difference(host: str, mockscope: MockSite) -> None:
    headers = {**mockscope.headers, "Host": host}
    response = requests.get(f"{mockscope.url}/api/v1/groups", headers=headers, timeout=WAIT_SECONDS)
    assert response.status_code == 200
    assert response.json() == BUILTIN_GROUPS


@pytest.mark.rule("HTTP-2")
def test_an_absolute_url_in_the_request_line_is_routed_by_its_path(wire: Wire, mockscope: MockSite) -> None:
    # A client that uses the server as a proxy sends this.
    wire.send(head("GET", "http://app.periscopedata.com/api/v1/groups", mockscope.headers))
    assert wire.response().json() == BUILTIN_GROUPS


UPGRADE = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQCAAAAAAIAAAAA"}


def test_an_offer_to_upgrade_is_ignored(wire: Wire, mockscope: MockSite) -> None:
    wire.send(head("GET", "/api/v1/groups", mockscope.headers, UPGRADE))
    assert wire.response().json() == BUILTIN_GROUPS
    wire.send(get_groups(mockscope))
    assert wire.response().json() == BUILTIN_GROUPS


@pytest.mark.rule("HTTP-4")
def test_the_body_of_a_request_that_offers_to_upgrade_is_read(wire: Wire, mockscope: MockSite) -> None:
    # Java's HttpClient sends this by default, and curl with --http2.
    wire.send(message("POST", "/api/v1/users", json.dumps(JOEY).encode(), mockscope.headers, UPGRADE))
    response = wire.response()
    assert response.status == 201
    assert response.json() == JOEY_RECORD
    wire.send(get_groups(mockscope))
    assert wire.response().json() == BUILTIN_GROUPS


def test_an_offer_to_upgrade_with_connection_close_is_ignored(wire: Wire, mockscope: MockSite) -> None:
    headers = {"Connection": f"close, {UPGRADE['Connection']}"}
    wire.send(message("POST", "/api/v1/users", json.dumps(JOEY).encode(), mockscope.headers, UPGRADE | headers))

    assert (wire.response().status, wire.rest()) == (201, b"")


def test_an_offer_to_upgrade_logs_no_warning(wire: Wire, mockscope: MockSite, caplog: pytest.LogCaptureFixture) -> None:
    wire.send(head("GET", "/api/v1/groups", mockscope.headers, UPGRADE))
    assert wire.response().json() == BUILTIN_GROUPS
    assert [record.getMessage() for record in caplog.records] == []


def test_an_offer_to_upgrade_in_a_pipelined_request_is_ignored(wire: Wire, mockscope: MockSite) -> None:
    body = json.dumps(JOEY).encode()
    wire.send(get_groups(mockscope) + message("POST", "/api/v1/users", body, mockscope.headers, UPGRADE))
    assert [wire.response().status, wire.response().status] == [200, 201]


def test_an_offer_to_upgrade_is_recorded_under_its_own_name(wire: Wire, mockscope: MockSite) -> None:
    wire.send(head("GET", "/api/v1/groups", mockscope.headers, UPGRADE))
    wire.response()

    call = mockscope.calls.last
    assert [name for name, _ in call.headers][-3:] == ["connection", "upgrade", "http2-settings"]
    assert call.header("upgrade") == "h2c"


# -- bytes behind a request ------------------------------------------------------------------------------------


def test_a_complete_write_gets_its_response_before_the_garbage_behind_it(wire: Wire, mockscope: MockSite) -> None:
    # The length was counted in characters, or the body is longer than its length.
    wire.send(message("POST", "/api/v1/users", json.dumps(JOEY).encode(), mockscope.headers) + b"}")

    assert (wire.response().status, wire.response().status, wire.rest()) == (201, 400, b"")
    assert [call.status for call in mockscope.calls] == [201]


def test_all_complete_requests_get_their_responses_before_the_garbage_behind_them(
    wire: Wire, mockscope: MockSite
) -> None:
    wire.send(get_groups(mockscope) * 3 + b"}")

    assert [wire.response().status for _ in range(4)] == [200, 200, 200, 400]
    assert (wire.rest(), len(mockscope.calls)) == (b"", 3)
