"""Clients without a socket: what they send is answered in this process, in the thread that sends it.

What is not plain goes to the server's port, and is there what it always was. No client is imported until it is used.
"""

import asyncio
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from functools import cache, cached_property, lru_cache
from http.client import responses
from io import BytesIO
from threading import Lock
from typing import Any, Final, NamedTuple, NoReturn
from urllib.parse import SplitResult, unquote, urlsplit

from starlette.types import ASGIApp, Message

from mockscope.bench import Bench
from mockscope.domain.refusals import Refused
from mockscope.instruments.lines import Pairs, pairs_of
from mockscope.stock import asks_once
from mockscope.web.breaking import BEFORE_FAULTS
from mockscope.web.head import HEAD, Head

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
# The vendor's paths, of characters that every client and every parser leaves as they are. Ours are the port's.
TARGET: Final = re.compile(rb"/api/[\w.~!$&'()*+,;=:@/%-]*(?:\?[\w.~!$&'()*+,;=:@/%?-]*)?", re.ASCII)
# Names and values in turn, a line each.
FIELDS: Final = re.compile(rb"(?:[a-z0-9_-]+\n(?:[!-~](?:[ -~]*[!-~])?)?(?:\n|\Z))+")
LONGEST_HEAD: Final = 16 * 1024
# Headers with a meaning for the connection.
OF_CONNECTIONS: Final = frozenset({b"expect", b"transfer-encoding", b"upgrade"})
# Whoever would wait for less, in seconds, means not to get an answer; and of more, a client may make an error.
SHORTEST_WAIT: Final = 0.01
LONGEST_WAIT: Final = 1_000_000
# uvicorn puts it in front of what the application says.
SERVER: Final = (b"server", b"mockscope")
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
NUMBERS: Final = frozenset({int, float})
# What urllib3 would spell otherwise.
ODD_PERCENT: Final = re.compile(r"%(?![0-9A-F]{2})")
# As urllib3 has them: without a body, these are sent without its length.
WITHOUT_BODY: Final = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})
# The value of a header that urllib3 is to leave out.
SKIPPED: Final = b"@@@SKIP_HEADER@@@"


class Answered(NamedTuple):
    """An answer: its status, its headers in their order with names in lower case, and its body."""

    status: int
    headers: Pairs
    body: bytes

    @property
    def reason(self) -> str:
        """The words of the status."""
        return responses.get(self.status, "")


# Method, target, headers as they would be on the wire with names in lower case, and body, to an answer. None: this is
# for a socket, and nothing has happened yet.
Shortcut = Callable[[str, bytes, Sequence[tuple[bytes, bytes]], bytes], Answered | None]


class InProcess:
    """Answers what is plain without a socket.

    Args:
        bench: the sites, with their planned faults.
        app: the application that answers for them.
        url: where they are reached otherwise.
        is_listening: whether they are.
    """

    def __init__(self, bench: Bench, app: ASGIApp, url: str, is_listening: Callable[[], bool]) -> None:
        self._bench = bench
        self._app = app
        self.url = url
        self.host = host_of(urlsplit(url))
        self._is_listening = is_listening
        self._process = os.getpid()

    def __call__(
        self, method: str, target: bytes, headers: Sequence[tuple[bytes, bytes]], body: bytes
    ) -> Answered | None:
        """Answer a request, or leave it to a socket."""
        scope = scope_of(method, target, tuple(headers), len(body))
        if scope is not None and self._is_calm(scope[HEAD]):
            return self._answered(scope, body)
        return None

    def _is_calm(self, head: Head) -> bool:
        """Whether the server runs, and neither a planned fault nor an observer wants the request in its own thread."""
        # In a process that was forked there is but a copy of the sites.
        if os.getpid() != self._process or not self._is_listening() or self._bench.observers:
            return False
        try:
            handle = self._bench.handle(self._bench.directory.authenticate(head.credentials()))
        except Refused:
            return True
        return handle is None or not handle.faults.are_planned

    def _answered(self, scope: Mapping[str, Any], body: bytes) -> Answered:
        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        said = Said()
        # With the body there and nothing to hold it back, the application never waits: one step is all.
        for _ in self._app(
            {**scope, "headers": list(scope["headers"]), BEFORE_FAULTS: True}, receive, said
        ).__await__():
            raise AssertionError("the application waits, and there is nothing to wait for")
        return Answered(said.status, [SERVER, *said.headers], said.body)


class Said:
    """The ASGI channel of one request: it keeps the answer."""

    __slots__ = ("body", "headers", "status")

    status: int
    headers: Pairs
    body: bytes

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], message["headers"]
        else:
            self.body = message["body"]

    def whole(self, status: int, lines: bytes, body: bytes) -> bool:
        """Keep an answer that comes in one piece."""
        self.status, self.headers, self.body = status, pairs_of(lines), body
        return True


# Clients ask in the same words again and again, and nothing but these words decides.
@lru_cache(maxsize=1024)
def scope_of(
    method: str, target: bytes, headers: tuple[tuple[bytes, bytes], ...], length: int
) -> Mapping[str, Any] | None:
    """The ASGI scope of a request with a body of this length; None where it is not plain."""
    if not is_plain(method, target, headers, length):
        return None
    raw_path, _, query = target.partition(b"?")
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(raw_path.decode()),
        "raw_path": raw_path,
        "query_string": query,
        "root_path": "",
        "headers": list(headers),
        "client": None,
        "server": None,
    }
    return {**scope, HEAD: Head(scope)}


def is_plain(method: str, target: bytes, headers: Sequence[tuple[bytes, bytes]], length: int) -> bool:
    """Whether a request is one that every client sends, and every parser reads, as it stands here."""
    named = dict(headers)
    lines = b"\n".join([part for pair in headers for part in pair])
    return (
        method in METHODS
        and TARGET.fullmatch(target) is not None
        # Clients send it first.
        and [name for name, _ in headers[:1]] == [b"host"]
        and len(named) == len(headers)
        and OF_CONNECTIONS.isdisjoint(named)
        and named.get(b"connection", b"keep-alive") == b"keep-alive"
        and named.get(b"content-length", b"0") == b"%d" % length
        and len(lines) + len(target) < LONGEST_HEAD
        and lines.count(b"\n") == 2 * len(headers) - 1
        and FIELDS.fullmatch(lines) is not None
    )


def is_patient(*waits: object) -> bool:
    """Whether a client that waits so many seconds for each step would see an answer that comes over a socket."""
    # No number is between others: it is none of these either.
    return all(not isinstance(wait, int | float) or SHORTEST_WAIT <= wait < LONGEST_WAIT for wait in waits)


# -- httpx, httpx2, httpcore, httpcore2 ------------------------------------------------------------------------

PACKAGES: Final = ("httpx", "httpx2", "httpcore", "httpcore2")


def home_of(kind: type) -> str:
    """The name of the package that a class is from."""
    return kind.__module__.partition(".")[0]


def package_of(request: object) -> Any:
    """The package that a request belongs to, be it of a class of somebody's own."""
    return next(sys.modules[home_of(kind)] for kind in type(request).__mro__ if home_of(kind) in PACKAGES)


def is_whole(stream: object) -> bool:
    """Whether a body is there as a whole. Others come in pieces, and may come only once."""
    kind = type(stream)
    return kind.__name__ == "ByteStream" and home_of(kind) in PACKAGES


def answer_of(shortcut: Shortcut, request: Any, method: str, target: bytes, headers: Pairs) -> Answered | None:
    """The answer to a request of one of these packages; None where it is for a socket."""
    options = request.extensions
    if not is_whole(request.stream) or not options.keys() <= {"timeout"}:
        return None
    if not is_patient(*options.get("timeout", {}).values()):
        return None
    return shortcut(method, target, [(name.lower(), value) for name, value in headers], b"".join(request.stream))


def extensions_of(answered: Answered) -> dict[str, bytes]:
    """What these packages say of an answer besides."""
    return {"http_version": b"HTTP/1.1", "reason_phrase": answered.reason.encode()}


def core_response(shortcut: Shortcut, request: Any) -> Any:
    """The response of httpcore or httpcore2 to a request of the same; None where it is for a socket."""
    answered = answer_of(shortcut, request, request.method.decode("latin-1"), request.url.target, request.headers)
    if answered is None:
        return None
    kind = package_of(request).Response
    return kind(answered.status, headers=answered.headers, content=answered.body, extensions=extensions_of(answered))


def client_response(shortcut: Shortcut, request: Any) -> Any:
    """The response of httpx or httpx2 to a request of the same; None where it is for a socket."""
    answered = answer_of(shortcut, request, request.method, request.url.raw_path, request.headers.raw)
    if answered is None:
        return None
    package = package_of(request)
    return package.Response(
        answered.status,
        headers=answered.headers,
        stream=package.ByteStream(answered.body),
        extensions=extensions_of(answered),
    )


async def give_way() -> None:
    """Let other tasks run, and be cancelled here if at all: as where one waits for a socket."""
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_task():
        await trio.lowlevel.checkpoint()
    else:
        await asyncio.sleep(0)


class Transport:
    """A transport for clients of httpx and httpx2, synchronous and not. As theirs do, it belongs to one client.

    Args:
        shortcut: what answers here.
    """

    def __init__(self, shortcut: InProcess) -> None:
        self._shortcut = shortcut
        self._lock = Lock()
        self._socket: Any = None

    def __repr__(self) -> str:
        return f"<Transport to {self._shortcut.url}>"

    def __enter__(self) -> "Transport":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    async def __aenter__(self) -> "Transport":
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def handle_request(self, request: Any) -> Any:
        """Answer a request, over a socket if need be."""
        response = self._answer(request)
        if response is not None:
            return response
        return self._over_socket(request, "HTTPTransport").handle_request(self._led(request))

    async def handle_async_request(self, request: Any) -> Any:
        """Answer a request, over a socket if need be."""
        await give_way()
        response = self._answer(request)
        if response is not None:
            return response
        return await self._over_socket(request, "AsyncHTTPTransport").handle_async_request(self._led(request))

    def close(self) -> None:
        """Close what connections there are."""
        transport, self._socket = self._socket, None
        if transport is not None:
            transport.close()

    async def aclose(self) -> None:
        """Close what connections there are."""
        transport, self._socket = self._socket, None
        if transport is not None:
            await transport.aclose()

    def _answer(self, request: Any) -> Any:
        return client_response(self._shortcut, request) if request.url.scheme in DEFAULT_PORTS else None

    def _over_socket(self, request: Any, kind: str) -> Any:
        with self._lock:
            if self._socket is None:
                # Nothing is read from the machine's certificates, which takes long: the port speaks plain HTTP.
                self._socket = getattr(package_of(request), kind)(verify=False, trust_env=False)
            return self._socket

    def _led(self, request: Any) -> Any:
        """The same request to where the server is, with the Host that the client gave it."""
        if request.url.scheme not in DEFAULT_PORTS:
            return request  # which the client's own transport complains of
        place = urlsplit(self._shortcut.url)
        return package_of(request).Request(
            request.method,
            request.url.copy_with(scheme=place.scheme, host=place.hostname, port=place.port),
            headers=request.headers,
            stream=request.stream,
            extensions=request.extensions,
        )


def transport_kind() -> Callable[[InProcess], Transport]:
    """The class of transports. They are also what httpx and httpx2 take for one, where these are imported."""
    clients = [sys.modules[name] for name in ("httpx", "httpx2") if name in sys.modules]
    return _transport_kind(*[base for client in clients for base in (client.BaseTransport, client.AsyncBaseTransport)])


@cache
def _transport_kind(*bases: type) -> Callable[[InProcess], Transport]:
    kind: type[Transport] = type("Transport", (Transport, *bases), {"__module__": Transport.__module__})
    return kind


# -- urllib3 and requests --------------------------------------------------------------------------------------


def texts_of(answered: Answered) -> dict[str, str]:
    """The headers of an answer as text. None of them comes twice."""
    return {name.decode(): value.decode("latin-1") for name, value in answered.headers}


class AnswerFile(BytesIO):
    """The body of an answer as urllib3 reads one, in place of http.client's answer."""

    def __init__(self, answered: Answered) -> None:
        super().__init__(answered.body)
        self._length = len(answered.body)
        self._was_read = False
        self.msg = sys.modules["urllib3.response"].HTTPHeaderDict(texts_of(answered))

    def read(self, size: int | None = -1) -> bytes:
        """Read on."""
        self._was_read = True
        return super().read(size)

    def read1(self, size: int | None = -1) -> bytes:
        """Read on."""
        return self.read(size)

    def isclosed(self) -> bool:
        """Whether it was read to its end: the connection is free again then. Of nothing that takes a look as well."""
        return self.closed or (self._was_read and self.tell() == self._length)


@lru_cache(maxsize=1024)
def sent_by_urllib3(
    method: str, host: str, headers: tuple[tuple[str, str], ...], length: int | None
) -> tuple[tuple[bytes, bytes], ...] | None:
    """The headers that urllib3 puts on the wire, with names in lower case. Those that it adds itself come first.

    None where one says that urllib3 is to add none.

    Args:
        method: of the request.
        host: what it names as its host.
        headers: that urllib3 is given.
        length: of the body in bytes; None where there is none.

    Raises:
        AttributeError, UnicodeEncodeError: not all of them are text.
    """
    given = tuple([(name.lower().encode(), value.encode()) for name, value in headers])
    named = dict(given)
    if SKIPPED in named.values():
        return None
    own = [(b"host", host.encode())]
    if b"accept-encoding" not in named:
        own.append((b"accept-encoding", b"identity"))
    if b"content-length" not in named and (length is not None or method not in WITHOUT_BODY):
        own.append((b"content-length", b"%d" % (length or 0)))
    if b"user-agent" not in named:
        own.append((b"user-agent", f"python-urllib3/{sys.modules['urllib3'].__version__}".encode()))
    return (*own, *given)


def answer_urllib3(
    shortcut: Shortcut, method: str, url: str, *, host: str, headers: Mapping[str, str], body: object
) -> Answered | None:
    """The answer to what urllib3 would send; None where it is for a socket."""
    content = body.encode() if isinstance(body, str) and body.isascii() else body
    if not (content is None or isinstance(content, bytes)) or not url.isascii() or ODD_PERCENT.search(url):
        return None
    try:
        # The mapping of requests looks up each header that is gone through in the plain way.
        pairs = tuple(getattr(headers, "lower_items", headers.items)())
        sent = sent_by_urllib3(method, host, pairs, None if content is None else len(content))
    except (AttributeError, TypeError, UnicodeEncodeError):
        # Not all of them are text.
        return None
    return None if sent is None else shortcut(method, url.encode(), sent, content or b"")


def urllib3_response(answered: Answered, method: str, url: str, *, is_pooled: bool = False, **options: Any) -> Any:
    """The response of urllib3.

    Args:
        answered: the answer.
        method: of the request.
        url: of the request.
        is_pooled: whether a pool waits for its connection.
        options: as urllib3 has them.
    """
    file = AnswerFile(answered)
    response = sys.modules["urllib3.response"].HTTPResponse(
        file,
        headers=file.msg,
        status=answered.status,
        version=11,
        reason=answered.reason,
        request_method=method,
        request_url=url,
        # It is asked whether it was read to its end.
        original_response=file if is_pooled else None,
        **options,
    )
    response.version_string = "HTTP/1.1"
    return response


def answer_for_requests(answered: Answered, request: Any, retries: object) -> Any:
    """The response of urllib3 as requests asks for it."""
    method, url = request.method, request.path_url
    return urllib3_response(answered, method, url, preload_content=False, decode_content=False, retries=retries)


class Told(NamedTuple):
    """What requests makes its response of."""

    status: int
    reason: str
    headers: Mapping[str, str]


class ReadResponse:
    """The response of urllib3 that a session of requests has read: made whole only for those who look at it again.

    Args:
        answered: the answer.
        request: of requests.
        retries: of the adapter.
    """

    # A session looks for the connection's own response, to find cookies in it.
    _original_response = None

    def __init__(self, answered: Answered, request: Any, retries: object) -> None:
        self._asked = answered, request, retries

    def __repr__(self) -> str:
        return f"<ReadResponse {self._asked[0].status}>"

    def __getattr__(self, name: str) -> Any:
        if name == "_asked":
            raise AttributeError(name)
        return getattr(self._whole, name)

    # Who looks behind a response asks what is there. Of any other object it may be written as well: hence the remark.
    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return sys.modules["urllib3.response"].HTTPResponse

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._whole)

    def __next__(self) -> bytes:
        piece: bytes = next(self._whole)
        return piece

    def __enter__(self) -> Any:
        return self._whole.__enter__()

    def __exit__(self, *exc_info: object) -> None:
        self._whole.__exit__(*exc_info)

    @cached_property
    def _whole(self) -> Any:
        response = answer_for_requests(*self._asked)
        response.drain_conn()
        response.close()
        return response


def shortcut_connection(base: Any, host: str, shortcut: Shortcut) -> Any:
    """A connection of urllib3 like another, which opens only for what is for a socket.

    Args:
        base: the class of the other.
        host: what its requests name as their host.
        shortcut: what answers here.
    """

    def request(connection: Any, method: str, url: str, body: Any = None, headers: Any = None, **options: Any) -> None:
        connection.found = None
        if not options.get("chunked") and is_patient(connection.timeout):
            connection.found = answer_urllib3(shortcut, method, url, host=host, headers=headers or {}, body=body)
        if connection.found is None:
            base.request(connection, method, url, body, headers, **options)
        else:
            connection.asked = method, url, {name: value for name, value in options.items() if name != "chunked"}

    def getresponse(connection: Any) -> Any:
        if connection.found is None:
            return base.getresponse(connection)
        answered, connection.found = connection.found, None
        method, url, options = connection.asked
        return urllib3_response(answered, method, url, is_pooled=True, **options)

    def is_connected(connection: Any) -> bool:
        """Whether it can be used again: one that was not opened was not dropped."""
        return connection.sock is None or base.is_connected.fget(connection)

    members = {"found": None, "request": request, "getresponse": getresponse, "is_connected": property(is_connected)}
    return type("ShortcutConnection", (base,), members)


def host_of(parts: SplitResult) -> str:
    """What a client of urllib3 says as Host for a URL."""
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    return host if parts.port in (None, DEFAULT_PORTS.get(parts.scheme)) else f"{host}:{parts.port}"


@cache
def adapter_kind() -> Callable[[InProcess], Any]:
    """The class of adapters for requests. It is made when it is asked for, since requests need not be there."""
    from requests import PreparedRequest, RequestException, Response
    from requests.adapters import HTTPAdapter
    from requests.structures import CaseInsensitiveDict

    class Adapter(HTTPAdapter):
        """An adapter for sessions of requests.

        Args:
            shortcut: what answers here.
        """

        def __init__(self, shortcut: InProcess) -> None:
            super().__init__()
            self._shortcut = shortcut

        def __repr__(self) -> str:
            return f"<Adapter to {self._shortcut.url}>"

        def __copy__(self) -> "Adapter":
            made = Adapter(self._shortcut)
            made.max_retries = self.max_retries
            return made

        def __deepcopy__(self, memo: object) -> "Adapter":
            return copy(self)

        def __reduce__(self) -> NoReturn:
            raise TypeError(f"an adapter to {self._shortcut.url} is for this process alone, and can't be pickled")

        def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
            """Answer a request, over a socket if need be. No proxy is asked."""
            host = self._host_of(str(request.url))
            found: Response | None = None
            if not args and asks_once(self.max_retries):
                found = requests_response(self, self._shortcut, request, host, **options)
            return self._over_socket(request, host, *args, **options) if found is None else found

        def _over_socket(self, request: PreparedRequest, host: str, *args: Any, **options: Any) -> Response:
            led = request.copy()
            led.url = f"{self._shortcut.url}{request.path_url}"
            if "Host" not in request.headers:
                led.headers = CaseInsensitiveDict({"Host": host, **request.headers})
            try:
                response = super().send(led, *args, **options | {"proxies": None})
            except RequestException as error:
                error.request = request
                raise
            response.request, response.url = request, str(request.url)
            return response

        def _host_of(self, url: str) -> str:
            is_ours = url.startswith(f"{self._shortcut.url}/")
            return self._shortcut.host if is_ours else host_of(urlsplit(url))

    return Adapter


def requests_response(
    adapter: Any, shortcut: Shortcut, request: Any, host: str, *, stream: bool = False, **options: object
) -> Any:
    """The response of an adapter of requests; None where it is for a socket.

    Args:
        adapter: what makes responses.
        shortcut: what answers here.
        request: that was prepared.
        host: what it names as its host.
        stream: whether the session leaves it to others to read the body.
        options: as the adapter has them.
    """
    answered = prepared_answer(shortcut, request, host, **options)
    if answered is None:
        return None
    if stream:
        return adapter.build_response(request, answer_for_requests(answered, request, adapter.max_retries))
    response = adapter.build_response(request, Told(answered.status, answered.reason, texts_of(answered)))
    # As it is when a session has read it, which takes longer than the answer.
    raw = ReadResponse(answered, request, adapter.max_retries)
    vars(response).update(raw=raw, _content=answered.body, _content_consumed=True)
    return response


def prepared_answer(
    shortcut: Shortcut, request: Any, host: str, *, timeout: object = None, cert: object = None, **options: object
) -> Answered | None:
    """The answer to a request of requests; None where it is for a socket."""
    waits = timeout if isinstance(timeout, tuple) and len(timeout) == 2 else (timeout, None)
    if not is_patient(*waits) or not all(wait is None or type(wait) in NUMBERS for wait in waits):
        return None
    # It makes pieces of a body without a length, and looks for the file of a certificate.
    if cert is not None or (request.body is not None and "Content-Length" not in request.headers):
        return None
    return answer_urllib3(
        shortcut, request.method, request.path_url, host=host, headers=request.headers, body=request.body
    )
