"""Where the time of GET one goes: the layers between a request's last byte and its answer, one upon the other.

In this process and without a socket, so that what a layer adds can be told from noise; the kernel's part is left out.
"""

import asyncio
import gc
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import uvicorn
import uvloop
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from benchmarks import bare
from benchmarks.figures import Figure
from benchmarks.unrecorded import Unclaimed, Unrecorded
from mockscope import Mockscope
from mockscope.protocol import best_protocol
from mockscope.server import uvicorn_config
from mockscope.web.app import Front, Reserved

HOST: Final = "benchmark-site"
API_KEY: Final = "benchmark-key"
SEED: Final = {"mockscope": 1, "sites": [{"host": HOST, "api_key": API_KEY, "generate": {"users": 100}}]}
# As many calls as a site keeps: only then does each new one push out an old one.
FILLED: Final = 10_000
BATCH: Final = 100
BATCHES: Final = 200
# The quiet moments of a shared machine.
QUIET: Final = 0.05


class Nowhere(asyncio.Transport):
    """A connection whose other end takes everything at once."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take it."""

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        """Take it."""

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        """Nobody is there."""

    def resume_reading(self) -> None:
        """Nothing was paused."""


def measure(rounds: int, work: Path, tell: Callable[[str], None]) -> list[Figure]:
    """Measure GET one layer by layer.

    Args:
        rounds: how often.
        work: a directory for files; none is written.
        tell: called with what is being done.
    """
    tell("the layers of GET one")
    double = Mockscope(SEED)
    bench = Mockscope(SEED)
    unrecorded = Front(Unrecorded(Unclaimed(bench, hint_header=True)), Reserved(bench, None))
    email = next(iter(double.sites[HOST].users))
    request = (
        f"GET /api/v1/users HTTP/1.1\r\nHost: localhost\r\nHttp-X-Partner-Auth: {HOST}:{API_KEY}\r\n"
        f"Http-X-Email: {email}\r\n\r\n"
    ).encode()
    prompt = best_protocol()
    layers: tuple[tuple[str, type[asyncio.Protocol], ASGIApp], ...] = (
        ("uvicorn, the bare application", HttpToolsProtocol, bare.app),
        ("the shortened way, the bare application", prompt, bare.app),
        ("with the API, neither recorded nor faulty", prompt, unrecorded),
        ("whole, as it is served", prompt, double.app),
    )
    taken: dict[str, list[float]] = {f"layers of GET one: {name}": [] for name, _, _ in layers}
    for _ in range(rounds):
        for samples, (_, protocol, app) in zip(taken.values(), layers, strict=True):
            samples.append(uvloop.run(_microseconds(protocol, app, request)))
    return [Figure(name, "µs", samples) for name, samples in taken.items()]


async def _microseconds(protocol: Any, app: ASGIApp, request: bytes) -> float:
    """The processor time of a request, in the quiet moments."""
    config: uvicorn.Config = uvicorn_config(app)
    state = ServerState()
    state.default_headers = config.encoded_headers
    connection = protocol(config, state, {})
    connection.connection_made(Nowhere())
    await _ask(connection, request, FILLED)
    gc.collect()
    gc.freeze()
    samples = []
    for _ in range(BATCHES):
        before = time.process_time()
        await _ask(connection, request, BATCH)
        samples.append((time.process_time() - before) / BATCH * 1e6)
    gc.unfreeze()
    connection.connection_lost(None)
    return sorted(samples)[int(BATCHES * QUIET)]


async def _ask(connection: Any, request: bytes, times: int) -> None:
    for _ in range(times):
        connection.data_received(request)
        while not connection.cycle.response_complete:
            await asyncio.sleep(0)
