"""A server elsewhere that claims to be this API, asked politely: one connection, its own pace, never a key in clear."""

import re
import selectors
import ssl
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from enum import Enum
from functools import partial
from http.client import (
    HTTPConnection,
    HTTPException,
    HTTPResponse,
    HTTPSConnection,
    IncompleteRead,
    InvalidURL,
    RemoteDisconnected,
)
from io import BufferedReader, RawIOBase
from json import dumps, loads
from pathlib import Path
from shlex import quote as shell_quote
from socket import gaierror, socket
from typing import Any, Final, Self
from urllib.parse import SplitResult, quote, unquote, urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

from mockscope import __version__
from mockscope._support.text import printable
from mockscope.instruments.veil import SHORTEST_SOUGHT, Veil, last_four

AUTH: Final = "Http-X-Partner-Auth"
USER_AGENT: Final = f"mockscope/{__version__}"
VISIBLE: Final = re.compile(r"[!-~]+")
# The end of a URL that was copied together with what the API adds to it.
TOO_MUCH: Final = re.compile(r"/api/v1(/users|/groups)?/*$")
# How long to wait where a server asks for less haste and does not say how much less; doubled each time.
FIRST_WAIT: Final = 1.0
# Whoever asks for less than a request a day gets that.
LONGEST_DISTANCE: Final = 86_400.0
# As much of a body as is shown.
SHOWN: Final = 2000
# Stands for the key in what becomes a curl line; no header, URL or body that is pasted into a shell can hold it.
KEY_HERE: Final = "\0"
KEY_VARIABLE: Final = '"$MOCKSCOPE_API_KEY"'
PROXY_PORT: Final = 80
# The ways in which a connection ends before there is an answer.
CLOSED: Final = (RemoteDisconnected, ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)


class Absent(Enum):
    """What an argument is that was not given, where None means something."""

    TOKEN = 0


ABSENT: Final = Absent.TOKEN


class Unreachable(OSError):
    """There was no answer: nothing listens, nothing came in time, TLS failed, or what came is not HTTP."""


class TooFast(Unreachable):
    """There was no answer but that it should be asked for later."""


def _as_it_is(text: str) -> str:
    return text


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer.

    The key is in no part of it but ``answer``, ``text`` and ``json``: they are as they came, and a server may echo it.
    """

    method: str
    # With the query, below the target's URL.
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None
    status: int
    answer_headers: tuple[tuple[str, str], ...]
    answer: bytes
    # From the request to the last byte of its answer, without what was waited before.
    seconds: float
    _curl: str = field(default="", repr=False, compare=False)
    _shown: Callable[[str], str] = field(default=_as_it_is, repr=False, compare=False)

    def __repr__(self) -> str:
        return f"<Exchange {self.method} {self.path}: {self.status}>"

    def __str__(self) -> str:
        return "\n".join(self._lines())

    @property
    def text(self) -> str:
        """The answer's body as text; what is not UTF-8 in it is replaced."""
        return self.answer.decode("utf-8", "replace")

    @property
    def json(self) -> Any:
        """The answer's body, parsed.

        Raises:
            ValueError: it is not JSON.
        """
        try:
            return loads(self.answer)
        except RecursionError:
            raise ValueError("nested too deeply") from None

    @property
    def asks_for_less_haste(self) -> bool:
        """Whether the server wants to be asked later, and says nothing else."""
        return self.status == 429 or (self.status == 503 and self.header("Retry-After") is not None)

    def header(self, name: str) -> str | None:
        """The value of the answer's first header of that name, whatever its case."""
        return next((value for own, value in self.answer_headers if own.lower() == name.lower()), None)

    def curl(self) -> str:
        """The request as a line for a shell in which MOCKSCOPE_API_KEY holds the key."""
        return self._curl

    def _lines(self) -> Iterator[str]:
        yield f"> {self.method} {self.path}"
        yield from (f"> {name}: {printable(value)}" for name, value in self.headers)
        yield from self._body_lines(">", self.body or b"")
        yield f"< {self.status}"
        yield from (f"< {printable(name)}: {printable(value)}" for name, value in self.answer_headers)
        yield from self._body_lines("<", self.answer)

    def _body_lines(self, sign: str, body: bytes) -> Iterator[str]:
        # Cut last: half a key is no longer known for one.
        text = self._shown(body.decode("utf-8", "replace"))
        shown = text[:SHOWN]
        # A terminal obeys what it is shown.
        yield from (f"{sign} {printable(line.expandtabs(4))}" for line in shown.splitlines())
        if len(text) > SHOWN:
            yield f"{sign} ... and {len(text) - SHOWN} characters more"


class Pace:
    """Requests at even distances. Not for several threads at once.

    Args:
        rate: how many a second at most; None is no limit, and less than one a day is one a day.
        sleep: how to wait.
    """

    def __init__(self, rate: float | None, sleep: Callable[[float], None] = time.sleep) -> None:
        self._distance = min(1 / rate, LONGEST_DISTANCE) if rate else 0.0
        self._sleep = sleep
        self._next = 0.0

    def __repr__(self) -> str:
        return f"<Pace {self._distance:g} s>"

    def wait(self) -> None:
        """Wait for the turn of the next request."""
        if not self._distance:
            return
        now = time.monotonic()
        if self._next > now:
            self._sleep(self._next - now)
        self._next = max(self._next, now) + self._distance


class Target:
    """A server that claims to be this API, asked politely. Not for several threads at once.

    A proxy that the environment names (``HTTPS_PROXY``, ``HTTP_PROXY``, ``NO_PROXY``) is used. Redirects are not
    followed: the key is for this server alone.

    Args:
        url: where the server is, http or https; what precedes ``/api/v1`` in its paths may be part of it.
        host: the host of the site, as in the auth header.
        api_key: its key.
        rate: how many requests a second at most; None is no limit, and less than one a day is one a day.
        timeout: how many seconds one answer may take.
        patience: how many seconds a request may spend waiting, in sum, because the server asked for less haste.
        sleep: how to wait.
        ca_file: the certificates to believe instead of the system's.

    Raises:
        ValueError: the URL is none, or host or key can't stand in a header, or the certificates can't be read.
    """

    def __init__(
        self,
        url: str,
        host: str,
        api_key: str,
        *,
        rate: float | None = None,
        timeout: float = 30.0,
        patience: float = 120.0,
        sleep: Callable[[float], None] = time.sleep,
        ca_file: Path | None = None,
    ) -> None:
        # URL and host are shown, whatever comes of it.
        if len(api_key) >= SHORTEST_SOUGHT and api_key in url:
            raise ValueError("the URL must not hold the key")
        self._parts = _parsed(url)
        self.url = url.rstrip("/")
        if host.endswith(f":{api_key}"):
            raise ValueError("the host of the site is what comes before the colon and the key")
        if not VISIBLE.fullmatch(host):
            raise ValueError(f"the host {host!r} can't stand in a header: use visible ASCII without blanks")
        if not VISIBLE.fullmatch(api_key) or ":" in api_key:
            raise ValueError("the key can't stand in a header: use visible ASCII without blank or colon")
        self.host = host
        self._timeout = timeout
        self._patience = patience
        self._sleep = sleep
        # Whoever else sends requests there may take turns with this.
        self.pace = Pace(rate, sleep)
        self._key = api_key
        self._veil = Veil()
        self._veil.learn(api_key)
        self._ca_file = ca_file
        self._proxy = _proxy_for(self._parts)
        self._context = _context(ca_file) if self._parts.scheme == "https" else None
        self._connection = self._made()

    def __repr__(self) -> str:
        return f"<Target {self.url}, site {self.host}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection. The next request would open another."""
        self._connection.close()
        # http.client would say what is left of a request that was not sent with the next one.
        self._connection = self._made()

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | str = "",
        json: object = ABSENT,
        body: bytes | None = None,
        headers: Sequence[tuple[str, str]] = (),
        auth: str | Absent | None = ABSENT,
    ) -> Exchange:
        """Ask, and wait for the answer; where it is 429, or 503 with ``Retry-After``, ask again later.

        Args:
            method: the method.
            path: the path below the URL, sent as it is.
            query: parameters to encode; a text is sent as it is.
            json: what to send as JSON.
            body: what to send otherwise.
            headers: more headers, in this order; a name may be there twice, and what would be sent anyway is replaced.
            auth: the auth header; None sends none, and without the argument it is the site's own.

        Raises:
            Unreachable: there was no answer.
            ValueError: this can't be sent.
        """
        if json is not ABSENT:
            body = dumps(json, ensure_ascii=False).encode()
        encoded = query if isinstance(query, str) else urlencode(query, quote_via=quote)
        path = f"{path}?{encoded}" if encoded else path
        fields = self._fields(method, body, headers, auth, is_json=json is not ABSENT)
        waited, wait = 0.0, FIRST_WAIT
        while True:
            exchange = self._ask_once(method, path, fields, body)
            pause = _asked_to_wait(exchange, wait)
            if pause is None or waited + pause > self._patience:
                return exchange
            self._sleep(pause)
            waited, wait = waited + pause, wait * 2

    # -- what is said ------------------------------------------------------------------------------------------

    def _fields(
        self,
        method: str,
        body: bytes | None,
        headers: Sequence[tuple[str, str]],
        auth: str | Absent | None,
        *,
        is_json: bool,
    ) -> list[tuple[str, str]]:
        value = f"{self.host}:{self._key}" if auth is ABSENT else auth
        own = [("User-Agent", USER_AGENT)]
        if value is not None:
            own.append((AUTH, value))
        if is_json:
            own.append(("Content-Type", "application/json"))
        named = {name.lower() for name, _ in headers}
        if "transfer-encoding" not in named and (body is not None or method in ("POST", "PUT")):
            own.append(("Content-Length", str(len(body or b""))))
        return [*((name, value) for name, value in own if name.lower() not in named), *headers]

    def _ask_once(self, method: str, path: str, fields: list[tuple[str, str]], body: bytes | None) -> Exchange:
        self.pace.wait()
        start = time.monotonic()
        status, answer_headers, answer = self._answered(method, path, fields, body)
        return Exchange(
            method,
            self._shown(path),
            tuple((name, self._header(name, value)) for name, value in fields),
            None if body is None else self._shown_bytes(body),
            status,
            tuple((name, self._header(name, value)) for name, value in answer_headers),
            answer,
            time.monotonic() - start,
            self._curl(method, path, fields, body),
            self._shown,
        )

    # -- how it is said ----------------------------------------------------------------------------------------

    def _made(self) -> HTTPConnection:
        context = self._context
        host, port = self._parts.hostname or "", self._parts.port
        if self._proxy is None:
            if context is None:
                return HTTPConnection(host, port, timeout=self._timeout)
            return HTTPSConnection(host, port, timeout=self._timeout, context=context)
        there, at = self._proxy.hostname or "", self._proxy.port or PROXY_PORT
        if context is None:
            return HTTPConnection(there, at, timeout=self._timeout)
        connection = HTTPSConnection(there, at, timeout=self._timeout, context=context)
        connection.set_tunnel(host, port, dict(_proxy_fields(self._proxy)))
        return connection

    def _answered(
        self, method: str, path: str, fields: list[tuple[str, str]], body: bytes | None
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        try:
            return self._said_again(method, path, fields, body)
        except BaseException as error:
            # Ctrl-C too: what is left of this answer must not be taken for the next.
            self.close()
            # A certificate that is not believed is a ValueError too.
            if isinstance(error, InvalidURL | ValueError) and not isinstance(error, OSError):
                raise ValueError("this path or header can't be sent: use visible ASCII") from None
            if isinstance(error, OSError | HTTPException):
                raise Unreachable(self._shown(f"{self.url}{self._way()}: {self._reason(error)}")) from None
            raise

    def _said_again(
        self, method: str, path: str, fields: list[tuple[str, str]], body: bytes | None
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Say it, and on a fresh connection once more where a kept one turns out to be closed."""
        is_kept = self._is_kept()
        try:
            return self._said(method, path, fields, body)
        except CLOSED:
            self.close()
            # What only reads may be asked twice.
            if not (is_kept and method == "GET"):
                raise
        return self._said(method, path, fields, body)

    def _said(
        self, method: str, path: str, fields: list[tuple[str, str]], body: bytes | None
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = self._connection
        connection.response_class = partial(_Answer, _Deadline(self._timeout))  # type: ignore[assignment]
        is_relayed = self._proxy is not None and self._parts.scheme == "http"
        base = self.url if is_relayed else self._parts.path.rstrip("/")
        names_host = any(name.lower() == "host" for name, _ in fields)
        connection.putrequest(method, f"{base}{path}", skip_host=names_host)
        for name, value in (*fields, *(_proxy_fields(self._proxy) if is_relayed and self._proxy else ())):
            connection.putheader(name, value)
        try:
            connection.endheaders(body)
        except (BrokenPipeError, ConnectionResetError):
            # A server that will not have so large a body may have answered already.
            if not body or connection.sock is None:
                raise
        with connection.getresponse() as response:
            try:
                return response.status, response.getheaders(), response.read()
            except ConnectionError:
                raise IncompleteRead(b"") from None

    def _is_kept(self) -> bool:
        """Whether there is a connection from before; one that has something to say unasked has been closed."""
        sock = self._connection.sock
        if sock is None:
            return False
        with selectors.DefaultSelector() as selector:
            selector.register(sock, selectors.EVENT_READ)
            if selector.select(0):
                self.close()
        return self._connection.sock is not None

    def _way(self) -> str:
        proxy = self._proxy
        return "" if proxy is None else f" (through the proxy {proxy.hostname}:{proxy.port or PROXY_PORT})"

    def _reason(self, error: Exception) -> str:
        match error:
            case TimeoutError():
                return f"no answer within {self._timeout:g} seconds"
            case ssl.SSLCertVerificationError():
                return f"its certificate is not believed: {error.verify_message}"
            case ssl.SSLError():
                return f"TLS failed: {(error.reason or str(error)).lower().replace('_', ' ')}"
            case gaierror():
                return f"the name can't be resolved: {error.strerror}"
            case ConnectionRefusedError():
                return "nothing listens there"
            case RemoteDisconnected() | ConnectionError():
                return "the connection was closed before there was an answer"
            case IncompleteRead():
                return "the answer was cut off"
            case OSError():
                return error.strerror or str(error)
            case _:
                return "the answer is not HTTP"

    # -- how it is shown ---------------------------------------------------------------------------------------

    def _shown(self, text: str) -> str:
        # A short key may be any word, and is only known beside its host.
        return self._veil(text.replace(f"{self.host}:{self._key}", f"{self.host}:{last_four(self._key)}"))

    def _header(self, name: str, value: str) -> str:
        return self._shown(self._veil.header(name.lower().removeprefix("set-"), value))

    def _shown_bytes(self, body: bytes) -> bytes:
        return self._shown(body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    def _curl(self, method: str, path: str, fields: list[tuple[str, str]], body: bytes | None) -> str:
        words = ["curl", "-i"]
        if method == "HEAD":
            words.append("-I")
        elif method != "GET" or body is not None:
            words += ["-X", method]
        if self._ca_file is not None:
            words += ["--cacert", shell_quote(str(self._ca_file))]
        # curl would make something of these.
        if set("[]{}") & set(path):
            words.append("-g")
        if "/." in path:
            words.append("--path-as-is")
        for name, value in fields:
            if name == "User-Agent" or (name == "Content-Length" and body is not None):
                continue
            # A header without a value would be taken for one to leave out.
            words += ["-H", self._for_shell(f"{name}: {value}" if value.strip() else f"{name};")]
        piped = ""
        if body is not None:
            if not any(name.lower() == "content-type" for name, _ in fields):
                words += ["-H", "'Content-Type:'"]
            piped, data = self._data(body)
            words += data
        words.append(self._for_shell(f"{self.url}{path}"))
        return piped + " ".join(words)

    def _data(self, body: bytes) -> tuple[str, list[str]]:
        """What goes before curl, and its options, so that it sends a body."""
        try:
            text = body.decode()
        except UnicodeDecodeError:
            text = KEY_HERE
        if KEY_HERE not in text:
            return "", ["--data-raw", self._for_shell(text)]
        escaped = "".join(f"\\{byte:03o}" for byte in self._shown_bytes(body))
        return f"printf '{escaped}' | ", ["--data-binary", "@-"]

    def _for_shell(self, text: str) -> str:
        pair = f"{self.host}:{self._key}"
        marked = text.replace(pair, f"{self.host}:{KEY_HERE}")
        if len(self._key) >= SHORTEST_SOUGHT:
            marked = marked.replace(self._key, KEY_HERE)
        return KEY_VARIABLE.join(shell_quote(part) if part else "" for part in self._veil(marked).split(KEY_HERE))


class _Deadline:
    """A moment by which an answer must be there."""

    def __init__(self, seconds: float) -> None:
        self._latest = time.monotonic() + seconds

    def left(self) -> float:
        """How many seconds are left.

        Raises:
            TimeoutError: none.
        """
        left = self._latest - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class _Reader(RawIOBase):
    """Reads a connection until a deadline, whatever dribbles in before: a timeout of its own has each single read."""

    def __init__(self, sock: socket, deadline: _Deadline) -> None:
        self._sock = sock
        # http.client closes a connection that is not to be kept before its answer is read. It stays open for this.
        self._file = sock.makefile("rb", buffering=0)
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._deadline.left())
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()


class _Source:
    """What http.client asks for the file of a connection."""

    def __init__(self, sock: socket, deadline: _Deadline) -> None:
        self._reader = _Reader(sock, deadline)

    def makefile(self, mode: str) -> BufferedReader:
        return BufferedReader(self._reader)


class _Answer(HTTPResponse):
    """An answer that must be there, whole, by a deadline."""

    def __init__(self, deadline: _Deadline, sock: socket, *args: Any, **options: Any) -> None:
        super().__init__(_Source(sock, deadline), *args, **options)  # type: ignore[arg-type]


def _asked_to_wait(exchange: Exchange, default: float) -> float | None:
    """How many seconds a server wants to be left alone; None: it does not ask for that."""
    if not exchange.asks_for_less_haste:
        return None
    said = exchange.header("Retry-After")
    seconds = 0.0 if said is None else _seconds(said.strip())
    # Nothing, or no time at all, would be a loop without a pause.
    return seconds if seconds > 0 else default


def _seconds(said: str) -> float:
    if said.isascii() and said.isdecimal():
        return float(said)
    try:
        return parsedate_to_datetime(said).timestamp() - time.time()
    except (ValueError, OverflowError):
        return 0.0


def _parsed(url: str) -> SplitResult:
    wrong = f"{url!r} is no URL of a server: write it like https://example.com"
    if not VISIBLE.fullmatch(url):
        raise ValueError(wrong)
    try:
        parts = urlsplit(url)
        port = parts.port
        (parts.hostname or "").encode("idna")
    except ValueError:
        raise ValueError(wrong) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ValueError(wrong)
    if "@" in parts.netloc:
        raise ValueError("the URL must not hold a name or a password")
    if "?" in url or "#" in url:
        raise ValueError(f"{url!r} must end with a path: leave out what follows")
    if TOO_MUCH.search(parts.path):
        raise ValueError(f"{url!r} must end before /api/v1: write {TOO_MUCH.sub('', url)}")
    return parts


def _proxy_for(parts: SplitResult) -> SplitResult | None:
    """The proxy that the environment names for a server."""
    named = getproxies()
    proxy = named.get(parts.scheme) or named.get("all")
    if not proxy or proxy_bypass(parts.netloc):
        return None
    found = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    try:
        found.port  # noqa: B018 - it is looked at here to be sure that there is none that can't be one
    except ValueError:
        found = SplitResult("", "", "", "", "")
    if found.scheme != "http" or not found.hostname:
        raise ValueError(f"the proxy that the environment names for {parts.scheme} must be an http:// URL")
    return found


def _proxy_fields(proxy: SplitResult) -> list[tuple[str, str]]:
    if not proxy.username:
        return []
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return [("Proxy-Authorization", f"Basic {b64encode(pair.encode()).decode()}")]


def _context(ca_file: Path | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        reason = "there are none" if isinstance(error, ssl.SSLError) else error.strerror or error
        raise ValueError(f"can't read certificates from {ca_file}: {reason}") from None
    context.set_alpn_protocols(["http/1.1"])
    return context
