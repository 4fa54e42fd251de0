"""Ports at which a server is met otherwise than by plain HTTP. Here: by HTTPS."""

import asyncio
import socket
import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any, Final

# How long a client has for its side of a handshake.
PATIENCE: Final = 30
# How long a client has to say goodbye in its turn; one that keeps its connection in a pool never does.
FAREWELL: Final = 0.2
# How long nothing is accepted where the process has no file left, as asyncio does it.
PAUSE: Final = 1

Connect = Callable[[], asyncio.Protocol]


class Gate(ABC):
    """A port, and the connections that came in there and are not yet in the hands of the answering protocol.

    Args:
        context: the certificate that is shown.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context
        self._tasks: set[asyncio.Task[None]] = set()

    @abstractmethod
    async def open(self, listener: socket.socket, connect: Connect, *, backlog: int) -> None:
        """Accept on a bound socket.

        Args:
            listener: the socket.
            connect: makes the protocol that answers.
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

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


class SecurePort(Gate):
    """HTTPS. A server of asyncio or uvloop would forget, at its end, a connection whose handshake still goes on."""

    async def open(self, listener: socket.socket, connect: Connect, *, backlog: int) -> None:
        self._listener = listener
        self._connect = connect
        listener.settimeout(0)
        listener.listen(backlog)
        self._listen()

    async def close(self) -> None:
        if self._listener.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._listener)
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
            loop.call_later(PAUSE, self._listen)
            return
        connection.settimeout(0)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        securing = self._spawn(self._secure(connection))
        # One that is cancelled before its first step could not close anything itself.
        securing.add_done_callback(lambda task: connection.close() if task.cancelled() else None)

    async def _secure(self, connection: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self._connect,
                connection,
                ssl=self.context,
                ssl_handshake_timeout=PATIENCE,
                ssl_shutdown_timeout=FAREWELL,
            )
        except OSError:
            # ssl.SSLError is one too: no common ground, no TLS at all, or the certificate was not believed.
            connection.close()
