"""The listeners of a server, for HTTP and for HTTPS, and functions for sockets."""

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

from mockscope.web.response import render_last_response

HANDSHAKE_SECONDS: Final = 30
# A client that keeps its connection in a pool never answers the end of TLS.
SHUTDOWN_SECONDS: Final = 0.2

logger: Final = logging.getLogger("mockscope")

# The reasons of OpenSSL for the first bytes of GET, HEAD, POST and PUT, of CONNECT, and of other methods.
PLAIN_HTTP_REASONS: Final = ("HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "WRONG_VERSION_NUMBER")
USE_HTTPS: Final = "This is a port for HTTPS: ask it for https://, or start mockscope without --tls (tls=True)."

BACKLOG: Final = 2048
# The number of turns that the event loop needs to close an aborted connection. A new connection is registered one turn
# later. A request that waits for its body ends two turns later.
CLOSING_TURNS: Final = 3
# Only Windows has this option. SO_REUSEADDR would let a second server take a port there.
EXCLUSIVE: Final[int | None] = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)

ProtocolFactory = Callable[[], asyncio.Protocol]


class Listener:
    """A listener for plain HTTP. Subclasses process the start of a connection before the HTTP protocol gets it.

    Args:
        context: the TLS context, for start_tls.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.context = context
        self._tasks: set[asyncio.Task[Any]] = set()
        self._new_protocol: ProtocolFactory

    async def open(self, bound: socket.socket, new_protocol: ProtocolFactory, *, backlog: int) -> None:
        """Accept connections on a bound socket.

        Args:
            bound: the socket.
            new_protocol: returns an HTTP protocol for a new connection.
            backlog: the maximum number of connections that wait to be accepted.
        """
        self._bound, self._new_protocol = bound, new_protocol
        self._server = await asyncio.get_running_loop().create_server(self.protocol, sock=bound, backlog=backlog)

    def protocol(self) -> asyncio.Protocol:
        """Return the protocol of a new connection."""
        return self._new_protocol()

    async def stop_listening(self) -> None:
        """Refuse connections, even if a forked process holds a copy of the socket."""
        if not self._server.is_serving():
            return
        # asyncio passes an accepted connection on one turn later, and loses it if its server is closed by then.
        asyncio.get_running_loop().remove_reader(self._bound)
        await asyncio.sleep(0)
        # Some systems raise for a socket that only listens.
        with suppress(OSError):
            self._bound.shutdown(socket.SHUT_RDWR)
        self._server.close()

    async def close(self) -> None:
        """Stop listening, and close every connection that the HTTP protocol did not get."""
        await self.stop_listening()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for _ in range(CLOSING_TURNS):
            await asyncio.sleep(0)

    async def start_tls(self, connection: socket.socket) -> bool:
        """Start TLS on an accepted connection, and pass it to the HTTP protocol.

        Returns:
            Whether the client completed the handshake.
        """
        # On an error the transport has already closed the socket. The copy is for a last response in plain HTTP.
        copy = connection.dup()
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self._new_protocol,
                connection,
                ssl=self.context,
                ssl_handshake_timeout=HANDSHAKE_SECONDS,
                ssl_shutdown_timeout=SHUTDOWN_SECONDS,
            )
        except OSError as error:
            # ssl.SSLError is one too: no common version, no TLS at all, or the client did not trust the certificate.
            connection.close()
            if getattr(error, "reason", None) in PLAIN_HTTP_REASONS:
                logger.warning(USE_HTTPS)
                with suppress(OSError):
                    copy.send(render_last_response("400 Bad Request", USE_HTTPS))
            return False
        finally:
            copy.close()
        return True

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a coroutine as a task that is cancelled when this listener closes."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def copy_socket(transport: asyncio.BaseTransport) -> socket.socket:
    """Return a copy of the socket of a transport, so that the transport can be closed."""
    # Each -1 stands for the value of the original. Windows has no os.dup for sockets, and uvloop no method dup.
    copy = socket.fromfd(transport.get_extra_info("socket").fileno(), -1, -1, -1)
    copy.settimeout(0)
    return copy


class TLSListener(Listener):
    """A listener for HTTPS.

    The TLS servers of asyncio and uvloop cannot close a connection during its handshake.
    """

    def protocol(self) -> asyncio.Protocol:
        return Handshake(self)


class Handshake(asyncio.Protocol):
    """A connection that was just accepted. TLS gets a copy of its socket."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        copy = copy_socket(transport)
        transport.close()
        # A task that is cancelled before its first step closes nothing.
        self._listener.spawn(self._listener.start_tls(copy)).add_done_callback(
            lambda task: copy.close() if task.cancelled() else None
        )


# Listeners with their bound sockets.
Listeners = Mapping[Listener, socket.socket]


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
        bound = socket.socket(family, kind, socket.IPPROTO_TCP)
    except RuntimeError as error:
        # pytest-socket blocks both functions.
        raise RuntimeError(
            f"mockscope can't open a port ({error}): "
            f"start pytest with --allow-hosts={host} in place of --disable-socket"
        ) from error
    try:
        if EXCLUSIVE is not None:
            bound.setsockopt(socket.SOL_SOCKET, EXCLUSIVE, 1)
        elif os.name == "posix":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound


def url_of(bound: socket.socket, *, has_tls: bool = False) -> str:
    """Return the URL of a bound socket. A socket bound to all addresses gets the loopback address."""
    scheme = "https" if has_tls else "http"
    host, port = bound.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
