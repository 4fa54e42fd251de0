"""Requests that are whole are answered at once, outside a task and in one piece; the rest is uvicorn's."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn
from starlette.types import Message, Receive, Scope, Send
from uvicorn.server import ServerState

import mockscope
from mockscope.prompt import PromptAnswers
from mockscope.server import uvicorn_config
from mockscope.web.eager import begin, in_a_task
from mockscope.web.routes import JSONAnswer

PATIENCE = 10.0
GET = b"GET / HTTP/1.1\r\nHost: example\r\n\r\n"
START: Message = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
BODY: Message = {"type": "http.response.body", "body": b"{}"}
SAID = b"HTTP/1.1 200 OK\r\nserver: mockscope\r\ncontent-length: 2\r\n\r\n{}"


class Wire(asyncio.Transport):
    """A transport that keeps what is written, piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []
        self.closed = asyncio.Event()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.pieces.append(bytes(data))

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.pieces.append(b"".join(list_of_data))

    def is_closing(self) -> bool:
        return self.closed.is_set()

    def close(self) -> None:
        self.closed.set()

    def pause_reading(self) -> None:
        """Nothing comes by itself."""

    def resume_reading(self) -> None:
        """Nothing comes by itself."""


@asynccontextmanager
async def connection(app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> AsyncIterator[PromptAnswers]:
    """A connection to an application, without a socket."""
    config = uvicorn_config(app)
    state = ServerState()
    state.default_headers = config.encoded_headers
    protocol = connected(config, state)
    yield protocol
    protocol.transport.close()
    protocol.connection_lost(None)
    await asyncio.gather(*state.tasks)


def connected(config: uvicorn.Config, state: ServerState) -> PromptAnswers:
    """One more connection of a server."""
    of_server: Any = config.http_protocol_class
    protocol = of_server(config, state, {})
    assert isinstance(protocol, PromptAnswers)
    protocol.connection_made(Wire())
    return protocol


def said(protocol: PromptAnswers) -> list[bytes]:
    assert isinstance(protocol.transport, Wire)
    return protocol.transport.pieces


async def answering(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(send)


async def answer(
    send: Send,
    *,
    headers: Sequence[tuple[bytes, bytes]] = ((b"content-length", b"2"),),
    body: bytes = b"{}",
) -> None:
    """Answer in one piece if the server lets itself be asked to, and as ever if it does not."""
    if not (hasattr(send, "whole") and send.whole(200, headers, body)):
        await send({**START, "headers": headers})
        await send({**BODY, "body": body})


async def test_a_request_that_is_whole_is_answered_at_once_in_one_piece() -> None:
    async with connection(answering) as protocol:
        protocol.data_received(GET)
        assert said(protocol) == [SAID]
        protocol.data_received(GET)
        assert said(protocol) == [SAID, SAID]


async def test_a_long_answer_is_one_piece_too() -> None:
    body = b'"' + b"x" * 20_000 + b'"'

    async def long(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, headers=[(b"content-length", b"%d" % len(body))], body=body)

    async with connection(long) as protocol:
        protocol.data_received(GET)
        assert said(protocol) == [b"HTTP/1.1 200 OK\r\nserver: mockscope\r\ncontent-length: 20002\r\n\r\n" + body]


async def test_requests_that_come_together_are_answered_in_their_order() -> None:
    paths: list[str] = []

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        paths.append(scope["path"])
        await answering(scope, receive, send)

    async with connection(noting) as protocol:
        protocol.data_received(b"".join(GET.replace(b" / ", b" /%d " % number) for number in range(5)))
        while len(said(protocol)) < 5:
            await asyncio.sleep(0)

    assert paths == ["/0", "/1", "/2", "/3", "/4"]


@asynccontextmanager
async def connections(
    number: int, app: Callable[[Scope, Receive, Send], Awaitable[None]]
) -> AsyncIterator[list[PromptAnswers]]:
    """So many connections to one server."""
    async with connection(app) as first:
        others = [connected(first.config, first.server_state) for _ in range(number - 1)]
        yield [first, *others]
        for other in others:
            other.transport.close()
            other.connection_lost(None)


async def test_a_wrapper_with_a_channel_of_its_own_sees_every_message() -> None:
    seen: list[str] = []

    async def wrapping(scope: Scope, receive: Receive, send: Send) -> None:
        async def noting(message: Message) -> None:
            seen.append(message["type"])
            await send(message)

        await JSONAnswer(b"{}")(scope, receive, noting)

    async with connection(wrapping) as protocol:
        protocol.data_received(GET)
        assert b"".join(said(protocol)).endswith(b"\r\n\r\n{}")
    assert seen == ["http.response.start", "http.response.body"]


async def test_answers_of_one_turn_of_the_loop_are_sent_together() -> None:
    async with connections(3, answering) as protocols:
        for protocol in protocols:
            protocol.data_received(GET)
        assert [said(protocol) for protocol in protocols] == [[], [], []]
        await asyncio.sleep(0)
        assert [said(protocol) for protocol in protocols] == [[SAID], [SAID], [SAID]]


@pytest.mark.parametrize(
    ("event", "more"),
    [
        pytest.param(lambda protocol: protocol.data_received(GET[:5]), [], id="more comes on its connection"),
        pytest.param(lambda protocol: protocol.eof_received(), [], id="the client has said all"),
        pytest.param(lambda protocol: protocol.shutdown(), [], id="the server ends"),
        pytest.param(
            lambda protocol: protocol.data_received(GET.replace(b"1.1", b"1.0")),
            [SAID[:-4] + b"connection: close\r\n\r\n{}"],
            id="the last answer of the connection",
        ),
    ],
)
async def test_an_answer_is_not_kept_back_when(event: Callable[[PromptAnswers], None], more: list[bytes]) -> None:
    async with connections(2, answering) as (protocol, _):
        protocol.data_received(GET)
        assert said(protocol) == []
        event(protocol)
        assert said(protocol) == [SAID, *more]
        await asyncio.sleep(0)
        assert said(protocol) == [SAID, *more]


async def test_a_client_that_is_gone_takes_no_answer_of_another_along() -> None:
    async with connections(3, answering) as protocols:
        for protocol in protocols:
            protocol.data_received(GET)
        protocols[1].transport.close()
        await asyncio.sleep(0)
        assert [said(protocol) for protocol in protocols] == [[SAID], [], [SAID]]


async def test_answers_keep_their_order_when_a_later_one_goes_out_by_itself() -> None:
    async def first_whole(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/whole":
            await answering(scope, receive, send)
        else:
            await answer(send, headers=[])

    async with connections(2, first_whole) as (protocol, _):
        protocol.data_received(GET.replace(b" / ", b" /whole ") + GET)
        while len(said(protocol)) < 3:
            await asyncio.sleep(0)
        assert said(protocol) == [
            SAID,
            b"HTTP/1.1 200 OK\r\nserver: mockscope\r\ntransfer-encoding: chunked\r\n\r\n",
            b"2\r\n{}\r\n0\r\n\r\n",
        ]


async def test_a_body_that_comes_later_is_waited_for() -> None:
    async def echoing(scope: Scope, receive: Receive, send: Send) -> None:
        body = (await receive())["body"] + (await receive())["body"]
        await answer(send, headers=[(b"content-length", b"%d" % len(body))], body=body)

    async with connection(echoing) as protocol:
        protocol.data_received(b"POST / HTTP/1.1\r\nHost: example\r\nContent-Length: 4\r\n\r\nab")
        while protocol.cycle.body:
            await asyncio.sleep(0)
        assert said(protocol) == []
        protocol.data_received(b"cd")
        while not said(protocol):
            await asyncio.sleep(0)
        assert said(protocol)[0].endswith(b"content-length: 4\r\n\r\nabcd")


@pytest.mark.parametrize(
    ("request_line", "headers", "body", "pieces"),
    [
        pytest.param(b"HEAD", [(b"content-length", b"2")], b"", [SAID[:-2]], id="no body, though it has a length"),
        pytest.param(
            b"GET",
            [],
            b"{}",
            [b"HTTP/1.1 200 OK\r\nserver: mockscope\r\ntransfer-encoding: chunked\r\n\r\n", b"2\r\n{}\r\n0\r\n\r\n"],
            id="no length",
        ),
        pytest.param(
            b"GET",
            [(b"content-length", b"2"), (b"x-name", "Chloé".encode())],
            b"{}",
            [SAID[:-4] + "x-name: Chloé\r\n\r\n".encode(), b"{}"],
            id="a header that is not ASCII",
        ),
        pytest.param(
            b"GET",
            [(b"content-length", b"2"), (b"x-name", b"Monica\tGeller")],
            b"{}",
            [SAID[:-4] + b"x-name: Monica\tGeller\r\n\r\n", b"{}"],
            id="a header with a tab",
        ),
        pytest.param(
            b"GET",
            [(b"content-length", b"2"), (b"x-name", b"Joey"), (b"x-name", b"Chandler")],
            b"{}",
            [SAID[:-4] + b"x-name: Joey\r\nx-name: Chandler\r\n\r\n", b"{}"],
            id="a header that comes twice",
        ),
        pytest.param(
            b"GET",
            [(b"content-length", b"2"), (b"connection", b"close")],
            b"{}",
            [SAID[:-4] + b"connection: close\r\n\r\n", b"{}"],
            id="the end of the connection",
        ),
    ],
)
async def test_what_is_unusual_about_an_answer_is_left_to_uvicorn(
    request_line: bytes, headers: list[tuple[bytes, bytes]], body: bytes, pieces: list[bytes]
) -> None:
    async def unusual(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, headers=headers, body=body)

    async with connection(unusual) as protocol:
        protocol.data_received(GET.replace(b"GET", request_line))
        assert said(protocol) == pieces


async def test_a_header_that_would_break_the_head_is_never_sent(caplog: pytest.LogCaptureFixture) -> None:
    async def breaking(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, headers=[(b"content-length", b"2"), (b"x-name", b"Chandler\r\nx-other: Bing")])

    async with connection(breaking) as protocol:
        protocol.data_received(GET)
        assert not any(b"Bing" in piece for piece in said(protocol))
    assert "Invalid HTTP header value." in caplog.text


async def test_a_client_of_http_1_0_sees_the_end_of_its_answer() -> None:
    async with connection(answering) as protocol:
        protocol.data_received(GET.replace(b"1.1", b"1.0"))
        assert said(protocol) == [SAID[:-4] + b"connection: close\r\n\r\n{}"]
        assert protocol.transport.is_closing()


async def test_a_connection_is_closed_when_nothing_comes_for_the_whole_time() -> None:
    async with connection(answering) as protocol:
        assert isinstance(protocol.transport, Wire)
        loop = asyncio.get_running_loop()
        protocol.timeout_keep_alive = 1
        protocol.data_received(GET)
        answered = loop.time()
        # Half the time later something comes: it begins anew.
        loop.call_later(0.5, protocol.data_received, GET)
        await asyncio.wait_for(protocol.transport.closed.wait(), PATIENCE)

        assert len(said(protocol)) == 2
        assert loop.time() - answered >= 1.5


async def test_a_connection_stays_while_an_answer_is_due() -> None:
    let = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/slow":
            await let.wait()
        await answering(scope, receive, send)

    async with connection(slow) as protocol:
        protocol.data_received(GET)
        protocol.data_received(GET.replace(b" / ", b" /slow "))
        protocol._close_if_idle()
        assert not protocol.transport.is_closing()
        let.set()


# -- coroutines that are begun outside a task ------------------------------------------------------------------


async def through_at_once(seen: list[object]) -> None:
    seen.append(asyncio.current_task())


async def test_what_need_not_wait_is_through_at_once_and_outside_a_task() -> None:
    seen: list[object] = []
    asyncio.get_running_loop().call_soon(lambda: seen.append(begin(through_at_once(seen))))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert seen == [None, None]


async def test_what_waits_goes_on_in_a_task_where_it_stopped() -> None:
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    seen: list[object] = []

    async def waiting() -> None:
        seen.append("begun")
        seen.append(await ready)
        async with asyncio.timeout(PATIENCE):
            await asyncio.sleep(0)
        seen.append("timeouts work")

    rest = begin(waiting())
    assert (rest is not None, seen) == (True, ["begun"])
    ready.set_result("gone on")
    assert rest is not None
    await asyncio.create_task(rest)
    assert seen == ["begun", "gone on", "timeouts work"]


async def test_what_waits_can_be_cancelled_and_what_fails_is_seen_inside() -> None:
    never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    failing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    seen: list[str] = []

    async def waiting() -> None:
        try:
            await failing
        except ValueError as error:
            seen.append(str(error))
        try:
            await never
        finally:
            seen.append("cancelled")

    rest = begin(waiting())
    assert rest is not None
    task = asyncio.create_task(rest)
    failing.set_exception(ValueError("failed"))
    while seen != ["failed"]:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["failed", "cancelled"]


async def test_what_wants_a_task_gets_one() -> None:
    seen: list[object] = []

    async def wanting() -> None:
        await in_a_task()
        seen.append(asyncio.current_task())

    def outside() -> None:
        rest = begin(wanting())
        assert rest is not None
        seen.append(asyncio.get_running_loop().create_task(rest))

    asyncio.get_running_loop().call_soon(outside)
    while len(seen) < 2:
        await asyncio.sleep(0)
    assert seen[0] is seen[1]


def test_over_a_socket_requests_and_bodies_may_come_in_any_pieces() -> None:
    with mockscope.serve() as server:
        site = server.site()
        head = f"GET /api/v1/users HTTP/1.1\r\nHost: x\r\nHttp-X-Partner-Auth: {site.host}:{site.api_key}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", urlsplit(server.url).port), timeout=PATIENCE) as sock:
            for piece in (head[:3], head[3:40], head[40:] + head, head[:-1], head[-1:]):
                sock.sendall(piece.encode())
            received = b""
            while received.count(b"HTTP/1.1 200 OK") < 3:
                received += sock.recv(65536)
        assert [entry.status for entry in site.calls] == [200, 200, 200]
