"""Ports at which a server is reached otherwise than by plain HTTP. Here: by HTTPS."""

import asyncio
import logging
import socket
import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

HANDSHAKE_TIMEOUT: Final = 30
# A client that keeps its connection in a pool never answers the end of TLS.
SHUTDOWN_TIMEOUT: Final = 0.2
# How long nothing is accepted when the process has no file descriptor left.
ACCEPT_PAUSE: Final = 1

logger: Final = logging.getLogger("mockscope")

# The reasons of OpenSSL for the first bytes of GET, HEAD, POST and PUT, of CONNECT, and of other methods.
PLAIN_HTTP_REASONS: Final = ("HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "WRONG_VERSION_NUMBER")
SECURE_PORT: Final = "This is a port for HTTPS: ask it for https://, or start mockscope without --tls (tls=True)."
PLAIN_HTTP: Final = (
    "HTTP/1.1 400 Bad Request\r\nserver: mockscope\r\ncontent-type: application/json; charset=utf-8\r\n"
    f'connection: close\r\n\r\n{{"message":"{SECURE_PORT}"}}'
).encode()

Connect = Callable[[], asyncio.Protocol]


def stop_listening(listener: socket.socket) -> None:
    """Have a port refuse connections even if a forked process holds a copy of its socket."""
    # Some systems raise for a socket that only listens.
    with suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)


class Gate(ABC):
    """A port, and its connections that are not yet in the hands of the HTTP protocol.

    Args:
        context: the certificate.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context
        self._tasks: set[asyncio.Task[Any]] = set()
        self._connect: Connect

    @abstractmethod
    async def open(self, listener: socket.socket, connect: Connect, *, backlog: int) -> None:
        """Accept connections on a bound socket.

        Args:
            listener: the socket.
            connect: makes the HTTP protocol.
            backlog: how many connections may wait to be accepted.
        """

    async def close(self) -> None:
        """Close the port, and every connection that was not handed over."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # Transports close a step after they are told to.
        for _ in range(3):
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
                    copied.send(PLAIN_HTTP)
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


class SecurePort(Gate):
    """A port for HTTPS.

    A server of asyncio or uvloop can't close a connection whose handshake is under way: hence the sockets.
    """

    async def open(self, listener: socket.socket, connect: Connect, *, backlog: int) -> None:
        self._listener = listener
        self._connect = connect
        listener.settimeout(0)
        listener.listen(backlog)
        self._listen()

    async def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._listener)
        stop_listening(self._listener)
        self._listener.close()
        await super().close()

    def _listen(self) -> None:
        if self._listener.fileno() >= 0:
            asyncio.get_running_loop().add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._listener)
            loop.call_later(ACCEPT_PAUSE, self._listen)
            return
        connection.settimeout(0)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A task that is cancelled before its first step closes nothing.
        self.spawn(self.secure(connection)).add_done_callback(
            lambda task: connection.close() if task.cancelled() else None
        )
