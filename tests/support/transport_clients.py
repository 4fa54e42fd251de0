"""Twin servers, and the clients that call one of them over loopback and the other without a socket."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from types import ModuleType
from typing import Any, Final, NamedTuple

import httpx
import httpx2
import pytest
import requests

import mockscope
from mockscope import Call, LiveServer, MockSite
from support.event_loops import Runtime, asyncio_loop, trio_loop
from support.transport_cases import Case

HOST: Final = "example_site"
SEED: Final = {
    "mockscope": 1,
    "sites": [
        {
            "host": HOST,
            "api_key": "e179017a-62b0-4996-8a38-e91aa9f1",
            "policy": {"page_size": 2},
            "groups": [
                {"name": "Sales", "access": "Sql"},
                {"name": "NY Knicks/Fans 100%", "access": "View"},
                {"name": "Café", "access": "View"},
            ],
            "users": [
                {
                    "first_name": name,
                    "last_name": "Test",
                    "email": f"{name.lower()}@example.com",
                    "groups": ["Administrators", "All Users"] if name == "Monica" else ["All Users", "Sales"],
                }
                for name in ("Monica", "Chandler", "Joey", "Rachel", "Phoebe")
            ],
        }
    ],
}

Body = bytes | Iterable[bytes] | None


class Response(NamedTuple):
    """A response as the client sees it. Names of headers are in lower case."""

    status: int
    reason: str
    version: str
    headers: list[tuple[str, str]]
    body: bytes


Ask = Callable[[str, str, Mapping[str, Any], Body], Response]
# Opens a client with a transport, or with None for the socket.
Open = Callable[[Any], AbstractContextManager[Ask]]


class Carrier(NamedTuple):
    """A client, and the function of a server that returns its transport."""

    open: Open
    stand_in: Callable[[LiveServer], Any]


@contextmanager
def by_requests(adapter: Any) -> Iterator[Ask]:
    with requests.Session() as session:
        if adapter is not None:
            for scheme in ("http://", "https://"):
                session.mount(scheme, adapter)

        def ask(method: str, url: str, headers: Mapping[str, Any], body: Body) -> Response:
            response = session.request(method, url, headers=headers, data=body, timeout=300)
            found = list(response.raw.headers.items())
            version = f"HTTP/{response.raw.version / 10}"
            return Response(response.status_code, str(response.reason), version, found, response.content)

        yield ask


def seen_by_httpx(response: Any) -> Response:
    found = response.headers.multi_items()
    return Response(response.status_code, response.reason_phrase, response.http_version, found, response.content)


@contextmanager
def by_httpx(library: ModuleType, transport: Any) -> Iterator[Ask]:
    with library.Client(transport=transport, timeout=300, verify=False) as client:

        def ask(method: str, url: str, headers: Mapping[str, Any], body: Body) -> Response:
            return seen_by_httpx(client.request(method, url, headers=headers, content=body))

        yield ask


async def in_pieces(body: Iterable[bytes]) -> Any:
    for piece in body:
        yield piece


@contextmanager
def by_httpx_async(library: ModuleType, runtime: Runtime, transport: Any) -> Iterator[Ask]:
    with runtime() as run:
        client = library.AsyncClient(transport=transport, timeout=300, verify=False)

        async def ask(method: str, url: str, headers: Mapping[str, Any], body: Body) -> Response:
            content = body if body is None or isinstance(body, bytes) else in_pieces(body)
            return seen_by_httpx(await client.request(method, url, headers=headers, content=content))

        try:
            yield lambda *request: run(ask, *request)
        finally:
            run(client.aclose)


CARRIERS: Final = {
    "requests": Carrier(by_requests, LiveServer.adapter),
    "httpx": Carrier(partial(by_httpx, httpx), LiveServer.transport),
    "httpx on asyncio": Carrier(partial(by_httpx_async, httpx, asyncio_loop), LiveServer.transport),
    "httpx on trio": Carrier(partial(by_httpx_async, httpx, trio_loop), LiveServer.transport),
    "httpx2": Carrier(partial(by_httpx, httpx2), LiveServer.transport),
    "httpx2 on asyncio": Carrier(partial(by_httpx_async, httpx2, asyncio_loop), LiveServer.transport),
    "httpx2 on trio": Carrier(partial(by_httpx_async, httpx2, trio_loop), LiveServer.transport),
}

through_every_carrier = pytest.mark.parametrize("carrier", CARRIERS.values(), ids=CARRIERS.keys())


class End(NamedTuple):
    """One of two equal servers, its site, and a client that calls it at a URL."""

    server: LiveServer
    site: MockSite
    ask: Ask
    url: str

    def get(self, path: str = "/api/v1/users") -> Response:
        """Send a GET request with the site's key."""
        return self.ask("GET", f"{self.url}{path}", self.site.headers, None)

    def send(self, case: Case) -> Response:
        """Send the request of a case, by default with the site's key."""
        body = case.body() if callable(case.body) else case.body
        return self.ask(case.method, f"{self.url}{case.path}", {**self.site.headers, **case.headers}, body)


@contextmanager
def twins(carrier: Carrier, **options: Any) -> Iterator[tuple[End, End]]:
    """Run twin servers: the first is called over loopback, the second without a socket."""
    with ExitStack() as stack:
        ends = []
        for has_socket in (True, False):
            server = stack.enter_context(mockscope.serve(SEED, **options))
            ask = stack.enter_context(carrier.open(None if has_socket else carrier.stand_in(server)))
            ends.append(End(server, server.sites[HOST], ask, server.url))
        yield ends[0], ends[1]


def was_here(call: Call) -> bool:
    """Return whether a call was handled without a socket: in a thread that is not a server's."""
    return call.thread not in [thread.ident for thread in threading.enumerate() if thread.name == "mockscope"]


def shown(response: Response) -> Response:
    """Return a response without the ids of requests, which differ between servers."""
    headers = [(name.lower(), "..." if name.lower() == "x-request-id" else value) for name, value in response.headers]
    return response._replace(headers=headers)


def recorded(call: Call, server: LiveServer) -> dict[str, Any]:
    """Return a call without its id, time and port, which differ between servers."""
    place = server.url.removeprefix("http://")
    data = call.as_dict()
    for name in ("id", "time", "duration_ms"):
        del data[name]
    differing = (place, call.id)
    for headers in ("headers", "response_headers"):
        data[headers] = [[name, "..." if value in differing else value] for name, value in data[headers]]
    return data
