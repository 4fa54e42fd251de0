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

END_OF_HEAD: Final = b"\r\n\r\n"
# The header with which a client offers to go on in another protocol; it is never taken up. And the name by which the
# parser passes it over.
OFFERED: Final = b"upgrade:"
OFFER: Final = re.compile(rb"(?<=\n)" + OFFERED, re.IGNORECASE)
OFFER_AT_ONCE: Final = re.compile(rb"(?:\A|(?<=\n))" + OFFERED, re.IGNORECASE)
OTHER_NAME: Final = b"x-mockscope-upgrade"


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

    # Whether the parser has seen the end of all that it has seen the beginning of, and whether a body is due.
    _is_between = True
    _in_body = False
    # In a head that arrives in pieces: whether the request line is still coming, and the last bytes that came.
    _in_line = True
    _before = b""
    # Whether the head has an offer by another name; and the beginning of a line that may become one.
    _has_offer = False
    _held = b""

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
        data, self._held = self._held + data, b""
        if not (self._in_body or data.endswith(END_OF_HEAD)) and self._end_of_head(data) is None:
            data = self._without_open_line(data)
        while data and not self.transport.is_closing():
            is_head = not self._in_body
            piece, data = self._readable(data) if is_head and not is_plain(data) else (data, b"")
            super().data_received(piece)
            if not (self._is_between or self._in_body):
                self._follow(piece, is_head=is_head)

    def on_message_begin(self) -> None:
        self._is_between = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_body = True
        if self._has_offer:
            self._has_offer = False
            self.headers[:] = [(b"upgrade" if name == OTHER_NAME else name, value) for name, value in self.headers]
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._is_between, self._in_body = True, False
        self._in_line, self._before = True, b""
        super().on_message_complete()

    def _readable(self, data: bytes) -> tuple[bytes, bytes]:
        """A head, or a piece of one, as the parser takes it, and what comes behind."""
        end = self._end_of_head(data)
        head, rest = data[:end], data[end:] if end else b""
        line, newline, fields = head.partition(b"\n") if self._in_line else (b"", b"", head)
        if not line.isascii():
            # Some clients send what is typed: raw UTF-8 is read as if it had been percent-encoded (GROUP-5).
            line = quote_from_bytes(line, safe=string.printable).encode()
        offer = OFFER_AT_ONCE if self._before.endswith(b"\n") else OFFER
        # httptools takes everything behind such a head for the other protocol, the body included.
        fields, offers = offer.subn(OTHER_NAME + b":", newline + fields)
        self._has_offer |= bool(offers)
        return line + fields, rest

    def _end_of_head(self, data: bytes) -> int | None:
        """Where a head ends in a piece, be it that its end began in the one before."""
        split = (self._before + data[: len(END_OF_HEAD) - 1]).find(END_OF_HEAD)
        if split >= 0:
            return split + len(END_OF_HEAD) - len(self._before)
        whole = data.find(END_OF_HEAD)
        return whole + len(END_OF_HEAD) if whole >= 0 else None

    def _without_open_line(self, data: bytes) -> bytes:
        """A piece of a head, less the beginning of what may be an offer when the rest is there."""
        start = data.rfind(b"\n") + 1
        if OFFERED.startswith(data[start:].lower()) and (start or not self._in_line):
            self._held = data[start:]
            return data[:start]
        return data

    def _follow(self, piece: bytes, *, is_head: bool) -> None:
        """Keep track of a head that is not there as a whole. Of one behind a body, it is not known how far it came."""
        _, end, head = piece.rpartition(END_OF_HEAD)
        self._in_line = is_head and (self._in_line or bool(end)) and b"\n" not in head
        self._before = (self._before + piece)[1 - len(END_OF_HEAD) :]


def is_plain(data: bytes) -> bool:
    """Whether the parser takes a head as it is."""
    return data.isascii() and OFFERED not in data.lower()


def best_protocol() -> type[asyncio.Protocol]:
    """The protocol class for one server, over the parser that is installed."""
    if AutoHTTPProtocol.__module__.rpartition(".")[2] != "httptools_impl":
        return JSONProtocol
    from mockscope.prompt import KnownHeads, Outgoing, PromptAnswers  # here, not above: it needs httptools

    class AnswersOfOneServer(PromptAnswers):
        outgoing = Outgoing()
        heads = KnownHeads()

    return AnswersOfOneServer
