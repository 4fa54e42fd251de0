"""The HTTP client of the commands check, contract and pull, built on urllib3.

It sends one request at a time, limits the rate, waits while the server is rate-limiting, and limits the size and time
of each response. It does not follow redirects, because the key is for the named server only. The key is redacted in
everything that is shown.

urllib3's retries are off, because urllib3 reads the rest of a response before it sends a request again.
"""

import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.client import IncompleteRead, RemoteDisconnected
from json import dumps
from pathlib import Path
from threading import Timer
from typing import Any, Final, Self
from urllib.parse import SplitResult, quote, unquote, urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, InvalidChunkLength
from urllib3.util import make_headers, parse_url

from mockscope import __version__
from mockscope._support.text import escape_control
from mockscope._vendor import API_PATH, AUTH_HEADER, GROUPS_PATH
from mockscope.instruments.redaction import MIN_SEARCHED_CHARS
from mockscope.remote.exchange import Exchange, Headers, KeyRedactor

VISIBLE: Final = re.compile(r"[!-~]+")
# The end of a URL that was copied with a path of the API.
COPIED_PATH: Final = re.compile(rf"{API_PATH}(/users|/groups)?/*$")
MAX_RESPONSE_BYTES: Final = 32 * 1024 * 1024
# The maximum total size of all responses. A site with a million users takes a third of it.
MAX_TOTAL_BYTES: Final = 1024 * 1024 * 1024
# The first wait if a rate-limiting server sends no Retry-After. Each further wait is twice as long.
FIRST_WAIT_SECONDS: Final = 1.0
# The maximum total wait for one request.
MAX_WAIT_SECONDS: Final = 120.0
# Options of urllib3: send a request once, and leave the response as it is.
ONE_TRY: Final = dict.fromkeys(("retries", "redirect", "assert_same_host", "preload_content", "decode_content"), False)
# Minimum rate: one request a day.
MAX_INTERVAL_SECONDS: Final = 86_400.0


class Unreachable(OSError):
    """There was no complete response. The message has the reason."""


class RateLimited(Unreachable):
    """The server only asked to send the request later."""


def group_path(name: str) -> str:
    """Return the path of a group. Dots are escaped in the names "." and "..", which a proxy would resolve."""
    return f"{GROUPS_PATH}/{name.replace('.', '%2E') if set(name) == {'.'} else quote(name, safe='')}"


class SiteClient:
    """A client for one site of a server elsewhere. It is not thread-safe.

    It uses the proxy in the environment (``HTTPS_PROXY``, ``HTTP_PROXY``, ``NO_PROXY``).

    Args:
        url: The server's URL, http or https, without ``/api/v1``.
        host: The site's host, as in the auth header.
        api_key: The site's key.
        rate: The maximum number of requests a second. With None there is no limit.
        timeout: The maximum time for one response, in seconds.
        ca_file: Certificates to trust instead of the system's.
        sleep: A function that waits for a number of seconds.

    Raises:
        ValueError: If the URL is not valid, a header cannot contain the host or the key, or the certificates cannot be
            read.
    """

    def __init__(
        self,
        url: str,
        host: str,
        api_key: str,
        *,
        rate: float | None = None,
        timeout: float = 30.0,
        ca_file: Path | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        # Messages contain the URL and the host.
        if len(api_key) >= MIN_SEARCHED_CHARS and api_key in url:
            raise ValueError("the URL must not contain the key")
        if host.endswith(f":{api_key}"):
            raise ValueError("the host of the site must not contain the key: leave out the colon and what follows")
        if not VISIBLE.fullmatch(host):
            raise ValueError(f"the host must be visible ASCII without spaces, not {host!r}")
        if not VISIBLE.fullmatch(api_key) or ":" in api_key:
            raise ValueError("the key must be visible ASCII without spaces and colons")
        parts = parse_server_url(url)
        self.url = url.rstrip("/")
        self.host = host
        self.api_key = api_key
        self._interval = min(1 / rate, MAX_INTERVAL_SECONDS) if rate else 0.0
        self._next_turn = 0.0
        self._sleep = sleep
        self._timeout = timeout
        self._total_bytes = 0
        self._ca_file = ca_file
        self._redact = KeyRedactor(host, api_key)
        self._proxy = proxy_for(parts)
        context = tls_context(ca_file) if parts.scheme == "https" else None
        self._manager = pool_manager(self._proxy, context)
        self._pool = self._manager.connection_from_host(parts.hostname, parts.port, parts.scheme)
        connection = HTTPSConnection if context else HTTPConnection
        self._pool.ConnectionCls = _with_head_deadline(connection)
        # A proxy for plain HTTP needs the whole URL.
        self._base = self.url if self._proxy and not context else parts.path.rstrip("/")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._manager.clear()

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | str = "",
        json: object = None,
        body: bytes | None = None,
        headers: Headers = (),
        auth: bool = True,
    ) -> Exchange:
        """Send a request and return it with its response. While the server is rate-limiting, wait and send it again.

        Args:
            method: The HTTP method.
            path: The path below the URL, percent-encoded.
            query: The parameters, to be encoded. A string is sent unchanged.
            json: The body, to be encoded as JSON.
            body: The body, to be sent unchanged.
            headers: Additional headers, in this order. They replace default headers of the same name.
            auth: Whether to send the auth header of the site.

        Raises:
            Unreachable: If there was no complete response.
            ValueError: If a header or the path contains a character that is not allowed.
        """
        sent = [("User-Agent", f"mockscope/{__version__}")]
        if auth:
            sent.append((AUTH_HEADER, f"{self.host}:{self.api_key}"))
        if json is not None:
            body = dumps(json, ensure_ascii=False).encode()
            sent.append(("Content-Type", "application/json"))
        elif body is None and method in ("POST", "PUT"):
            body = b""
        named = {name.lower() for name, _ in headers}
        sent = [*((name, value) for name, value in sent if name.lower() not in named), *headers]
        encoded = query if isinstance(query, str) else urlencode(query, quote_via=quote)
        target = f"{path}?{encoded}" if encoded else path
        waited, wait = 0.0, FIRST_WAIT_SECONDS
        while True:
            self._wait_for_turn()
            exchange = self._exchange(method, target, sent, body)
            pause = exchange.retry_after or wait
            if not exchange.is_rate_limited or waited + pause > MAX_WAIT_SECONDS:
                return exchange
            self._sleep(pause)
            waited, wait = waited + pause, wait * 2

    def _wait_for_turn(self) -> None:
        now = time.monotonic()
        if self._interval and self._next_turn > now:
            self._sleep(self._next_turn - now)
        self._next_turn = max(self._next_turn, now) + self._interval

    def _exchange(self, method: str, target: str, headers: Headers, body: bytes | None) -> Exchange:
        redact = self._redact
        status, response_headers, content = self._send(method, target, headers, body)
        sent = method, redact(target), redact.headers(headers), redact.body(body or b"")
        curl = redact.curl(method, f"{self.url}{target}", headers, body, self._ca_file)
        return Exchange(*sent, status, redact.headers(response_headers), content, curl, redact)

    def _send(self, method: str, target: str, headers: Headers, body: bytes | None) -> tuple[int, Headers, bytes]:
        deadline = time.monotonic() + self._timeout
        try:
            response = self._pool.urlopen(
                method, f"{self._base}{target}", body, urllib3.HTTPHeaderDict(headers), timeout=self._timeout, **ONE_TRY
            )
            content = _read_body(response, deadline)
            self._total_bytes += len(content)
            if self._total_bytes > MAX_TOTAL_BYTES:
                raise Unreachable(f"the server sent more than {MAX_TOTAL_BYTES // 1024**2} MiB in total")
            return response.status, [*response.headers.items()], content
        except (HTTPError, OSError) as error:
            reason = describe_error(error) if time.monotonic() < deadline else ""
            way = f" (through the proxy {self._proxy.host}:{self._proxy.port})" if self._proxy else ""
            shown = escape_control(reason) or f"no response within {self._timeout:g} seconds"
            raise Unreachable(self._redact(f"{self.url}{way}: {shown}")) from None
        except ValueError:
            raise ValueError("headers and paths must be visible ASCII") from None


def _with_head_deadline(connection: type[HTTPConnection]) -> type[HTTPConnection]:
    """Return a connection class with a time-out for the whole response head. urllib3 has one for each read only."""

    class DeadlineConnection(connection):  # type: ignore[valid-type,misc]
        def getresponse(self) -> urllib3.HTTPResponse:
            timer = Timer(self.timeout, _shut_down, [self.sock])
            timer.daemon = True
            timer.start()
            try:
                return super().getresponse()  # type: ignore[no-any-return]
            finally:
                timer.cancel()

    return DeadlineConnection


def _shut_down(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _read_body(response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    """Read a response body to its end.

    Raises:
        Unreachable: If it is too long.
        TimeoutError: If the deadline passes.
    """
    content = bytearray()
    try:
        while True:
            chunk = response.read1(65_536)
            # A connection that was shut down at the deadline looks like an empty body.
            if time.monotonic() >= deadline:
                raise TimeoutError
            if not chunk:
                break
            content += chunk
            if len(content) > MAX_RESPONSE_BYTES:
                raise Unreachable(f"the response is longer than {MAX_RESPONSE_BYTES // 1024**2} MiB")
    except BaseException:
        # Also after Ctrl-C: the rest of this response must not be read as the next response.
        response.close()
        raise
    response.release_conn()
    return bytes(content)


def describe_error(error: BaseException) -> str:
    """Return the reason why there was no response, from the innermost error; empty for a time-out."""
    while isinstance(inner := error.args[-1] if error.args else None, BaseException) or (inner := error.__cause__):
        error = inner
    match error:
        case TimeoutError() | urllib3.exceptions.TimeoutError():
            return ""
        case ssl.SSLCertVerificationError():
            return f"certificate verification failed: {error.verify_message}; use --ca-file to trust other certificates"
        # OpenSSL uses this name for bytes that are not TLS.
        case ssl.SSLError(reason="WRONG_VERSION_NUMBER"):
            return "TLS failed: if the port is for plain HTTP, write http://"
        case ssl.SSLError():
            return f"TLS failed: {(error.reason or str(error)).lower().replace('_', ' ')}"
        case socket.gaierror():
            return f"the host name cannot be resolved: {error.strerror}"
        case ConnectionRefusedError():
            return "connection refused: no server listens there"
        case RemoteDisconnected() | ConnectionError():
            return "the connection was closed before the response"
        case IncompleteRead() | InvalidChunkLength():
            return "the response is incomplete"
        case OSError():
            return error.strerror or str(error)
    return "the response is not HTTP"


def parse_server_url(url: str) -> SplitResult:
    """Parse the URL of a server. Error messages omit the parts that may contain a secret.

    Raises:
        ValueError: If it is not an http or https URL, or has user info, a query, a fragment or a path of the API.
    """
    if "@" in url:
        raise ValueError("the URL must not contain a user name or a password")
    shown = re.split("[?#]", url)[0]
    wrong = f"{shown!r} is not the URL of a server: write it like https://example.com"
    try:
        parts = urlsplit(url)
        is_one = bool(parts.hostname and parts.hostname.encode("idna")) and parts.port != 0
    except ValueError:
        raise ValueError(wrong) from None
    if not is_one or parts.scheme not in ("http", "https") or not VISIBLE.fullmatch(url):
        raise ValueError(wrong)
    if shown != url:
        raise ValueError(f"the URL must not have a query or a fragment: write {shown!r}")
    if COPIED_PATH.search(parts.path):
        raise ValueError(f"{url!r} must end before {API_PATH}: write {COPIED_PATH.sub('', url)}")
    return parts


def proxy_for(parts: SplitResult) -> urllib3.util.Url | None:
    """Return the proxy that the environment names for a server.

    Raises:
        ValueError: If the proxy is not an http or https URL.
    """
    named = getproxies()
    proxy = named.get(parts.scheme) or named.get("all")
    if not proxy or proxy_bypass(parts.netloc):
        return None
    try:
        found = parse_url(proxy if "://" in proxy else f"http://{proxy}")
    except HTTPError:
        found = urllib3.util.Url()
    if found.scheme not in ("http", "https") or not found.host:
        raise ValueError(f"the proxy for {parts.scheme} in the environment must be an http:// or https:// URL")
    return found._replace(port=found.port or (80 if found.scheme == "http" else 443))


def pool_manager(
    proxy: urllib3.util.Url | None, context: ssl.SSLContext | None, *, maxsize: int = 1
) -> urllib3.PoolManager:
    """Return the sockets for a server: at most so many stay open."""
    options: dict[str, Any] = {"ssl_context": context, "maxsize": maxsize}
    if proxy is None:
        return urllib3.PoolManager(**options)
    headers = make_headers(proxy_basic_auth=unquote(proxy.auth)) if proxy.auth else None
    return urllib3.ProxyManager(f"{proxy.scheme}://{proxy.netloc}", proxy_headers=headers, **options)


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        reason = "the file has none" if isinstance(error, ssl.SSLError) else error.strerror or error
        raise ValueError(f"cannot read certificates from {ca_file}: {reason}") from None
