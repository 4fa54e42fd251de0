"""Transports for httpx and httpx2, and an adapter for requests, that call the application without a socket.

The application runs in the thread of the client. A request whose response might differ from the response over a
connection is sent to the server's port instead. Clients are imported on first use.
"""

import asyncio
import os
import re
import sys
from collections.abc import Callable, Sequence
from functools import cache
from http.client import responses
from importlib import import_module
from io import BytesIO
from threading import Lock
from typing import Any, Final, NamedTuple, NoReturn, cast
from urllib.parse import unquote, urlsplit

from starlette.types import ASGIApp, Message

from mockscope._vendor import AUTH_HEADER_BYTES
from mockscope.domain.refusals import Refused
from mockscope.sites.registry import SiteRegistry
from mockscope.web.fault_injection import BEFORE_FAULTS

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
# The vendor's paths, with characters that no client and no parser changes.
TARGET: Final = re.compile(rb"/api/(?:[\w.~!$&'()*+,;=:@/?-]|%[0-9A-F]{2})*", re.ASCII)
FIELDS: Final = re.compile(rb"(?:[a-z0-9_-]+:(?:[!-~](?:[ -~]*[!-~])?)?\n)+")
MAX_HEAD_BYTES: Final = 16 * 1024
# Headers that affect the connection.
CONNECTION_HEADERS: Final = frozenset({b"expect", b"transfer-encoding", b"upgrade"})
# The headers that urllib3 adds to a request without them.
ADDED_BY_URLLIB3: Final = ("Accept-Encoding", "User-Agent")

Headers = Sequence[tuple[bytes, bytes]]


class AppResponse(NamedTuple):
    """A response of the application, with the names of its headers in lower case."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class InProcess:
    """Calls the application of a server without a socket.

    Args:
        registry: the sites of the server.
        app: the application.
        url: the URL of the server.
        is_listening: returns whether the server is running.
    """

    def __init__(self, registry: SiteRegistry, app: ASGIApp, url: str, is_listening: Callable[[], bool]) -> None:
        self._registry = registry
        self._app = app
        self.url = url
        self._is_listening = is_listening
        self._process = os.getpid()

    def __call__(self, method: str, target: bytes, headers: Headers, body: bytes) -> AppResponse | None:
        """Call the application.

        Args:
            method: the method.
            target: the path and query, as the client would send them.
            headers: the headers, as the client would send them, with names in lower case.
            body: the whole body.

        Returns:
            The response, or None if the request must be sent to the server's port. The application was not called then.
        """
        if not is_plain(method, target, headers, len(body)):
            return None
        path, _, query = target.partition(b"?")
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(path.decode()),
            "raw_path": path,
            "query_string": query,
            "headers": list(headers),
            BEFORE_FAULTS: True,
        }
        credentials = dict(headers).get(AUTH_HEADER_BYTES, b"")
        return self._respond(scope, body) if self._can_answer_at_once(credentials) else None

    def _can_answer_at_once(self, credentials: bytes) -> bool:
        """Return whether no planned fault and no observer requires the server's thread."""
        # A forked process has only a copy of the sites.
        if os.getpid() != self._process or not self._is_listening() or self._registry.observers:
            return False
        try:
            site = self._registry.handle(self._registry.directory.authenticate(credentials.decode()))
        except Refused:
            return True
        return site is None or not site.faults.are_planned

    def _respond(self, scope: dict[str, Any], body: bytes) -> AppResponse:
        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        for _ in self._app(scope, receive, send).__await__():
            raise AssertionError("the application waits, although no planned fault delays it")
        start, *parts = sent
        return AppResponse(start["status"], start["headers"], b"".join([part["body"] for part in parts]))


def is_plain(method: str, target: bytes, headers: Headers, length: int) -> bool:
    """Return whether all clients would send, and all parsers parse, a request in the same way."""
    by_name = dict(headers)
    lines = b"".join([b"%b:%b\n" % header for header in headers])
    return (
        method in METHODS
        and TARGET.fullmatch(target) is not None
        and b"host" in by_name
        and len(by_name) == len(headers)
        and CONNECTION_HEADERS.isdisjoint(by_name)
        and by_name.get(b"connection", b"keep-alive") == b"keep-alive"
        and by_name.get(b"content-length", b"0") == b"%d" % length
        and len(target) + len(lines) < MAX_HEAD_BYTES
        and lines.count(b"\n") == len(headers)
        and FIELDS.fullmatch(lines) is not None
    )


# -- httpx and httpx2 ------------------------------------------------------------------------------------------


def package_of(request: object) -> Any:
    """Return the package of a request: httpx or httpx2. The class of the request may be a subclass elsewhere."""
    names = [kind.__module__.partition(".")[0] for kind in type(request).__mro__]
    return next(sys.modules[name] for name in names if name in ("httpx", "httpx2"))


async def checkpoint() -> None:
    """Yield to other tasks and to cancellation, as a client that waits for a socket does."""
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_task():
        await trio.lowlevel.checkpoint()
    else:
        await asyncio.sleep(0)


class Transport:
    """A transport for one client of httpx or httpx2, sync or async.

    Args:
        server: the server to call.
    """

    def __init__(self, server: InProcess) -> None:
        self._server = server
        self._lock = Lock()
        self._over_socket: Any = None

    def __repr__(self) -> str:
        return f"<Transport to {self._server.url}>"

    def handle_request(self, request: Any) -> Any:
        """Return the response to a request."""
        if (response := self._respond(request)) is not None:
            return response
        return self._transport(request, "HTTPTransport").handle_request(self._to_port(request))

    async def handle_async_request(self, request: Any) -> Any:
        """Return the response to a request."""
        await checkpoint()
        if (response := self._respond(request)) is not None:
            return response
        return await self._transport(request, "AsyncHTTPTransport").handle_async_request(self._to_port(request))

    def close(self) -> None:
        """Close the connections to the server's port."""
        if self._over_socket is not None:
            self._over_socket.close()

    async def aclose(self) -> None:
        """Close the connections to the server's port."""
        if self._over_socket is not None:
            await self._over_socket.aclose()

    def _respond(self, request: Any) -> Any:
        package = package_of(request)
        # Other extensions than a timeout, such as trace, need a connection.
        if (
            request.url.scheme not in ("http", "https")
            or not isinstance(request.stream, package.ByteStream)
            or not request.extensions.keys() <= {"timeout"}
        ):
            return None
        headers = [(name.lower(), value) for name, value in request.headers.raw]
        # h11 writes the Host header first.
        headers.sort(key=lambda header: header[0] != b"host")
        response = self._server(request.method, request.url.raw_path, headers, request.read())
        if response is None:
            return None
        extensions = {"http_version": b"HTTP/1.1", "reason_phrase": responses.get(response.status, "").encode()}
        stream = package.ByteStream(response.body)
        return package.Response(response.status, headers=response.headers, stream=stream, extensions=extensions)

    def _transport(self, request: Any, kind: str) -> Any:
        with self._lock:
            if self._over_socket is None:
                # The port is plain HTTP. Without verify, no certificates are loaded.
                self._over_socket = getattr(package_of(request), kind)(verify=False, trust_env=False)
            return self._over_socket

    def _to_port(self, request: Any) -> Any:
        """Return a copy of a request for the server's port, with the same Host header."""
        if request.url.scheme not in ("http", "https"):
            return request  # the client's own transport raises the error
        parts = urlsplit(self._server.url)
        return package_of(request).Request(
            request.method,
            request.url.copy_with(scheme=parts.scheme, host=parts.hostname, port=parts.port),
            headers=request.headers,
            stream=request.stream,
            extensions=request.extensions,
        )


def new_transport(server: InProcess) -> Transport:
    """Return a transport that is an instance of the transport base classes of all imported clients."""
    names = [name for name in ("httpx", "httpx2") if name in sys.modules] or ["httpx"]
    bases = [base for each in map(import_module, names) for base in (each.BaseTransport, each.AsyncBaseTransport)]
    kind: type[Transport] = type("Transport", (Transport, *bases), {"__module__": Transport.__module__})
    return kind(server)


# -- requests --------------------------------------------------------------------------------------------------


def new_adapter(server: InProcess) -> Any:
    """Return an adapter for a session of requests.

    Raises:
        ImportError: If requests is not installed.
    """
    return adapter_class()(server)


@cache
def adapter_class() -> Callable[[InProcess], Any]:
    from requests import PreparedRequest, RequestException
    from requests import Response as RequestsResponse
    from requests.adapters import HTTPAdapter
    from requests.structures import CaseInsensitiveDict
    from urllib3 import HTTPHeaderDict, HTTPResponse

    class Adapter(HTTPAdapter):
        """An adapter for one session of requests.

        Args:
            server: the server to call.
        """

        def __init__(self, server: InProcess) -> None:
            super().__init__()
            self._server = server

        def __repr__(self) -> str:
            return f"<Adapter to {self._server.url}>"

        def __deepcopy__(self, memo: object) -> "Adapter":
            copied = Adapter(self._server)
            copied.max_retries = self.max_retries
            return copied

        def __reduce__(self) -> NoReturn:
            raise TypeError(f"{self} belongs to the process of its mockscope server, and can't be pickled")

        def send(self, request: PreparedRequest, *args: Any, **options: Any) -> RequestsResponse:
            """Return the response to a request. Proxies are ignored."""
            parts = urlsplit(str(request.url))
            host = parts.netloc.rpartition("@")[2].lower().removesuffix(":443" if parts.scheme == "https" else ":80")
            sent = self._respond(request, host)
            if sent is None:
                return self._send_to_port(request, host, *args, **options)
            raw = HTTPResponse(
                BytesIO(sent.body),
                headers=HTTPHeaderDict([(name.decode(), value.decode("latin-1")) for name, value in sent.headers]),
                status=sent.status,
                version=11,
                reason=responses.get(sent.status, ""),
                request_method=request.method,
                request_url=request.path_url,
                preload_content=False,
                decode_content=False,
                retries=self.max_retries,
            )
            response = self.build_response(request, raw)
            if not (args or options.get("stream")):
                # Reading the body in the usual way takes longer than the call.
                raw.close()
                vars(response).update(_content=sent.body, _content_consumed=True)
            return response

        def _respond(self, request: PreparedRequest, host: str) -> AppResponse | None:
            headers, body, retries = request.headers, request.body or b"", cast(Any, self.max_retries)
            if retries.total or retries.status_forcelist or not isinstance(body, str | bytes):
                return None
            if not all(name in headers for name in ADDED_BY_URLLIB3):
                return None
            try:
                sent = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
            except AttributeError:
                # A name or value is bytes.
                return None
            if "Host" not in headers:
                sent.insert(0, (b"host", host.encode()))
            content = body.encode() if isinstance(body, str) else body
            return self._server(str(request.method), request.path_url.encode(), sent, content)

        def _send_to_port(self, request: PreparedRequest, host: str, *args: Any, **options: Any) -> RequestsResponse:
            redirected = request.copy()
            redirected.url = f"{self._server.url}{request.path_url}"
            if "Host" not in request.headers:
                redirected.headers = CaseInsensitiveDict({"Host": host, **request.headers})
            try:
                response = super().send(redirected, *args, **options | {"proxies": None})
            except RequestException as error:
                error.request = request
                raise
            response.request, response.url = request, str(request.url)
            return response

    return Adapter
