"""uvicorn's protocol class, and what a double of this API needs of it besides.

Only bytes are handled here, before there is a request or where there will never be one.
"""

import asyncio
import re
import string
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote_from_bytes

from mockscope import wire
from mockscope.web.breaking import CONNECTION, Connection

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as AutoHTTPProtocol
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
else:
    from uvicorn.protocols.http.auto import AutoHTTPProtocol

# The header with which a client offers to go on in another protocol; it is never taken up.
OFFER: Final = re.compile(rb"(?<=\n)(?=upgrade:)", re.IGNORECASE)


class JSONRefusals:
    """An answer in JSON even to what is no HTTP at all (HTTP-1)."""

    transport: asyncio.Transport

    def send_400_response(self, msg: str) -> None:
        body = wire.encode(wire.Message(msg))
        head = "HTTP/1.1 400 Bad Request\r\nserver: mockscope\r\ncontent-type: application/json; charset=utf-8\r\n"
        self.transport.write(f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body)
        self.transport.close()


class JSONProtocol(JSONRefusals, AutoHTTPProtocol):
    """What the server speaks: uvicorn's choice of parser, refusing in JSON, with the transport within reach."""

    # Streams have an asyncio.Transport; the base class speaks of pipes too.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # Planned faults break it; uvicorn hands a copy of this state to each request of the connection.
        self._connection = Connection(transport)
        self.app_state = {**self.app_state, CONNECTION: self._connection}

    def shutdown(self) -> None:
        # uvicorn would wait for the answer.
        if not self._connection.let_go():
            super().shutdown()


class ReadableHeads(JSONProtocol):
    """The same over httptools, with heads of requests made such as its parser takes them."""

    # Whether the request line is still coming, where a head arrives in pieces.
    _in_line = True

    # The request that is being answered. Of several that came in one go, uvicorn tells only the last one that the
    # client is gone.
    answering: "RequestResponseCycle | None" = None

    def _start_asgi_task(self, cycle: "RequestResponseCycle", app: Any) -> None:
        self.answering = cycle
        super()._start_asgi_task(cycle, app)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.answering is not None and not self.answering.response_complete:
            self.answering.disconnected = True
            self.answering.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        # uvicorn's own view of the connection says whether a body is due. Where an answer went out before its
        # request's body had come, it says so for too long: the next head is then taken as it is.
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or not cycle.more_body:
            data = self._readable(data)
        super().data_received(data)

    def _readable(self, data: bytes) -> bytes:
        in_line, ends = self._in_line, b"\r\n\r\n" in data
        self._in_line = ends or (in_line and b"\n" not in data)
        if data.isascii() and b"upgrade:" not in data.lower():
            return data
        head, end, body = data.partition(b"\r\n\r\n")
        line, newline, fields = head.partition(b"\n")
        if in_line and not line.isascii():
            # Some clients send what is typed: raw UTF-8 is read as if it had been percent-encoded (GROUP-5).
            line = quote_from_bytes(line, safe=string.printable).encode()
        # httptools takes everything behind such a head for the other protocol, the body included.
        return line + OFFER.sub(b"x-", newline + fields) + end + body


def best_protocol() -> type[asyncio.Protocol]:
    """The protocol class for one server, over the parser that is installed."""
    if AutoHTTPProtocol.__module__.rpartition(".")[2] != "httptools_impl":
        return JSONProtocol
    from mockscope.prompt import KnownHeads, Outgoing, PromptAnswers  # here, not above: it needs httptools

    class AnswersOfOneServer(PromptAnswers):
        outgoing = Outgoing()
        heads = KnownHeads()

    return AnswersOfOneServer
