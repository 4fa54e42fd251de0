"""Connections of a server without a socket: a test passes the received bytes, and reads the sent ones."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from mockscope.server.event_loop import uvicorn_config
from mockscope.server.protocol import HttpToolsServerProtocol

Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class RecordingTransport(asyncio.Transport):
    """A transport that records the written bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_closed = False
        self.is_read = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.write(b"".join(list_of_data))

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = True

    def pause_reading(self) -> None:
        self.is_read = False

    def resume_reading(self) -> None:
        self.is_read = True


class Connection:
    """A connection to an application."""

    def __init__(self, app: Application) -> None:
        config = uvicorn_config(app)
        self.state = ServerState()
        self.state.default_headers = config.encoded_headers
        self.transport = RecordingTransport()
        self.protocol = HttpToolsServerProtocol(config, self.state, {})
        self.protocol.connection_made(self.transport)

    def receive(self, *pieces: bytes) -> None:
        """Receive bytes from the client, piece by piece."""
        for piece in pieces:
            if not self.transport.is_closed:
                self.protocol.data_received(piece)

    async def settle(self) -> bytes:
        """Return the bytes sent, once the server waits for more."""
        while True:
            for _ in range(10):
                await asyncio.sleep(0)
            sent = self.transport.written
            await asyncio.sleep(0)
            if sent == self.transport.written:
                return sent

    def lose(self) -> None:
        """Lose the connection to the client."""
        self.transport.is_closed = True
        self.protocol.connection_lost(None)


@asynccontextmanager
async def connection(app: Application) -> AsyncIterator[Connection]:
    """Connect to an application without a socket."""
    made = Connection(app)
    yield made
    made.lose()
    await asyncio.gather(*made.state.tasks)
