"""The ports of a server. Here: for HTTP and for HTTPS."""

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any, Final

from mockscope.web.response import render_last_response

HANDSHAKE_TIMEOUT: Final = 30
# A client that keeps its connection in a pool never answers the end of TLS.
SHUTDOWN_TIMEOUT: Final = 0.2

logger: Final = logging.getLogger("mockscope")

# The reasons of OpenSSL for the first bytes of GET, HEAD, POST and PUT, of CONNECT, and of other methods.
PLAIN_HTTP_REASONS: Final = ("HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "WRONG_VERSION_NUMBER")
SECURE_PORT: Final = "This is a port for HTTPS: ask it for https://, or start mockscope without --tls (tls=True)."

BACKLOG: Final = 2048
# The turns of the event loop in which a connection closes after it was aborted. A new connection is registered one turn
# later. A request that waits for its body ends two turns later.
CLOSING_TURNS: Final = 3

Connect = Callable[[], asyncio.Protocol]


class Gate:
    """A port for plain HTTP. Subclasses have connections that are not yet in the hands of the HTTP protocol.

    Args:
        context: the certificate of a port that begins TLS.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.context = context
        self._tasks: set[asyncio.Task[Any]] = set()
        self._connect: Connect

    async def open(self, listener: socket.socket, connect: Connect, *, backlog: int) -> None:
        """Accept connections on a bound socket.

        Args:
            listener: the socket.
            connect: makes the HTTP protocol.
            backlog: how many connections may wait to be accepted.
        """
        self._listener, self._connect = listener, connect
        self._server = await asyncio.get_running_loop().create_server(self.protocol, sock=listener, backlog=backlog)

    def protocol(self) -> asyncio.Protocol:
        """Return the protocol of a new connection."""
        return self._connect()

    def stop_listening(self) -> None:
        """Refuse connections, even if a forked process holds a copy of the socket."""
        # Some systems raise for a socket that only listens.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._server.close()

    async def close(self) -> None:
        """Close the port, and every connection that was not handed over."""
        self.stop_listening()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for _ in range(CLOSING_TURNS):
            await asyncio.sleep(0)

    async def secure(self, connection: socket.socket) -> bool:
        """Begin TLS on an accepted connection, and give it to the HTTP protocol.

        Returns:
            Whether the client completed the handshake.
        """
        # The transport closes its own copy before an error gets here.
        copied = connection.dup()
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self._connect,
                connection,
                ssl=self.context,
                ssl_handshake_timeout=HANDSHAKE_TIMEOUT,
                ssl_shutdown_timeout=SHUTDOWN_TIMEOUT,
            )
        except OSError as error:
            # ssl.SSLError is one too: no common version, no TLS at all, or the client did not trust the certificate.
            connection.close()
            if getattr(error, "reason", None) in PLAIN_HTTP_REASONS:
                logger.warning(SECURE_PORT)
                with suppress(OSError):
                    copied.send(render_last_response("400 Bad Request", SECURE_PORT))
            return False
        finally:
            copied.close()
        return True

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a coroutine until this port closes."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def copied_socket(transport: asyncio.BaseTransport) -> socket.socket:
    """Return a copy of the socket of a transport, which may be closed then."""
    copied = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
    copied.settimeout(0)
    return copied


class SecurePort(Gate):
    """A port for HTTPS.

    A server of asyncio or uvloop that does TLS itself can't close a connection whose handshake is under way.
    """

    def protocol(self) -> asyncio.Protocol:
        return Handshake(self)


class Handshake(asyncio.Protocol):
    """A connection that was just accepted. TLS gets a copy of its socket."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        copied = copied_socket(transport)
        transport.close()
        # A task that is cancelled before its first step closes nothing.
        self._gate.spawn(self._gate.secure(copied)).add_done_callback(
            lambda task: copied.close() if task.cancelled() else None
        )


async def abort_connections(transports: Callable[[], Iterable[asyncio.Transport]]) -> None:
    """Abort all connections, also those that were just accepted. uvloop would wait for them forever.

    Args:
        transports: returns the connections that are registered.
    """
    for _ in range(CLOSING_TURNS):
        for transport in list(transports()):
            transport.abort()
        await asyncio.sleep(0)


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to an address and not listening yet.

    Raises:
        OSError: If the port is taken, or the address is not this machine's.
        RuntimeError: If a plugin of pytest blocks sockets.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, _, _, address = found[0]
        # asyncio disables Nagle's algorithm only if the socket names its protocol. With Nagle's algorithm, a kept
        # connection gets some 20 responses a second.
        listener = socket.socket(family, kind, socket.IPPROTO_TCP)
    except RuntimeError as error:
        # pytest-socket blocks both functions.
        raise RuntimeError(
            f"mockscope can't open a port ({error}): "
            f"start pytest with --allow-hosts={host} in place of --disable-socket"
        ) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


def url_of(listener: socket.socket, *, is_secure: bool = False) -> str:
    """Return the URL of a bound socket. A socket bound to all addresses gets the loopback address."""
    scheme = "https" if is_secure else "http"
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
