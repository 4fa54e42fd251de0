"""Bytes arrive in any pieces, become requests, and get responses in the order of the requests."""

import asyncio
import re
from collections.abc import Iterator

import pytest
from starlette.types import Message, Receive, Scope, Send
from support.protocol_wire import Connection, connection

import mockscope

API_KEY = "e179017a-62b0-4996-8a38-e91aa9f1"
SEED = {
    "mockscope": 1,
    "sites": [
        {
            "host": "example_site",
            "api_key": API_KEY,
            "users": [
                {
                    "first_name": "Rachel",
                    "last_name": "Green",
                    "email": "rachel@example.com",
                    "groups": ["Administrators", "All Users"],
                },
                {"first_name": "Monica", "last_name": "Geller", "email": "monica@example.com"},
            ],
        }
    ],
}
PHOEBE = (
    b'{"first_name": "Phoebe", "last_name": "Buffay", "email": "phoebe@example.com",'
    b' "invited_by_email": "rachel@example.com"}'
)
GET = b"GET / HTTP/1.1\r\nHost: example\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


async def respond(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"{}"})


def request(line: str, *headers: str, body: bytes = b"") -> bytes:
    """Return a request as it is on the wire."""
    length = [f"Content-Length: {len(body)}"] if body else []
    lines = [f"{line} HTTP/1.1", "Host: localhost", f"Http-X-Partner-Auth: example_site:{API_KEY}", *headers, *length]
    return "".join(f"{each}\r\n" for each in lines).encode() + b"\r\n" + body


async def statuses_of(*pieces: bytes) -> tuple[list[str], list[mockscope.Call]]:
    """Return the statuses of the responses to these pieces, and the recorded calls."""
    mock = mockscope.Mockscope(SEED)
    async with connection(mock.app) as client:
        for piece in pieces:
            client.receive(piece)
            await asyncio.sleep(0)
        statuses = re.findall(rb"HTTP/1.1 (\d+) ", await client.settle())
    return [status.decode() for status in statuses], mock.all_calls()


# -- requests that arrive together -----------------------------------------------------------------------------


async def test_pipelined_responses_come_in_the_order_of_their_requests() -> None:
    paths: list[str] = []

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        paths.append(scope["path"])
        await respond(send)

    async with connection(noting) as client:
        client.receive(b"".join(GET.replace(b" / ", b" /%d " % number) for number in range(5)))
        assert await client.settle() == ANSWER * 5

    assert paths == ["/0", "/1", "/2", "/3", "/4"]


async def test_reading_pauses_until_all_received_requests_have_responses() -> None:
    """A client that sends without reading must not fill the memory with its requests."""
    permits = [asyncio.Event() for _ in range(3)]

    async def waiting(scope: Scope, receive: Receive, send: Send) -> None:
        await permits[int(scope["path"].removeprefix("/"))].wait()
        await respond(send)

    read = []
    async with connection(waiting) as client:
        client.receive(b"".join(GET.replace(b" / ", b" /%d " % number) for number in range(3)))
        for number, allowed in enumerate(permits):
            allowed.set()
            assert await client.settle() == ANSWER * (number + 1)
            read.append(client.transport.is_read)

    assert read == [False, False, True]


async def test_a_queued_request_gets_the_rest_of_its_body() -> None:
    bodies: list[bytes] = []

    async def reading(scope: Scope, receive: Receive, send: Send) -> None:
        message: Message = {"more_body": scope["method"] == "POST"}
        while message["more_body"]:
            message = await receive()
            bodies.append(message["body"])
        await respond(send)

    async with connection(reading) as client:
        client.receive(GET + GET + b"POST / HTTP/1.1\r\nHost: example\r\nContent-Length: 4\r\n\r\n{ ")
        assert await client.settle() == ANSWER * 2
        assert client.transport.is_read
        client.receive(b" }")
        assert await client.settle() == ANSWER * 3

    assert b"".join(bodies) == b"{  }"


async def test_a_queued_request_receives_the_disconnect_of_its_client() -> None:
    seen: list[str] = []

    async def patient(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((await receive())["type"])
        seen.append((await receive())["type"])

    async with connection(patient) as client:
        client.receive(GET * 3)
        await client.settle()
        assert seen == ["http.request"]
        client.lose()
        await client.settle()
    assert seen == ["http.request", "http.disconnect"]


@pytest.mark.parametrize("behind", [b"}", b"}\r\n\r\n", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"])
async def test_bytes_that_are_not_http_are_refused_after_the_responses_before_them(behind: bytes) -> None:
    permits = [asyncio.Event() for _ in range(2)]

    async def waiting(scope: Scope, receive: Receive, send: Send) -> None:
        await permits[0].wait()
        await respond(send)

    async with connection(waiting) as client:
        client.receive(GET * 2 + behind, b"more")
        assert await client.settle() == b""
        permits[0].set()
        sent = await client.settle()
        assert sent.startswith(ANSWER * 2 + b"HTTP/1.1 400 Bad Request\r\n")
        assert sent.count(b"HTTP/1.1 ") == 3
        assert client.transport.is_closed


async def test_an_invalid_body_is_refused_while_its_request_waits_for_it() -> None:
    async def waiting(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async with connection(waiting) as client:
        client.receive(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n")
        assert client.transport.written.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert client.transport.is_closed


# -- raw UTF-8 in a request line -------------------------------------------------------------------------------


def cut_anywhere(sent: bytes) -> Iterator[tuple[bytes, bytes]]:
    return ((sent[:cut], sent[cut:]) for cut in range(1, len(sent)))


@pytest.mark.rule("GROUP-5")
async def test_raw_utf_8_is_parsed_wherever_the_request_is_cut() -> None:
    typed = request("GET /api/v1/groups/Équipe?x=東", "User-Agent: café")
    for pieces in cut_anywhere(typed):
        statuses, [call] = await statuses_of(*pieces)
        assert (statuses, call.path, call.query) == (["404"], "/api/v1/groups/%C3%89quipe", "x=%E6%9D%B1")
        assert call.header("user-agent") == "café".encode().decode("latin-1")


@pytest.mark.rule("GROUP-5")
@pytest.mark.parametrize("cut", range(1, 6))
async def test_raw_utf_8_is_parsed_however_the_request_before_it_was_cut(cut: int) -> None:
    before, typed = request("GET /api/v1/groups"), request("GET /api/v1/groups/Équipe")
    for pieces in (
        [before[:-cut], before[-cut:], typed],
        [before, typed[:20], typed[20:]],
        [before + typed],
        [before + typed[:20], typed[20:]],
    ):
        statuses, calls = await statuses_of(*pieces)
        assert (statuses, calls[-1].path) == (["200", "404"], "/api/v1/groups/%C3%89quipe")


async def test_raw_utf_8_in_a_body_is_unchanged_wherever_the_request_is_cut() -> None:
    body = "{\n  'é'\nGET /é HTTP/1.1\r\n\r\n".encode()
    for pieces in cut_anywhere(request("POST /api/v1/users", body=body)):
        statuses, [call] = await statuses_of(*pieces)
        assert (statuses, call.body) == (["400"], body)


# -- offers to go on in another protocol -----------------------------------------------------------------------

OFFER = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA")


@pytest.mark.rule("HTTP-4")
async def test_an_offer_to_upgrade_is_ignored_wherever_the_request_is_cut() -> None:
    for pieces in cut_anywhere(request("POST /api/v1/users", *OFFER, body=PHOEBE)):
        statuses, [call] = await statuses_of(*pieces)
        assert (statuses, call.body) == (["201"], PHOEBE)
        assert [name for name, _ in call.headers[2:5]] == ["connection", "upgrade", "http2-settings"]
        assert call.header("upgrade") == "h2c"


@pytest.mark.rule("HTTP-4")
async def test_an_offer_to_upgrade_is_ignored_byte_by_byte() -> None:
    sent = request("POST /api/v1/users", *OFFER, body=PHOEBE)
    statuses, [call] = await statuses_of(*[sent[place : place + 1] for place in range(len(sent))])
    assert (statuses, call.body, call.header("upgrade")) == (["201"], PHOEBE, "h2c")


@pytest.mark.rule("HTTP-4")
@pytest.mark.parametrize(
    ("line", "status"), [("GET /api/v1/users", "200"), ("POST /api/v1/teams", "404"), ("PATCH /api/v1/users", "405")]
)
async def test_an_offer_to_upgrade_behind_an_early_response_is_ignored(line: str, status: str) -> None:
    # As Java's HttpClient sends: head and body by themselves.
    first, second = request(line, *OFFER, body=b"{}"), request("POST /api/v1/users", *OFFER, body=PHOEBE)
    statuses, calls = await statuses_of(first[:-2], first[-2:], second[: -len(PHOEBE)], PHOEBE)

    assert (statuses, calls[1].body) == ([status, "201"], PHOEBE)


async def test_thousands_of_pipelined_offers_to_upgrade_are_ignored() -> None:
    statuses, _ = await statuses_of(request("GET /api/v1/users", *OFFER) * 2000)
    assert statuses == ["200"] * 2000


async def test_text_like_an_offer_to_upgrade_elsewhere_is_unchanged() -> None:
    body = b"up\nUpgrade: h2c\nupg"
    sent = request("PUT /api/v1/users?upgrade:=", "X-Upgrade: a", "X-Other: upgrade: b", body=body)
    for pieces in cut_anywhere(sent):
        statuses, [call] = await statuses_of(*pieces)
        assert (statuses, call.body, call.query) == (["400"], body, "upgrade:=")
        assert (call.header("x-upgrade"), call.header("x-other"), call.header("upgrade")) == ("a", "upgrade: b", None)


async def test_a_tunnel_is_refused_with_an_offer_and_without() -> None:
    for headers in ((), OFFER):
        assert await statuses_of(request("CONNECT app.periscopedata.com:443", *headers)) == (["400"], [])


# -- wrappers of the application -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "path", "query", "number_of_headers"),
    [
        pytest.param({"path": "/api/v1/teams", "raw_path": b"/api/v1/teams"}, "/api/v1/teams", "", 3, id="path"),
        pytest.param({"query_string": b"test_mode=true"}, "/api/v1/users", "test_mode=true", 3, id="query"),
        pytest.param({"headers": [(b"host", b"localhost")]}, "/api/v1/users", "", 1, id="headers"),
    ],
)
async def test_a_scope_changed_by_a_wrapper_is_used(
    change: dict[str, object], path: str, query: str, number_of_headers: int
) -> None:
    mock = mockscope.Mockscope(SEED)

    async def wrapping(scope: Scope, receive: Receive, send: Send) -> None:
        await mock.app({**scope, **change}, receive, send)

    async with connection(wrapping) as client:
        client.receive(request("GET /api/v1/users", "Http-X-Email: monica@example.com"))
        await client.settle()
    [call] = mock.all_calls()
    assert (call.path, call.query, len(call.headers)) == (path, query, number_of_headers)


async def test_a_header_with_line_breaks_is_never_sent(caplog: pytest.LogCaptureFixture) -> None:
    async def unusual(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"x-name", b"Chandler\r\nX-Other: Bing")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})

    async with connection(unusual) as client:
        client.receive(GET)
        assert b"Bing" not in await client.settle()
    assert "Invalid HTTP header value." in caplog.text


async def test_an_http_1_0_response_ends_with_the_connection() -> None:
    async def answering(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send)

    client: Connection
    async with connection(answering) as client:
        client.receive(GET.replace(b"1.1", b"1.0"))
        assert await client.settle() == ANSWER[:-4] + b"connection: close\r\n\r\n{}"
        assert client.transport.is_closed


# -- trailers, and bodies that are not sent yet ----------------------------------------------------------------


@pytest.mark.rule("HTTP-6", "HTTP-8")
@pytest.mark.parametrize(
    ("line", "trailer", "status"),
    [
        ("GET /api/v1/users", "Http-X-Email: nobody@example.com", "200"),
        ("DELETE /api/v1/users", "Http-X-Email: monica@example.com", "400"),
        ("GET /api/v1/groups", "Http-X-Partner-Auth: nobody:nothing", "200"),
    ],
)
async def test_trailers_are_not_headers_wherever_the_request_is_cut(line: str, trailer: str, status: str) -> None:
    head = request(line, "Transfer-Encoding: chunked")
    sent = head + f"2\r\n{{}}\r\n0\r\n{trailer}\r\n\r\n".encode()
    for pieces in ((sent,), *cut_anywhere(sent)):
        statuses, [call] = await statuses_of(*pieces)
        assert statuses == [status]
        assert [name for name, _ in call.headers] == ["host", "http-x-partner-auth", "transfer-encoding"]


@pytest.mark.rule("HTTP-8")
@pytest.mark.parametrize(
    ("line", "status"),
    [("POST /api/v1/teams", b"404 Not Found"), ("POST /_mockscope/v1/teams", b"404 Not Found")],
)
async def test_a_response_to_an_unsent_body_closes_the_connection(line: str, status: bytes) -> None:
    # A next request without the unwanted body would be read as that body.
    async with connection(mockscope.Mockscope(SEED).app) as client:
        client.receive(request(line, "Expect: 100-continue", "Content-Length: 9"))
        sent = await client.settle()
        assert sent.startswith(b"HTTP/1.1 " + status)
        assert b"\r\nconnection: close\r\n" in sent
        assert client.transport.is_closed


async def test_the_connection_stays_open_after_100_continue() -> None:
    async with connection(mockscope.Mockscope(SEED).app) as client:
        client.receive(request("POST /api/v1/users", "Expect: 100-continue", f"Content-Length: {len(PHOEBE)}"))
        assert await client.settle() == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.receive(PHOEBE)
        assert b"HTTP/1.1 201 Created\r\n" in await client.settle()
        assert b"connection: close" not in client.transport.written
        assert not client.transport.is_closed


async def test_an_http_1_0_client_never_gets_100_continue() -> None:
    async with connection(mockscope.Mockscope(SEED).app) as client:
        sent = request("POST /api/v1/users", "Expect: 100-continue", body=b"{}").replace(b"HTTP/1.1", b"HTTP/1.0")
        client.receive(sent)
        assert (await client.settle()).startswith(b"HTTP/1.1 400 Bad Request\r\n")


async def test_a_connection_that_the_client_reset_is_closed_at_once() -> None:
    async def answering(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send)

    async with connection(answering) as client:
        client.receive(GET)
        await client.settle()
        assert client.protocol.timeout_keep_alive_task is not None
        client.protocol.connection_lost(ConnectionResetError())
        assert client.protocol.timeout_keep_alive_task is None


# -- heads without an end --------------------------------------------------------------------------------------


@pytest.mark.rule("HTTP-8")
@pytest.mark.parametrize(
    ("begin", "status"),
    [
        (b"GET /api/v1/users HTTP/1.1\r\nX-Long: ", b"431 "),
        (b"GET /api/v1/users?x=", b"414 "),
    ],
)
async def test_a_request_head_without_an_end_is_refused(begin: bytes, status: bytes) -> None:
    async with connection(mockscope.Mockscope(SEED).app) as client:
        client.receive(GET + begin, *[b"x" * 1000] * 60)
        assert not client.transport.is_closed
        client.receive(*[b"x" * 1000] * 10)
        sent = await client.settle()
        assert sent.count(b"HTTP/1.1 ") == 2
        assert b"HTTP/1.1 " + status in sent
        assert client.transport.is_closed


@pytest.mark.rule("HTTP-8")
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (request("GET /api/v1/users", f"X-Long: {'x' * 66_000}"), "431"),
        (request(f"GET /api/v1/users?{'x' * 66_000}"), "414"),
        (request("GET /api/v1/users", f"X-Long: {'x' * 64_000}"), "200"),
    ],
)
async def test_a_request_head_that_is_too_long_is_refused(sent: bytes, status: str) -> None:
    for pieces in ((sent,), (sent[:40_000], sent[40_000:]), (sent[:65_990], sent[65_990:])):
        statuses, calls = await statuses_of(request("GET /api/v1/groups") + pieces[0], *pieces[1:])
        assert statuses == ["200", status]
        assert [call.status for call in calls] == [200, int(status)]


@pytest.mark.rule("HTTP-8")
@pytest.mark.parametrize(
    ("begin", "status"), [("GET /api/v1/users HTTP/1.1\r\nX-Long: ", 431), ("GET /api/v1/users?x=", 414)]
)
@pytest.mark.parametrize("end", ["", " HTTP/1.1\r\n\r\n"])
async def test_a_refused_request_head_is_recorded_by_the_server_without_its_content(
    begin: str, end: str, status: int
) -> None:
    mock = mockscope.Mockscope(SEED)
    async with connection(mock.app) as client:
        client.receive(begin.encode(), *[b"x" * 1000] * 70, end.encode())
        assert b"\r\nconnection: close\r\n" in await client.settle()
        assert client.transport.is_closed
    [call] = mock.calls
    assert (call.status, call.method, call.path, call.query, call.headers) == (status, "GET", "/", "", [])
    assert (call.rule, call.hint and call.hint.code) == ("HTTP-8", "head-too-long")
    assert call.response_json["message"].endswith("is longer than 65536 bytes.")


async def test_many_requests_and_large_bodies_are_not_a_long_request_head() -> None:
    post = request("POST /api/v1/teams", body=b"x" * 100_000)
    statuses, _ = await statuses_of(
        post[:-5], post[-5:] + request("GET /api/v1/users") * 1000 + b"GET /api", b"/v1/users"
    )
    assert statuses == ["404"] + ["200"] * 1000
