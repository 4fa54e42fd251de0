"""Requests that are whole are answered at once, outside a task and in one piece; the rest is uvicorn's."""

import asyncio
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from starlette.types import Message, Receive, Scope, Send
from wires import Application, Wire, connection, connections, said

import mockscope
from mockscope.prompt import PromptAnswers
from mockscope.web.answer import JSONAnswer
from mockscope.web.eager import begin, in_a_task

PATIENCE = 300.0
GET = b"GET / HTTP/1.1\r\nHost: example\r\n\r\n"
START: Message = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
BODY: Message = {"type": "http.response.body", "body": b"{}"}
SAID = b"HTTP/1.1 200 OK\r\nserver: mockscope\r\ncontent-length: 2\r\n\r\n{}"


async def answering(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(send)


async def answer(send: Send, *, lines: bytes = b"content-length: 2\r\n", body: bytes = b"{}") -> None:
    """Answer in one piece."""
    assert hasattr(send, "whole")
    assert send.whole(200, lines, body)


async def answer_in_pieces(send: Send) -> None:
    """Answer as applications do."""
    await send({**START, "headers": []})
    await send(BODY)


async def test_a_request_that_is_whole_is_answered_at_once_in_one_piece() -> None:
    async with connection(answering) as protocol:
        protocol.data_received(GET)
        assert said(protocol) == [SAID]
        protocol.data_received(GET)
        assert said(protocol) == [SAID, SAID]


async def test_a_long_answer_is_one_piece_too() -> None:
    body = b'"' + b"x" * 20_000 + b'"'

    async def long(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, lines=b"content-length: %d\r\n" % len(body), body=body)

    async with connection(long) as protocol:
        protocol.data_received(GET)
        assert said(protocol) == [b"HTTP/1.1 200 OK\r\nserver: mockscope\r\ncontent-length: 20002\r\n\r\n" + body]


async def test_requests_that_come_together_are_answered_at_once_in_their_order() -> None:
    paths: list[str] = []

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        paths.append(scope["path"])
        await answering(scope, receive, send)

    async with connection(noting) as protocol:
        protocol.data_received(b"".join(GET.replace(b" / ", b" /%d " % number) for number in range(5)))
        # A client that closes its own side behind them is told all of it.
        assert said(protocol) == [SAID] * 5

    assert paths == ["/0", "/1", "/2", "/3", "/4"]


async def test_nothing_more_is_read_until_all_that_came_is_answered() -> None:
    """A client that sends on and on, and reads nothing, must not fill the memory with its requests."""
    gates = [asyncio.Event() for _ in range(3)]

    async def waiting(scope: Scope, receive: Receive, send: Send) -> None:
        await in_a_task()
        await gates[int(scope["path"].removeprefix("/"))].wait()
        await answering(scope, receive, send)

    read = []
    async with connection(waiting) as protocol:
        assert isinstance(protocol.transport, Wire)
        protocol.data_received(b"".join(GET.replace(b" / ", b" /%d " % number) for number in range(3)))
        for number, gate in enumerate(gates):
            gate.set()
            while len(said(protocol)) <= number:
                await asyncio.sleep(0)
            read.append(protocol.transport.is_read)

    assert read == [False, False, True]


async def test_a_request_behind_others_gets_the_rest_of_its_body() -> None:
    bodies: list[bytes] = []

    async def reading(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST":
            message: Message = {"more_body": True}
            while message["more_body"]:
                message = await receive()
                bodies.append(message["body"])
        else:
            await in_a_task()
        await answering(scope, receive, send)

    async with connection(reading) as protocol:
        assert isinstance(protocol.transport, Wire)
        protocol.data_received(GET + GET + b"POST / HTTP/1.1\r\nHost: example\r\nContent-Length: 4\r\n\r\n{ ")
        while not protocol.transport.is_read:
            await asyncio.sleep(0)
        protocol.data_received(b" }")
        while len(said(protocol)) < 3:
            await asyncio.sleep(0)

    assert (said(protocol), b"".join(bodies)) == ([SAID] * 3, b"{  }")


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
            await answer_in_pieces(send)

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
        await answer(send, lines=b"content-length: %d\r\n" % len(body), body=body)

    async with connection(echoing) as protocol:
        protocol.data_received(b"POST / HTTP/1.1\r\nHost: example\r\nContent-Length: 4\r\n\r\nab")
        while protocol.cycle.body:
            await asyncio.sleep(0)
        assert said(protocol) == []
        protocol.data_received(b"cd")
        while not said(protocol):
            await asyncio.sleep(0)
        assert said(protocol)[0].endswith(b"content-length: 4\r\n\r\nabcd")


LONG_SAID = SAID[:-4].replace(b": 2\r", b": 2\r\ncontent-type: application/json; charset=utf-8\r")


@pytest.mark.parametrize(
    ("request_line", "headers", "pieces"),
    [
        pytest.param(b"GET", {}, [LONG_SAID + b"\r\n{}"], id="nothing"),
        pytest.param(b"HEAD", {}, [LONG_SAID + b"\r\n", b""], id="no body, though it has a length"),
        pytest.param(
            b"GET",
            {"X-Name": "Chloé"},
            [LONG_SAID + b"x-name: Chlo\xe9\r\n\r\n", b"{}"],
            id="a header that is not ASCII",
        ),
        pytest.param(
            b"GET",
            {"X-Name": "Monica\tGeller"},
            [LONG_SAID + b"x-name: Monica\tGeller\r\n\r\n", b"{}"],
            id="a header with a tab",
        ),
        pytest.param(
            b"GET",
            {"Connection": "close"},
            [LONG_SAID + b"connection: close\r\n\r\n", b"{}"],
            id="the end of the connection",
        ),
    ],
)
async def test_what_is_unusual_about_an_answer_is_left_to_uvicorn(
    request_line: bytes, headers: dict[str, str], pieces: list[bytes]
) -> None:
    async with connection(answering_with(headers)) as protocol:
        protocol.data_received(GET.replace(b"GET", request_line))
        assert said(protocol) == [piece for piece in pieces if piece]


async def test_a_header_that_would_break_the_head_is_never_sent(caplog: pytest.LogCaptureFixture) -> None:
    async with connection(answering_with({"X-Name": "Chandler\r\nX-Other: Bing"})) as protocol:
        protocol.data_received(GET)
        assert not any(b"Bing" in piece for piece in said(protocol))
    assert "Invalid HTTP header value." in caplog.text


def answering_with(headers: dict[str, str]) -> Application:
    """Answers {} in JSON, with more headers than usual."""

    async def unusual(scope: Scope, receive: Receive, send: Send) -> None:
        response = JSONAnswer(b"{}")
        if headers:
            response.headers.update(headers)
        if scope["method"] == "HEAD":
            response.leave_out_body()
        if not response.goes_whole(send):
            await response(scope, receive, send)

    return unusual


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
