"""The grammar of random byte streams, and the exchange of one with a server.

A stream is a function of its number: requests that are valid, odd or broken, one after the other, cut anywhere into
segments. `exchange` sends it and returns the result.
"""

import asyncio
import random
import re
import socket
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final, NamedTuple
from urllib.parse import quote_from_bytes

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from mockscope import Mockscope
from mockscope.server.event_loop import uvicorn_config

SITE: Final = "example_site"
KEY: Final = "e179017a-62b0-4996-8a38-e91aa9f1"
AUTH_LINE: Final = f"Http-X-Partner-Auth: {SITE}:{KEY}"
SEED: Final = {
    "mockscope": 1,
    "sites": [
        {
            "host": SITE,
            "api_key": KEY,
            "groups": [{"name": "Café owners", "access": "View"}],
            "users": [
                {
                    "first_name": name,
                    "last_name": "Doe",
                    "email": f"{name.lower()}@example.com",
                    "groups": ["Administrators", "All Users"],
                }
                for name in ("Monica", "Rachel", "Ross")
            ],
        }
    ],
}
NOW: Final = "2014-02-06T23:46:07.118Z"
# Turns of the loop without a new byte after which a server has nothing more to send.
IDLE_TURNS: Final = 40
STOCK_400: Final = re.compile(
    rb"HTTP/1.1 400 Bad Request\r\n(server: mockscope\r\n)?content-type: text/plain; charset=utf-8\r\n"
    rb"content-length: 30\r\nconnection: close\r\n\r\nInvalid HTTP request received."
)
JSON_400: Final = (
    b"HTTP/1.1 400 Bad Request\r\nserver: mockscope\r\ncontent-type: application/json; charset=utf-8\r\n"
    b'content-length: 44\r\nconnection: close\r\n\r\n{"message":"Invalid HTTP request received."}'
)
REQUEST_ID: Final = re.compile(rb"(?<=\r\nx-request-id: )[^\r]*", re.IGNORECASE)


class Stream(NamedTuple):
    """The segments of a connection, and what the client does after the last one."""

    segments: Sequence[bytes]
    ending: str

    @property
    def data(self) -> bytes:
        """The bytes of all segments."""
        return b"".join(self.segments)


@dataclass(frozen=True)
class Result:
    """The observable result of a stream: the bytes received, the state of the connection, the calls, and the site."""

    received: bytes
    is_closed: bool
    calls: Sequence[dict[str, Any]]
    export: Any

    def differences(self, other: "Result") -> list[str]:
        """Return the names of the fields that differ."""
        return [each.name for each in fields(self) if getattr(self, each.name) != getattr(other, each.name)]


# -- the grammar -----------------------------------------------------------------------------------------------


def stream(number: int) -> Stream:
    """Return the stream of a number."""
    draw = random.Random(number)
    requests = [_request(draw) for _ in range(draw.choice((1, 1, 1, 2, 2, 3, 5)))]
    # Clients that send a raw target wait for each response.
    data = requests[0] + b"".join(map(_quoted, requests[1:]))
    if draw.random() < 0.08:
        data = _mutated(draw, data)
    ending = draw.choices(("open", "half-closed", "reset"), (8, 1, 1))[0]
    if draw.random() < 0.08:
        data = data[: draw.randrange(len(data) + 1)]
    return Stream(_cut(draw, data), ending)


def _cut(draw: random.Random, data: bytes) -> Sequence[bytes]:
    if len(data) < 300 and draw.random() < 0.03:
        return [data[at : at + 1] for at in range(len(data))]
    places = sorted(draw.randrange(len(data) + 1) for _ in range(draw.choice((0, 0, 1, 1, 2, 4, 8))))
    return _split(data, places)


def _split(data: bytes, places: Sequence[int]) -> Sequence[bytes]:
    return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True) if start < end]


def _mutated(draw: random.Random, data: bytes) -> bytes:
    """Flip, drop, repeat or insert some bytes."""
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 5))):
        at = draw.randrange(len(changed))
        length = draw.choice((1, 1, 1, 2, 8))
        changed[at : at + length] = draw.choice(
            (
                b"",
                bytes(changed[at : at + length]) * 2,
                bytes([draw.randrange(256)]),
                draw.choice((b"\r", b"\n", b" ", b":", b"\0", b"\t", b"0", b"\r\n", b"\r\n\r\n", b"\xff", b"%", b"-")),
            )
        )
    return bytes(changed)


TARGETS: Final = (
    "/api/v1/users/",
    "//api/v1/users",
    "/%61pi/v1/users",
    "/api/v1/./users",
    "/api/v1/nothing",
    "/",
    "*",
    "http://localhost/api/v1/users",
    "localhost:80",
    "/api/v1/users#part",
    "/api/v1/users?",
    "/api/v1/users?test_mode=true&test_mode=false",
    "/api/v1/users?test_mode",
    "/api/v1/users?next_page_start=ross%40example.com",
    "/api/v1/users?next_page_start=%zz",
    "/api/v1/users?a=b;c=d&&=",
    "/api/v1/groups/Caf%C3%A9%20owners",
    "/api/v1/groups/Café owners",
    "/api/v1/groups/Café",
    "/api/v1/groups/a%2Fb",
    "/api/v1/groups/%00",
    "/healthz",
    "api/v1/users",
    "",
)
LINES: Final = (
    "X-Plain: a",
    "X-Tight:a",
    "X-Wide: \t a \t ",
    "X-Empty:",
    "X-Folded: a\r\n b",
    "X-Raw: é",
    "Host: other",
    "Connection: close",
    "Connection: Close, x",
    "Connection: keep-alive",
    "Connection: keep-alive, close",
    "Connection: upgrade",
    "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA",
    "Connection: Upgrade\r\nUpgrade: websocket",
    "Upgrade: h2c",
    "Expect: 100-continue",
    "Expect: 100-Continue",
    "Expect: 200-ok",
    "Cookie: a=b",
    "Transfer-Encoding: identity",
    "Http-X-Email: monica@example.com",
    "Http-X-Partner-Auth: other:key",
)
BROKEN_LINES: Final = (
    "X-Spaced : a",
    " X-Folded: a",
    "X-No-Colon",
    ": no name",
    "X-Control: a\x01b",
    "X-Null: a\x00b",
    "X-Return: a\rb",
    "X(Odd): a",
)


def _request(draw: random.Random) -> bytes:
    """Return a request whose parts are mostly as a client sends them."""
    method = draw.choice(("GET", "GET", "POST", "POST", "PUT", "DELETE", "HEAD"))
    if draw.random() < 0.05:
        method = draw.choice(("OPTIONS", "PATCH", "get", "TRACE", "LOCK", "PRI", "G ET", "", "GÉT", "M-SEARCH"))
    target = draw.choice(("/api/v1/users", "/api/v1/users", "/api/v1/users?test_mode=true", "/api/v1/groups"))
    if draw.random() < 0.2:
        target = draw.choice(TARGETS)
    version = "HTTP/1.1"
    if draw.random() < 0.04:
        version = draw.choice(
            ("HTTP/1.0", "HTTP/1.0", "HTTP/1.0", "HTTP/1.2", "HTTP/2.0", "http/1.1", "HTTP/1", "HTTPS/1.1", "")
        )
    lines = ["Host: localhost"] if draw.random() < 0.97 else []
    if draw.random() < 0.9:
        lines.append(AUTH_LINE)
    email = draw.choice(("monica", "ross", "joey", "gunther"))
    if draw.random() < 0.3 or (method == "DELETE" and draw.random() < 0.8):
        lines.append(f"Http-X-Email: {email}@example.com")
    for _ in range(draw.choice((0, 0, 0, 0, 0, 1, 2))):
        lines.insert(draw.randrange(len(lines) + 1), draw.choice(LINES if draw.random() < 0.9 else BROKEN_LINES))
    if version == "HTTP/1.0":
        # uvicorn sends 100 to a client that cannot know it (RFC 9110, 10.1.1).
        lines = [line for line in lines if not line.startswith("Expect")]
    body = _body(draw, email) if method in {"POST", "PUT", "PATCH"} or draw.random() < 0.05 else b""
    framing, content = _framed(draw, body)
    lines += framing
    end = draw.choices(("\r\n", "\n"), (60, 1))[0]
    separator = " " if draw.random() < 0.99 else draw.choice(("  ", "\t", " \t"))
    first = separator.join(part for part in (method, target, version) if part or draw.random() < 0.5)
    before = draw.choices(("", "\r\n", "\n", " ", "\r\n\r\n"), (80, 2, 2, 1, 2))[0]
    head = before + end.join([first, *lines, "", ""])
    return head.encode("utf-8" if draw.random() < 0.9 else "latin-1", "replace") + content


def _body(draw: random.Random, email: str) -> bytes:
    user = (
        f'{{"first_name": "Joey", "last_name": "Tribbiani", "email": "{email}@example.com", '
        '"invited_by_email": "monica@example.com", "groups": ["All Users"]}'
    ).encode()
    others = (
        b"",
        b"{}",
        b"[]",
        user[:-1],
        user + b" ",
        b'{"name": "Caterers"}',
        b"\xff\xfe",
        b"a" * draw.choice((1, 100, 5000, 70_000)),
        b"GET /api/v1/users HTTP/1.1\r\nHost: inner\r\n\r\n",
        b"0\r\n\r\n",
        b"\r\n",
    )
    return user if draw.random() < 0.7 else draw.choice(others)


def _framed(draw: random.Random, body: bytes) -> tuple[list[str], bytes]:
    """Return the headers that frame a body, and the body as it is sent."""
    length = f"Content-Length: {len(body)}"
    kind = draw.random()
    if kind < 0.6:
        return ([length] if body or draw.random() < 0.2 else []), body
    if kind < 0.87:
        return ["Transfer-Encoding: chunked"], _chunked(draw, body)
    if kind < 0.93:
        odd = (
            f"Content-Length: {len(body) + draw.choice((-1, 1, 7))}",
            f"Content-Length: +{len(body)}",
            f"Content-Length: -{len(body)}",
            f"Content-Length: 0{len(body)}",
            f"Content-Length: {len(body)}, {len(body)}",
            f"Content-Length:  {len(body)} ",
            f"Content-Length: {len(body):x}h",
            f"Content-Length: {len(body)}.0",
            f"Content-Length: {2**64 + len(body)}",
            f"Content-Length : {len(body)}",
            "Content-Length:",
            f"{length}\r\n{length}",
            f"{length}\r\nContent-Length: {len(body) + 1}",
        )
        return draw.choice(odd).split("\r\n"), body
    if kind < 0.95:
        return [], body
    # The shapes by which one request is hidden in another.
    coding = draw.choice(
        (
            "Transfer-Encoding: chunked",
            "Transfer-Encoding: Chunked",
            "Transfer-Encoding : chunked",
            "Transfer-Encoding:\tchunked",
            "Transfer-Encoding: xchunked",
            "Transfer-Encoding: chunked, identity",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: identity",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
            "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding:\r\n chunked",
            'Transfer-Encoding: "chunked"',
            "Transfer-Encoding: chunked;q=1",
            "X: y\nTransfer-Encoding: chunked",
        )
    )
    chunks = _chunked(draw, body)
    lengths = draw.choice(([], [length], [f"Content-Length: {len(chunks)}"], ["Content-Length: 4"]))
    return draw.sample([coding, *lengths], len(lengths) + 1), draw.choice((body, chunks))


def _chunked(draw: random.Random, body: bytes) -> bytes:
    sent = b""
    at = 0
    while at < len(body):
        size = draw.choice((3, 16, 16, 5000))
        piece = body[at : at + size]
        at += size
        digits = draw.choices(
            (
                f"{len(piece):x}",
                f"{len(piece):X}",
                f"000{len(piece):x}",
                f"{len(piece):x} ",
                f"{len(piece) + 1:x}",
                "x",
            ),
            (200, 10, 10, 1, 1, 1),
        )[0]
        extension = draw.choices(("", ";a=b", ';a="b;c"', " ; a", ";" + "x" * 300), (30, 2, 2, 1, 1))[0]
        end = draw.choices((b"\r\n", b"\n", b""), (200, 1, 1))[0]
        sent += f"{digits}{extension}\r\n".encode() + piece + end
    trailers = draw.choices(
        (
            b"",
            b"X-Trailer: a\r\n",
            b"Http-X-Email: ross@example.com\r\n",
            f"{AUTH_LINE}\r\n".encode(),
            b"Content-Length: 5\r\n",
            b"broken\r\n",
        ),
        (20, 2, 2, 2, 1, 1),
    )[0]
    last = draw.choices((b"0\r\n", b"000\r\n", b"0;a=b\r\n", b""), (30, 1, 1, 1))[0]
    return sent + last + trailers + b"\r\n"


# -- the reference for uvicorn ---------------------------------------------------------------------------------

REQUEST_LINE: Final = re.compile(rb"^[^:\s]+[ \t][^\r\n]*[\x80-\xff][^\r\n]*", re.MULTILINE)
OFFER: Final = re.compile(rb"^upgrade(?= *:)", re.MULTILINE | re.IGNORECASE)
# The two that are left make a request broken.
TRAILERS: Final = re.compile(
    rb"(\r\n0+(?:;[^\r\n]*)?\r\n)(?:(?!content-length|transfer-encoding)[^:\r\n]+:[^\r\n]*\r\n)+\r\n", re.IGNORECASE
)


def reference(sent: Stream) -> Stream:
    """Return the stream as uvicorn understands it the way mockscope does. Each step is an intended difference.

    - A raw non-ASCII target is taken as if it had been percent-encoded (GROUP-5); uvicorn refuses it.
    - An offer of another protocol is passed over; uvicorn takes the body for that protocol.
    - Trailers are dropped; uvicorn adds them to the head if both arrive in one segment.
    - Whole requests in front of a broken one are answered; uvicorn answers them only if they came in segments before.
    """
    data = _understood(sent.data)
    starts = [sum(map(len, sent.segments[:number])) for number in range(1, len(sent.segments))]
    places = {len(_understood(sent.data[:start])) for start in starts} | set(ends(data))
    return Stream(_split(data, sorted(places)), sent.ending)


def _understood(data: bytes) -> bytes:
    return TRAILERS.sub(rb"\1\r\n", OFFER.sub(b"x-upgrade", _quoted(data)))


def _quoted(data: bytes) -> bytes:
    return REQUEST_LINE.sub(lambda line: quote_from_bytes(line[0], safe=string.printable).encode(), data)


class _Messages:
    """Count the messages that a parser has seen the end of."""

    complete = 0

    def on_message_complete(self) -> None:
        self.complete += 1


def ends(data: bytes) -> list[int]:
    """Return the places where whole requests end; behind a broken one there are none."""
    messages = _Messages()
    parser = httptools.HttpRequestParser(messages)
    found: list[int] = []
    for at in range(len(data)):
        try:
            parser.feed_data(data[at : at + 1])
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            break
        if messages.complete > len(found):
            found.append(at + 1)
    return found


# -- the servers -----------------------------------------------------------------------------------------------


def plain_config(app: Any) -> uvicorn.Config:
    """Return the same configuration with uvicorn's own protocol over httptools."""
    config = uvicorn_config(app)
    config.http_protocol_class = HttpToolsProtocol
    return config


MakeConfig = Callable[[Any], uvicorn.Config]


async def both(sent: Stream) -> tuple[Result, Result]:
    """Return the results of mockscope's server, and of uvicorn's for the reference of the stream."""
    meant = reference(sent)
    ours, plain = await exchange(sent, uvicorn_config), await exchange(meant, plain_config)
    whole = len(ends(meant.data))
    if ours.received.endswith(JSON_400) and max(len(ours.calls), len(plain.calls)) > whole:
        # Whether a broken request was begun, and how much of it is recorded, depends on how TCP cut it.
        ours, plain = (replace(result, calls=result.calls[:whole], export=None) for result in (ours, plain))
    return ours, plain


async def exchange(sent: Stream, make_config: MakeConfig) -> Result:
    """Send a stream to a server over a new application, and return the result."""
    mockscope = Mockscope(SEED)
    mockscope.clock.freeze(NOW)
    config = make_config(mockscope.app)
    state = ServerState()
    state.default_headers = config.encoded_headers
    protocol_class: Any = config.http_protocol_class
    loop = asyncio.get_running_loop()
    client, accepted = _connected()
    protocol: Any
    _, protocol = await loop.connect_accepted_socket(lambda: protocol_class(config, state, {}), accepted)
    received, is_closed = b"", False
    try:
        for segment in sent.segments:
            try:
                await loop.sock_sendall(client, segment)
            except ConnectionError:
                break
            more, is_closed = await _read(client)
            received += more
        if sent.ending == "half-closed" and not is_closed:
            client.shutdown(socket.SHUT_WR)
            more, is_closed = await _read(client)
            received += more
    finally:
        client.close()
        await _ended(protocol, state)
    site = mockscope.sites[SITE]
    calls = [_seen(call) for call in sorted((*site.calls, *mockscope.calls), key=lambda call: call.number)]
    return Result(_comparable(received), is_closed, calls, site.export())


def _comparable(received: bytes) -> bytes:
    """Return the bytes without the ids of requests, and with mockscope's 400 in place of uvicorn's (HTTP-1)."""
    return STOCK_400.sub(JSON_400, REQUEST_ID.sub(b"...", received))


def _connected() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
    for each in (client, accepted):
        each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        each.settimeout(0)
    return client, accepted


async def _read(client: socket.socket) -> tuple[bytes, bool]:
    """Read until the server has nothing more to send; return that, and whether it closed the connection."""
    received = b""
    idle = 0
    while idle < IDLE_TURNS:
        await asyncio.sleep(0)
        idle += 1
        try:
            more = client.recv(1 << 20)
        except BlockingIOError:
            continue
        except ConnectionError:
            return received, True
        if not more:
            return received, True
        received += more
        idle = 0
    return received, False


async def _ended(protocol: Any, state: ServerState) -> None:
    """Let the server see the end of the connection, and finish its tasks."""
    for _ in range(IDLE_TURNS):
        await asyncio.sleep(0)
    protocol.transport.abort()
    await asyncio.gather(*state.tasks)


def _seen(call: Any) -> dict[str, Any]:
    names = ("method", "path", "query", "body", "operation", "email", "status", "test_mode")
    headers = [pair for pair in call.headers if pair[0].lower() not in {"upgrade", "x-upgrade"}]
    return {"headers": headers, **{name: getattr(call, name) for name in names}}
