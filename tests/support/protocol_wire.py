"""Connections of a server without a socket: a test gives what is received, and reads what was sent."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from mockscope.server.event_loop import uvicorn_config
from mockscope.server.protocol import OverHttptools

Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

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
        self.wire = Wire()
        self.protocol = OverHttptools(config, self.state, {})
        self.protocol.connection_made(self.wire)

    def receive(self, *pieces: bytes) -> None:
        """Receive bytes from the client, each piece for itself."""
        for piece in pieces:
            if not self.wire.is_closed:
                self.protocol.data_received(piece)

    async def settle(self) -> bytes:
        """Return what was sent, once nothing more will be unless more is received."""
        while True:
            for _ in range(10):
                await asyncio.sleep(0)
            sent = self.wire.written
            await asyncio.sleep(0)
            if sent == self.wire.written:
                return sent

    def lose(self) -> None:
        """Lose the connection to the client."""
        self.wire.is_closed = True
        self.protocol.connection_lost(None)


@asynccontextmanager
async def connection(app: Application) -> AsyncIterator[Connection]:
    """Connect to an application without a socket."""
    made = Connection(app)
    yield made
    made.lose()
    await asyncio.gather(*made.state.tasks)
