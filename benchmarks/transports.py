"""What clients gain where they need no socket, in this process: the same client and call over loopback, in turns."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any, Final, NamedTuple

import httpx
import httpx2
import requests
import urllib3

from benchmarks.children import Failed
from benchmarks.figures import SMALL, Figure, by_nothing, ratio, redirected, without_socket
from benchmarks.sites import PATH, SITE, seed
from mockscope import LiveServer

CALLS: Final = 100
VENDOR: Final = "https://app.periscopedata.com"


class Speed(NamedTuple):
    """Calls a second, and processor time a call, in microseconds, of client and server together."""

    rate: float
    cpu: float


# Makes so many calls.
Run = Callable[[], Speed]
# Opens a client that asks a URL, with what stands in for a socket if there is any.
Open = Callable[[str, Mapping[str, str], Any], AbstractContextManager[Run]]


class Client(NamedTuple):
    """A client, what the server has to offer it, and what answers without looking: that is the client's own work.

    None where it is only redirected.
    """

    open: Open
    stand_in: Callable[[LiveServer], Any] | None = None
    nothing: Callable[[], Any] | None = None


def measure(rounds: int, work: Path, tell: Callable[[str], None]) -> list[Figure]:
    """Measure clients without a socket against themselves over loopback.

    Args:
        rounds: how often.
        work: a directory for files; none is written.
        tell: called with what is being done.

    Raises:
        Failed: a client was answered otherwise than it should.
    """
    figures = []
    with LiveServer(seed(SMALL)) as server:
        for name, client in CLIENTS.items():
            tell(f"{name}, over loopback and without a socket")
            figures += _figures(name, client, server, rounds)
    return figures


def _figures(name: str, client: Client, server: LiveServer, rounds: int) -> list[Figure]:
    site = server.sites[SITE]
    headers = {**site.headers, "Http-X-Email": list(site.users)[SMALL // 2]}
    with ExitStack() as stack:
        loopback = stack.enter_context(client.open(server.url, headers, None))
        ways = {redirected(name): _within(server, stack.enter_context(client.open(VENDOR, headers, None)))}
        if client.stand_in is not None:
            stand_in = client.stand_in(server)
            ways[without_socket(name)] = stack.enter_context(client.open(server.url, headers, stand_in))
        if client.nothing is not None:
            ways[by_nothing(name)] = stack.enter_context(client.open(server.url, headers, client.nothing()))
        return [_against(loopback, way, run, rounds) for way, run in ways.items()]


def _against(loopback: Run, name: str, run: Run, rounds: int) -> Figure:
    """A way against the rates over loopback right before and after it. The first round does not count."""
    samples, costs = [], []
    before = loopback()
    for _ in range(rounds + 1):
        speed, after = run(), loopback()
        samples.append(ratio(speed.rate, (before.rate, after.rate)))
        costs.append((speed.cpu, after.cpu))
        before = after
    here, there = (median(each) for each in zip(*costs[1:], strict=True))
    return Figure(name, "of loopback", samples[1:], f"CPU {here:.0f} µs against {there:.0f}")


def _within(server: LiveServer, run: Run) -> Run:
    def run_within() -> Speed:
        with server.redirect():
            return run()

    return run_within


def _timed(ask: Callable[[], int]) -> Speed:
    watch = Watch()
    for _ in range(CALLS):
        status = ask()
    return watch.speed(status)


class Watch:
    """Runs from when it is made."""

    def __init__(self) -> None:
        self._began = time.perf_counter(), time.process_time()

    def speed(self, status: int) -> Speed:
        """The speed of all calls, of which the last one was answered with this status.

        Raises:
            Failed: it is none of success.
        """
        if status != 200:
            raise Failed(f"a client was answered {status}")
        wall, cpu = self._began
        return Speed(CALLS / (time.perf_counter() - wall), (time.process_time() - cpu) / CALLS * 1e6)


# -- the clients -----------------------------------------------------------------------------------------------


@contextmanager
def _requests(url: str, headers: Mapping[str, str], adapter: Any) -> Iterator[Run]:
    with requests.Session() as session:
        # It would look through all of the environment for a proxy, twice a call, which takes longer than the rest.
        session.trust_env = False
        if adapter is not None:
            session.mount(url, adapter)
        yield lambda: _timed(lambda: session.get(f"{url}{PATH}", headers=headers).status_code)


@contextmanager
def _urllib3(url: str, headers: Mapping[str, str], nothing: None) -> Iterator[Run]:
    with urllib3.PoolManager() as pools:
        yield lambda: _timed(lambda: pools.request("GET", f"{url}{PATH}", headers=headers).status)


@contextmanager
def _httpx(library: ModuleType, url: str, headers: Mapping[str, str], transport: Any) -> Iterator[Run]:
    with library.Client(transport=transport, trust_env=False) as client:
        yield lambda: _timed(lambda: client.get(f"{url}{PATH}", headers=headers).status_code)


@contextmanager
def _httpx_async(library: ModuleType, url: str, headers: Mapping[str, str], transport: Any) -> Iterator[Run]:
    with asyncio.Runner() as runner:
        client = library.AsyncClient(transport=transport, trust_env=False)

        async def ask() -> Speed:
            watch = Watch()
            for _ in range(CALLS):
                response = await client.get(f"{url}{PATH}", headers=headers)
            return watch.speed(response.status_code)

        try:
            yield lambda: runner.run(ask())
        finally:
            runner.run(client.aclose())


class NothingForRequests(requests.adapters.BaseAdapter):
    """Answers 200 and nothing else, without a look at the request."""

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        response = requests.Response()
        response.status_code, response.request, response.url = 200, request, str(request.url)
        vars(response).update(_content=b"{}", _content_consumed=True)
        return response

    def close(self) -> None:
        """There is nothing to close."""


def _nothing_for(library: Any) -> Any:
    """The same for httpx and httpx2."""

    async def answered_soon(request: Any) -> Any:
        return library.Response(200, content=b"{}")

    def answered(request: Any) -> Any:
        return library.Response(200, content=b"{}")

    members = {"handle_request": staticmethod(answered), "handle_async_request": staticmethod(answered_soon)}
    return type("Nothing", (library.BaseTransport, library.AsyncBaseTransport), members)()


CLIENTS: Final = {
    "requests": Client(_requests, LiveServer.adapter, NothingForRequests),
    "urllib3": Client(_urllib3),
    "httpx": Client(partial(_httpx, httpx), LiveServer.transport, partial(_nothing_for, httpx)),
    "httpx on asyncio": Client(partial(_httpx_async, httpx), LiveServer.transport, partial(_nothing_for, httpx)),
    "httpx2": Client(partial(_httpx, httpx2), LiveServer.transport, partial(_nothing_for, httpx2)),
    "httpx2 on asyncio": Client(partial(_httpx_async, httpx2), LiveServer.transport, partial(_nothing_for, httpx2)),
}


__all__ = ["measure"]
