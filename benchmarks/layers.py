"""Where the time of GET one goes: the layers between a request's last byte and its answer, and the steps within them.

In this process and without a socket, so that what a layer adds can be told from noise; the kernel's part is left out.
"""

import asyncio
import gc
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import count, cycle
from pathlib import Path
from timeit import Timer
from typing import Any, Final

import uvicorn
import uvloop
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from benchmarks import bare
from benchmarks.figures import Figure
from benchmarks.unrecorded import Unclaimed, Unrecorded
from mockscope import Mockscope, wire
from mockscope.instruments.entry import Entry
from mockscope.prompt import MOST_HEADS
from mockscope.protocol import best_protocol
from mockscope.server import uvicorn_config
from mockscope.web.answer import JSONAnswer
from mockscope.web.app import Front, Reserved
from mockscope.web.explaining import suspect
from mockscope.web.head import Head
from mockscope.web.reading import Call
from mockscope.web.routes import place_of

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
    """Measure GET one layer by layer, and step by step.

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
    known = [_request(email)]
    # Asked for in turn, each is forgotten before it comes again.
    unknown = [_request(email, f"X-Number: {number}\r\n") for number in range(MOST_HEADS + 1)]
    prompt = best_protocol()
    layers: tuple[tuple[str, type[asyncio.Protocol], ASGIApp, list[bytes]], ...] = (
        ("uvicorn, the bare application", HttpToolsProtocol, bare.app, known),
        ("the shortened way, the bare application, new heads", prompt, bare.app, unknown),
        ("the shortened way, the bare application", prompt, bare.app, known),
        ("with the API, neither recorded nor faulty", prompt, unrecorded, known),
        ("whole, as it is served", prompt, double.app, known),
        ("whole, new heads", prompt, double.app, unknown),
    )
    taken: dict[str, list[float]] = {f"layers of GET one: {name}": [] for name, *_ in layers}
    for _ in range(rounds):
        for samples, (_, protocol, app, requests) in zip(taken.values(), layers, strict=True):
            samples.append(uvloop.run(_microseconds(protocol, app, requests)))
    tell("the steps of GET one")
    for name, step in _steps(double, email):
        taken[f"steps of GET one: {name}"] = [_seconds(step) * 1e6 for _ in range(rounds)]
    return [Figure(name, "µs", samples) for name, samples in taken.items()]


def _request(email: str, line: str = "") -> bytes:
    return (
        f"GET /api/v1/users HTTP/1.1\r\nHost: localhost\r\nHttp-X-Partner-Auth: {HOST}:{API_KEY}\r\n"
        f"Http-X-Email: {email}\r\n{line}\r\n"
    ).encode()


async def _microseconds(protocol: Any, app: ASGIApp, requests: list[bytes]) -> float:
    """The processor time of a request, in the quiet moments."""
    config: uvicorn.Config = uvicorn_config(app)
    state = ServerState()
    state.default_headers = config.encoded_headers
    connection = protocol(config, state, {})
    connection.connection_made(Nowhere())
    in_turn = cycle(requests)
    await _ask(connection, in_turn, FILLED)
    gc.collect()
    gc.freeze()
    samples = []
    for _ in range(BATCHES):
        before = time.process_time()
        await _ask(connection, in_turn, BATCH)
        samples.append((time.process_time() - before) / BATCH * 1e6)
    gc.unfreeze()
    connection.connection_lost(None)
    return sorted(samples)[int(BATCHES * QUIET)]


async def _ask(connection: Any, requests: Iterator[bytes], times: int) -> None:
    for _ in range(times):
        connection.data_received(next(requests))
        while not connection.cycle.response_complete:
            await asyncio.sleep(0)


def _steps(double: Mockscope, email: str) -> Iterator[tuple[str, Callable[[], object]]]:
    """What the application does for a request, a step each; what is left of the whole are the calls between them."""
    auth = f"{HOST}:{API_KEY}".encode()
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/v1/users",
        "raw_path": b"/api/v1/users",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"http-x-partner-auth", auth), (b"http-x-email", email.encode())],
    }
    head, handle, numbers = Head(scope), double.sites[HOST], count()
    site = double.directory.authenticate(head.credentials())
    entry = Entry("0", head.method, head.path)

    async def receive() -> Any:
        raise AssertionError("GET has no body")

    call = Call(scope, receive, head, entry)
    call.site, entry.operation = site, "get_user"
    handle.calls.open(entry)
    answer = JSONAnswer(wire.user(site.look_up_user(email)))
    answer.say(b"x-request-id", b"0")

    def enter() -> Entry:
        number = next(numbers)
        return Entry(f"0-{number}", head.method, head.path, head.query_string, head.lines, number, "http")

    def keep() -> None:
        handle.calls.open(entry)
        answer.note(entry)
        handle.calls.close(entry)

    def put_together() -> None:
        JSONAnswer(answer.body).say(b"x-request-id", b"0")

    yield "the head is read, where it is a new one", lambda: Head(scope)
    yield "the call gets its entry", enter
    yield "the path leads to an operation", lambda: place_of(head)
    yield "the key opens the site", lambda: double.handle(double.directory.authenticate(head.credentials()))
    yield "the user is looked up, rendered before", lambda: wire.user(site.look_up_user(head.email(rule="USER-GET-1")))
    yield "is there anything to remark on", lambda: suspect(call)
    yield "the answer is put together", put_together
    yield "the call is kept among the site's", keep


def _seconds(step: Callable[[], object]) -> float:
    return min(Timer(step).repeat(BATCHES, BATCH)) / BATCH
