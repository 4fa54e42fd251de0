"""Connections of a server without a socket: what is received is given by the test, and what is sent is kept."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from mockscope.prompt import PromptAnswers
from mockscope.server import uvicorn_config

Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class Wire(asyncio.Transport):
    """A transport that keeps what is written, piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []
        self.closed = asyncio.Event()
        self.is_read = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.pieces.append(bytes(data))

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.pieces.append(b"".join(list_of_data))

    def is_closing(self) -> bool:
        return self.closed.is_set()

    def close(self) -> None:
        self.closed.set()

    def pause_reading(self) -> None:
        self.is_read = False

    def resume_reading(self) -> None:
        self.is_read = True


@asynccontextmanager
async def connection(app: Application) -> AsyncIterator[PromptAnswers]:
    """A connection to an application, without a socket."""
    async with connections(1, app) as (protocol,):
        yield protocol


@asynccontextmanager
async def connections(number: int, app: Application) -> AsyncIterator[list[PromptAnswers]]:
    """Connections to one application, without a socket."""
    config = uvicorn_config(app)
    state = ServerState()
    state.default_headers = config.encoded_headers
    protocols = [connected(config, state) for _ in range(number)]
    yield protocols
    for protocol in protocols:
        protocol.transport.close()
        protocol.connection_lost(None)
    await asyncio.gather(*state.tasks)


def connected(config: uvicorn.Config, state: ServerState) -> PromptAnswers:
    """One more connection of a server."""
    of_server: Any = config.http_protocol_class
    protocol = of_server(config, state, {})
    assert isinstance(protocol, PromptAnswers)
    protocol.connection_made(Wire())
    return protocol


def said(protocol: PromptAnswers) -> list[bytes]:
    """What was sent, piece by piece."""
    assert isinstance(protocol.transport, Wire)
    return protocol.transport.pieces
