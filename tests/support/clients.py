"""The clients that a redirect patches, each as one session that a test may use several times."""

import asyncio
import http.client
import ssl
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import aiohttp
import httpx
import httpx2
import pytest
import requests
import urllib3
import uvloop

from support.bounds import WAIT_SECONDS
from support.event_loops import Runtime, asyncio_loop, trio_loop

# Read once, as it takes longer than all the rest of a request.
ROOTS: Final = ssl.create_default_context()


class Response(NamedTuple):
    """A response."""

    status: int
    body: bytes


class Trust(NamedTuple):
    """The authority that a client trusts: its file, and a context that has loaded the file."""

    file: Path
    context: ssl.SSLContext


class Options(NamedTuple):
    """The settings of a client.

    Args:
        trust: whom it believes; None leaves it with the roots that it brings along.
        proxy: the proxy that it is given by hand; None leaves it with what the environment says.
    """

    trust: Trust | None = None
    proxy: str | None = None


Ask = Callable[[str, str, Mapping[str, str], bytes | None], Response]
Open = Callable[[Options], AbstractContextManager[Ask]]


# -- synchronous -----------------------------------------------------------------------------------------------


@contextmanager
def by_requests(options: Options) -> Iterator[Ask]:
    with requests.Session() as session:
        if options.proxy:
            session.proxies = {"http": options.proxy, "https": options.proxy}
        verify = str(options.trust.file) if options.trust else None

        def ask(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
            response = session.request(
                method, url, headers=dict(headers), data=body, timeout=WAIT_SECONDS, verify=verify
            )
            return Response(response.status_code, response.content)

        yield ask


def pool_manager(options: Options) -> urllib3.PoolManager:
    ca_file = str(options.trust.file) if options.trust else None
    if options.proxy:
        return urllib3.ProxyManager(options.proxy, ca_certs=ca_file, timeout=WAIT_SECONDS, retries=False)
    return urllib3.PoolManager(ca_certs=ca_file, timeout=WAIT_SECONDS, retries=False)


@contextmanager
def by_urllib3(options: Options) -> Iterator[Ask]:
    with pool_manager(options) as pools:

        def ask(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
            response = pools.request(method, url, headers=headers, body=body)
            return Response(response.status, response.data)

        yield ask


@contextmanager
def by_one_pool(options: Options) -> Iterator[Ask]:
    """Send requests through one pool with a path, as botocore and other SDKs on urllib3 do."""
    with pool_manager(options) as pools:

        def ask(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
            parts = urlsplit(url)
            is_forwarded = options.proxy and parts.scheme == "http"
            target = url if is_forwarded else f"{parts.path}?{parts.query}" if parts.query else parts.path
            response = pools.connection_from_url(url).urlopen(
                method=method,
                url=target,
                body=body,
                headers=dict(headers),
                retries=urllib3.Retry(total=False),
                assert_same_host=False,
                preload_content=False,
                decode_content=False,
            )
            return Response(response.status, response.read())

        yield ask


@contextmanager
def by_urllib(options: Options) -> Iterator[Ask]:
    handlers: list[urllib.request.BaseHandler] = []
    if options.trust:
        handlers.append(urllib.request.HTTPSHandler(context=options.trust.context))
    if options.proxy:
        handlers.append(urllib.request.ProxyHandler({"http": options.proxy, "https": options.proxy}))
    opener = urllib.request.build_opener(*handlers)

    def ask(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        request = urllib.request.Request(url, method=method, headers=dict(headers), data=body)
        try:
            with opener.open(request, timeout=WAIT_SECONDS) as response:
                return Response(response.status, response.read())
        except urllib.error.HTTPError as refusal:
            with refusal:
                return Response(refusal.code, refusal.read())

    yield ask


@contextmanager
def by_http_client(options: Options) -> Iterator[Ask]:
    kept: dict[tuple[str, str], http.client.HTTPConnection] = {}

    def connection_to(scheme: str, netloc: str) -> http.client.HTTPConnection:
        near = urlsplit(options.proxy).netloc if options.proxy else netloc
        if scheme == "http":
            return http.client.HTTPConnection(near, timeout=WAIT_SECONDS)
        context = options.trust.context if options.trust else None
        connection = http.client.HTTPSConnection(near, timeout=WAIT_SECONDS, context=context)
        if options.proxy:
            connection.set_tunnel(netloc)
        return connection

    def ask(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        parts = urlsplit(url)
        key = (parts.scheme, parts.netloc)
        if key not in kept:
            kept[key] = connection_to(*key)
        is_forwarded = options.proxy and parts.scheme == "http"
        target = url if is_forwarded else f"{parts.path}?{parts.query}" if parts.query else parts.path
        kept[key].request(method, target, headers=dict(headers), body=body)
        response = kept[key].getresponse()
        return Response(response.status, response.read())

    try:
        yield ask
    finally:
        for connection in kept.values():
            connection.close()


@contextmanager
def by_httpx(library: ModuleType, options: Options) -> Iterator[Ask]:
    verify = options.trust.context if options.trust else ROOTS
    with library.Client(timeout=WAIT_SECONDS, verify=verify, proxy=options.proxy) as client:

        def ask(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
            response = client.request(method, url, headers=headers, content=body)
            return Response(response.status_code, response.content)

        yield ask


# -- asynchronous ----------------------------------------------------------------------------------------------


@contextmanager
def by_httpx_async(library: ModuleType, runtime: Runtime, options: Options) -> Iterator[Ask]:
    verify = options.trust.context if options.trust else ROOTS
    with runtime() as run:
        client = library.AsyncClient(timeout=WAIT_SECONDS, verify=verify, proxy=options.proxy)

        async def ask(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
            response = await client.request(method, url, headers=headers, content=body)
            return Response(response.status_code, response.content)

        try:
            yield lambda *request: run(ask, *request)
        finally:
            run(client.aclose)


@contextmanager
def by_aiohttp(runtime: Runtime, options: Options) -> Iterator[Ask]:
    context: ssl.SSLContext | bool = options.trust.context if options.trust else True

    async def session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(trust_env=True, timeout=aiohttp.ClientTimeout(WAIT_SECONDS))

    with runtime() as run:
        client: aiohttp.ClientSession = run(session)

        async def ask(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
            async with client.request(
                method, url, headers=headers, data=body, ssl=context, proxy=options.proxy
            ) as response:
                return Response(response.status, await response.read())

        try:
            yield lambda *request: run(ask, *request)
        finally:
            close: Callable[[], Awaitable[None]] = client.close
            run(close)


ON_ASYNCIO: Final[Runtime] = partial(asyncio_loop, asyncio.SelectorEventLoop)
ON_UVLOOP: Final[Runtime] = partial(asyncio_loop, uvloop.new_event_loop)


class Client(NamedTuple):
    """A client, and the exception that it raises for a reset connection."""

    open: Open
    reset: type[Exception]


CLIENTS: Final = {
    "requests": Client(by_requests, requests.ConnectionError),
    "urllib3": Client(by_urllib3, urllib3.exceptions.ProtocolError),
    "one pool of urllib3": Client(by_one_pool, urllib3.exceptions.ProtocolError),
    "urllib": Client(by_urllib, ConnectionResetError),
    "http.client": Client(by_http_client, ConnectionResetError),
    "httpx": Client(partial(by_httpx, httpx), httpx.ReadError),
    "httpx on asyncio": Client(partial(by_httpx_async, httpx, ON_ASYNCIO), httpx.ReadError),
    "httpx on uvloop": Client(partial(by_httpx_async, httpx, ON_UVLOOP), httpx.ReadError),
    "httpx on trio": Client(partial(by_httpx_async, httpx, trio_loop), httpx.ReadError),
    "httpx2": Client(partial(by_httpx, httpx2), httpx2.ReadError),
    "httpx2 on asyncio": Client(partial(by_httpx_async, httpx2, ON_ASYNCIO), httpx2.ReadError),
    "httpx2 on uvloop": Client(partial(by_httpx_async, httpx2, ON_UVLOOP), httpx2.ReadError),
    "httpx2 on trio": Client(partial(by_httpx_async, httpx2, trio_loop), httpx2.ReadError),
    "aiohttp on asyncio": Client(partial(by_aiohttp, ON_ASYNCIO), aiohttp.ClientOSError),
    "aiohttp on uvloop": Client(partial(by_aiohttp, ON_UVLOOP), aiohttp.ClientOSError),
}

through_every_client = pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS.keys())
