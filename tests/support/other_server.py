"""Servers that are not mockscope. They send given bytes, and record their requests."""

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from support.bounds import join

LENGTH: Final = re.compile(rb"(?im)^content-length: *(\d+)\r$")


class Scripted:
    """A server on loopback. Each connection has a script of its own: one answer for each request, then it is closed.

    Args:
        scripts: for each connection the answers on it, as parts; None is to say nothing until the client goes.
        context: what makes it speak TLS.
    """

    def __init__(self, scripts: Sequence[Sequence[bytes | None]], context: ssl.SSLContext | None = None) -> None:
        self._scripts = scripts
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http{'s' if context else ''}://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        # For each connection the requests on it.
        self.requests: list[list[bytes]] = []
        # Set when the last response of a connection is sent and the connection is closed.
        self.closed = [threading.Event() for _ in scripts]

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        # Only this wakes a thread that waits for a connection.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        join(self._thread)

    def _serve(self) -> None:
        for script, closed in zip(self._scripts, self.closed, strict=True):
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
            with connection:
                self.requests.append([])
                self._respond(connection, script)
            closed.set()

    def _respond(self, connection: socket.socket, script: Sequence[bytes | None]) -> None:
        for response in script:
            request = one_request(connection)
            if not request:
                return
            self.requests[-1].append(request)
            if response is None:
                connection.recv(1)
                return
            with suppress(OSError):
                connection.sendall(response)


def one_request(connection: socket.socket) -> bytes:
    """Read a whole request; return nothing if the client has left."""
    received = b""
    while b"\r\n\r\n" not in received:
        if not (more := connection.recv(65536)):
            return b""
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    length = LENGTH.search(head + b"\r\n")
    while len(body) < (int(length[1]) if length else 0):
        if not (more := connection.recv(65536)):
            return b""
        body += more
    return head + b"\r\n\r\n" + body


@contextmanager
def scripted(*scripts: Sequence[bytes | None], context: ssl.SSLContext | None = None) -> Iterator[Scripted]:
    """Run a scripted server until the block ends."""
    server = Scripted(scripts, context)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def ok(body: bytes = b"{}", *fields: str, status: str = "200 OK") -> bytes:
    """Return a response in JSON."""
    head = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *fields]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


@contextmanager
def serving_one(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """Yield the URL of a server that passes its only connection to a function."""

    def accept() -> None:
        connection, _ = listener.accept()
        with connection:
            serve(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            join(thread)


@contextmanager
def endless(start: bytes, more: bytes, *, pause: float = 0) -> Iterator[str]:
    """Yield the URL of a server whose response has a start, and then the same part over and over."""
    over = threading.Event()

    def serve(connection: socket.socket) -> None:
        with suppress(OSError):
            connection.recv(65536)
            connection.sendall(start)
            while not over.wait(pause):
                connection.sendall(more)

    with serving_one(serve) as url:
        try:
            yield url
        finally:
            over.set()


@contextmanager
def hasty(response: bytes) -> Iterator[str]:
    """Yield the URL of a server that responds before it has read the whole request, and then closes."""

    def serve(connection: socket.socket) -> None:
        connection.recv(1024)
        connection.sendall(response)

    with serving_one(serve) as url:
        yield url
