"""Subclasses of uvicorn's HTTP protocols: planned faults, half-closed connections, long heads, offers to upgrade.

uvicorn documents the option ``http`` but not its protocol classes. No other module uses names of these classes. The
tests run with the lowest and the newest uvicorn of pyproject.toml. If a later uvicorn renames a method, its override
here is not called. The server still responds, without the feature in the docstring of the override.
"""

import asyncio
import logging
import string
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import quote_from_bytes

from uvicorn.protocols.http.h11_impl import H11Protocol

from mockscope.web.fault_injection import CONNECTION, Connection
from mockscope.web.request_head import MAX_HEAD_BYTES, REFUSED_HEAD
from mockscope.web.response import render_last_response

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as AnyProtocol
else:
    AnyProtocol = object
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
    except ImportError:
        HttpToolsProtocol = H11Protocol  # never used

logger: Final = logging.getLogger("mockscope")

END_OF_HEAD: Final = b"\r\n\r\n"
# The first bytes of a client that speaks TLS (RFC 8446, 5.1).
TLS_HANDSHAKE: Final = b"\x16\x03"
USE_HTTP: Final = "This is a port for plain HTTP: ask it for http://, or start mockscope with --tls (tls=True)."
NOT_A_PROXY: Final = "This is not a proxy: start mockscope with --proxy (proxy=True), and send CONNECT to its proxy."


class SharedProtocol(AnyProtocol):
    """The part of the protocol that does not depend on the parser."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Pass the connection to each request in its state, for planned faults that break it."""
        super().connection_made(transport)
        self._connection = Connection(transport)
        self.app_state = {**self.app_state, CONNECTION: self._connection}

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the keep-alive timer: uvicorn does it only where the client did not reset the connection."""
        super().connection_lost(exc)
        self._unset_keepalive_if_required()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Return whether to keep the connection, because a client that sends nothing more may wait for responses."""
        self._connection.is_half_closed = True
        cycle = self._cycle_in_progress()
        is_waiting = cycle is not None and not (cycle.more_body or cycle.response_started)
        # TLS closes both directions at once. A response that hangs, and a stream, end when the client closes its side.
        return is_waiting and self.scheme == "http" and not self._connection.hangs

    def _cycle_in_progress(self) -> Any:
        """Return the request that is being answered, or the last one."""
        return self.cycle

    def shutdown(self) -> None:
        """End a request that a planned fault holds. uvicorn would wait for its response."""
        if not self._connection.abort_if_held():
            super().shutdown()

    def _refuses_tls(self, data: bytes) -> bool:
        """Refuse a connection whose first bytes are TLS. Clients name the cause if the response is plain HTTP."""
        if self.scope is not None or not data.startswith(TLS_HANDSHAKE):
            return False
        logger.warning(USE_HTTP)
        self._refuse("400 Bad Request", USE_HTTP)
        return True

    def send_400_response(self, msg: str) -> None:
        """Refuse a request that is not HTTP with a message in JSON (HTTP-1)."""
        self._refuse("400 Bad Request", msg)

    def _refuse(self, status: str, msg: str) -> None:
        self.transport.write(render_last_response(status, msg))
        self.transport.close()


class H11ServerProtocol(SharedProtocol, H11Protocol):  # type: ignore[misc]
    """The protocol over h11."""

    def data_received(self, data: bytes) -> None:
        if not self._refuses_tls(data):
            super().data_received(data)

    def on_response_complete(self) -> None:
        """Close a connection that the client closed on its side, once its complete requests are answered."""
        super().on_response_complete()
        if self._connection.is_half_closed and (self.cycle.response_complete or self.cycle.more_body):
            self.transport.close()


class HttpToolsServerProtocol(SharedProtocol, HttpToolsProtocol):
    """The protocol over httptools."""

    # The request that is being answered. uvicorn's ``cycle`` is the last of the pipelined requests.
    _current_cycle: Any = None
    # The refusal that ends the connection, once all complete requests before it are answered.
    _refusal: tuple[str, str] | None = None
    # The position of the parser, and whether the next byte belongs to a request line.
    _position: Literal["between", "head", "body", "refused"] = "between"
    _in_request_line = True
    # The bytes that the parser is reading, and those that it reads next.
    _data = _next_data = b""
    # The length of the chunk in which the head begins, and the number of bytes of the head. The latter is negative
    # until that chunk is added to it, because bytes before the head do not count.
    _first_chunk_bytes = _head_bytes = 0
    # The headers of a request that offers another protocol.
    _upgrade_headers: list[tuple[bytes, bytes]] | None = None

    def data_received(self, data: bytes) -> None:
        """Percent-encode raw UTF-8 in a request line, which some clients send as it was typed (GROUP-5)."""
        if self._refuses_tls(data):
            return
        # Line by line, until it is certain which bytes are a request line.
        while not (data.isascii() or self._position == "body" or self.transport.is_closing()):
            line, newline, data = data.partition(b"\n")
            self._parse(
                (quote_from_bytes(line, safe=string.printable).encode() if self._in_request_line else line) + newline
            )
        self._parse(data)

    def _parse(self, data: bytes) -> None:
        while data and not (self._is_refused or self.transport.is_closing()):
            self._data, self._next_data = data, b""
            super().data_received(data)
            if self._position == "head":
                self._head_bytes += len(data)
                lines = data[: data.rfind(b"\n") + 1]
                self._in_request_line = lines.endswith(END_OF_HEAD) if lines else self._in_request_line
            else:
                self._in_request_line = self._position == "between"
            data = self._next_data
            if self._position == "head" and self._head_bytes > MAX_HEAD_BYTES and not self._is_refused:
                self._refuse_head(is_request_line=self._in_request_line)

    @property
    def _is_refused(self) -> bool:
        return self._position == "refused" or self._refusal is not None

    def _refuse_head(self, *, is_request_line: bool) -> None:
        """Refuse a head that is too long, even if it never ends.

        The application gets a request for "/" without headers, whose state names the refusal.
        """
        self._position = "refused"
        self.url, self.scope["headers"] = b"/", []
        self.scope["state"][REFUSED_HEAD] = "LINE_TOO_LONG" if is_request_line else "HEAD_TOO_LONG"
        super().on_headers_complete()
        super().on_message_complete()
        self.cycle.keep_alive = False

    def on_message_begin(self) -> None:
        self._position = "head"
        self._first_chunk_bytes = len(self._data)
        self._head_bytes = -self._first_chunk_bytes
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Refuse a head that is too long, and drop trailers.

        If the request offers another protocol, only store its headers: ``handle_websocket_upgrade`` parses it again.
        """
        if self.parser.should_upgrade() and (
            self.parser.get_method() == b"CONNECT" or any(name == b"upgrade" for name, _ in self.headers)
        ):
            self._upgrade_headers = self.headers
            return
        if self._upgrade_headers is not None:
            self.headers[:], self._upgrade_headers = self._upgrade_headers, None
        if self._first_chunk_bytes + self._head_bytes + len(self._data) > MAX_HEAD_BYTES:
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > MAX_HEAD_BYTES:
                self._refuse_head(is_request_line=len(self.url) > MAX_HEAD_BYTES)
                # httptools stops parsing when a callback raises. Nobody sees the message.
                raise ValueError("the head is too long")
        self._position = "body"
        # RFC 9110: "A server that receives a 100-continue expectation in an HTTP/1.0 request MUST ignore that"
        self.expect_100_continue = self.expect_100_continue and self.parser.get_http_version() != "1.0"
        super().on_headers_complete()
        # The trailers behind a body would be added to the request's headers.
        self.headers = []

    def on_message_complete(self) -> None:
        if self._upgrade_headers is None:
            self._position = "between"
            super().on_message_complete()

    def _should_upgrade(self) -> bool:
        return self._upgrade_headers is not None

    def handle_websocket_upgrade(self) -> None:
        """Parse a request again without its offer to upgrade, or refuse CONNECT.

        Clients that prefer HTTP/2 (Java's, curl --http2) offer it with each request. httptools would take the body for
        the other protocol. uvicorn calls this method while it handles HttpParserUpgrade, whose first argument is the
        number of parsed bytes.
        """
        if self.parser.get_method() == b"CONNECT":
            logger.warning(NOT_A_PROXY)
            # The reason phrase holds the message too: most clients show nothing else of a CONNECT that failed.
            self.send_400_response(NOT_A_PROXY, NOT_A_PROXY)
            return
        upgrade = sys.exception()
        assert upgrade is not None
        assert self._upgrade_headers is not None
        line = b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        lines = [b"%b: %b" % (name, value) for name, value in self._upgrade_headers if name != b"upgrade"]
        # After Connection: close the old parser reads nothing more.
        self.parser = type(self.parser)(self)
        self._next_data = b"\r\n".join([line, *lines, b"", b""]) + self._data[upgrade.args[0] :]

    def _cycle_in_progress(self) -> Any:
        return self._current_cycle

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._current_cycle = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Answer the next pipelined request. uvicorn would read still more of them first, without a limit."""
        is_last = not self.pipeline or self.pipeline[-1][0].more_body
        if self._refusal is not None and is_last:
            self._refuse(*self._refusal)
        elif self._connection.is_half_closed and is_last:
            self.transport.close()
        elif self.pipeline and not self.transport.is_closing():
            self.server_state.total_requests += 1
            self._start_asgi_task(*self.pipeline.pop())
        else:
            super().on_response_complete()

    def send_400_response(self, msg: str, reason: str = "Bad Request") -> None:
        """Refuse once all complete requests before it are answered. uvicorn would drop them."""
        if not self._is_refused:
            self._refusal = f"400 {reason}", msg
            if self._current_cycle is None or self._current_cycle.response_complete or self._current_cycle.more_body:
                self._refuse(*self._refusal)

    def connection_lost(self, exc: Exception | None) -> None:
        """Notify the request that is being answered. uvicorn notifies only the last of the pipelined requests."""
        if self._current_cycle is not None and not self._current_cycle.response_complete:
            self._current_cycle.disconnected = True
            self._current_cycle.message_event.set()
        super().connection_lost(exc)


def protocol_class() -> type[asyncio.Protocol]:
    """Return the class over the parser that is installed."""
    return HttpToolsServerProtocol if find_spec("httptools") else H11ServerProtocol
