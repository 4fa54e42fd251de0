"""The functions of HTTP clients that a redirect patches, each with its hook. This module imports no client.

These names of other packages are patched or used, in the versions that the tests cover. Names in brackets are
documented, the others are not. A name that another version lacks is not patched. The requests of that client are then
refused.

- http.client of Python 3.11 to 3.13, for urllib too: `HTTPConnection.putrequest`, `connect`, `_tunnel`, `_tunnel_host`,
  `_tunnel_port`, `sock`.
- urllib3 2.0 to 2.8, for requests too: `connect` of its connections [`HTTPConnection.is_verified`].
- requests 2.32 to 2.34 [`HTTPAdapter.cert_verify`].
- httpcore 1.0, httpcore2 2.x, for httpx and httpx2: `create_connection` of pools and proxies
  [`ConnectionPool.handle_request`, `AsyncConnectionPool.handle_async_request`].
- aiohttp 3.11 to 3.14: `BaseConnector.connect`, `ClientRequest.update_proxy`, `url`, `server_hostname`.
- uvloop 0.20 to 0.23: [methods of `Loop` that take a host].
"""

import copy
import os
import socket
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from mockscope.intercept.routes import ACTIVE, DEFAULT_PORTS, Route, address_of, check_host, route_to

# The attribute of a connection of http.client for its socket to a mock server and the route.
ROUTE: Final = "__mockscope_route__"

Hook = Callable[..., Any]


# -- http.client, and with it urllib, urllib3 and requests -----------------------------------------------------


def connect_route(connection: Any, route: Route | None) -> None:
    """Connect a connection to the server of a route. With None, close it if it is connected to a mock server."""
    sock, current = vars(connection).get(ROUTE, (None, None))
    if connection.sock is not sock:
        current = None
    if current == route:
        return
    if connection.sock is not None:
        connection.sock.close()
        connection.sock = None
    if route is not None:
        try:
            sock = connection.sock = socket.create_connection((route.host, route.port), connection.timeout)
        except ConnectionError as error:
            raise type(error)(error.errno, f"{error.strerror} (mockscope redirects to {route.url})") from error
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        vars(connection).update({ROUTE: (sock, route), "putrequest": partial(put_next_request, connection)})
        if hasattr(connection, "is_verified"):
            # Otherwise urllib3 warns about a certificate that was not verified.
            connection.is_verified = True


def put_next_request(connection: Any, *args: Any, **options: Any) -> None:
    """Start a further request on a connection to a mock server. After the end of the redirect, close the old socket.

    The socket is not closed earlier, because a response may still be read from it.
    """
    type(connection).putrequest(connection, *args, **options)
    if ACTIVE.current is None:
        connect_route(connection, None)
        vars(connection).pop("putrequest", None)


def put_request(original: Hook, connection: Any, method: str, url: str, *args: Any, **options: Any) -> None:
    """Start a request, and connect to the mock server if its host is redirected."""
    # Only a request to a proxy has an absolute URL.
    is_absolute = url.lower().startswith(("http://", "https://"))
    route = route_to(*(address_of(url) if is_absolute else destination_of(connection)))
    if route is None or not is_absolute:
        original(connection, method, url, *args, **options)
    else:
        skipped = dict(zip(("skip_host", "skip_accept_encoding"), args, strict=False)) | options
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        original(connection, method, target, skip_host=True, skip_accept_encoding=True)
        # In the order of http.client.
        if not skipped.get("skip_host"):
            connection.putheader("Host", parts.netloc.rpartition("@")[2])
        if not skipped.get("skip_accept_encoding"):
            connection.putheader("Accept-Encoding", "identity")
    connect_route(connection, route)


def connect(original: Hook, connection: Any) -> None:
    """Open a connection. Some clients do so before the first request."""
    route = route_to(*destination_of(connection))
    if route is None:
        original(connection)
    else:
        connect_route(connection, route)


def verify_certificates(original: Hook, adapter: Any, pool: Any, url: str, verify: object, cert: object) -> None:
    """Configure a pool of requests for TLS. A missing default CA bundle is ignored for a redirected host.

    It is missing in a fake file system, for instance.
    """
    is_default = verify in (True, *map(os.environ.get, ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")))
    try:
        original(adapter, pool, url, verify, cert)
    except OSError:
        if not is_default or route_to(*address_of(url)) is None:
            raise


def destination_of(connection: Any) -> tuple[str, int]:
    """Return the host and port of a connection of http.client; with a tunnel through a proxy, those of the tunnel."""
    if getattr(connection, "_tunnel_host", None):
        return connection._tunnel_host, connection._tunnel_port
    return connection.host, connection.port


# -- httpcore and httpcore2, and with them httpx and httpx2 ----------------------------------------------------


def handle_request(original: Hook, pool: Any, request: Any) -> Any:
    """Send a request to the mock server. The pool keeps the connection under the address of the mock server."""
    url = request.url
    route = route_to(url.host, url.port or DEFAULT_PORTS.get(url.scheme.decode("latin-1")))
    if route is not None:
        scheme = "ws" if url.scheme.startswith(b"ws") else "http"
        redirected = type(url)(scheme=scheme, host=route.host, port=route.port, target=url.target)
        request = type(request)(
            request.method, redirected, headers=request.headers, content=request.stream, extensions=request.extensions
        )
    return original(pool, request)


def create_connection(module: str, name: str, original: Hook, pool: Any, origin: Any) -> Any:
    """Create a plain connection to the mock server, without a proxy."""
    address = origin.host.decode("latin-1"), origin.port
    if any((route.host, route.port) == address for route in ACTIVE.routes):
        return getattr(sys.modules[module], name)(origin)
    return original(pool, origin)


# -- aiohttp ---------------------------------------------------------------------------------------------------


def connect_aiohttp(original: Hook, connector: Any, request: Any, *args: Any, **options: Any) -> Any:
    """Get a connection to the mock server. The connector keeps it under the address of the mock server."""
    route = route_to(request.url.host, request.url.port)
    if route is None:
        return original(connector, request, *args, **options)
    # With a proxy, the request would have an absolute URL.
    request.update_proxy(None, None, None)
    redirected = copy.copy(request)
    redirected.url = type(request.url)(route.url)
    redirected.server_hostname = None
    return original(connector, redirected, *args, **options)


# -- refused connections ---------------------------------------------------------------------------------------


def check_argument(position: int, name: str = "") -> Hook:
    """Return a hook that checks the host or address in one argument of a call.

    Args:
        position: the position of the argument; negative positions count from the end.
        name: its name as a keyword argument.
    """

    def hook(original: Hook, *args: Any, **options: Any) -> Any:
        check_host(args[position] if -len(args) <= position < len(args) else options.get(name))
        return original(*args, **options)

    return hook


def open_tunnel(original: Hook, connection: Any) -> Any:
    """Open a tunnel through a proxy, unless its host is refused."""
    check_host(connection._tunnel_host)
    return original(connection)


# -- the table -------------------------------------------------------------------------------------------------


class PatchTarget(NamedTuple):
    """A function or method to patch: its module, its dotted name in the module, and its hook."""

    module: str
    name: str
    hook: Hook


def _httpcore_targets(module: str) -> Iterator[PatchTarget]:
    for prefix, method in (("", "handle_request"), ("Async", "handle_async_request")):
        yield PatchTarget(module, f"{prefix}ConnectionPool.{method}", handle_request)
        plain = partial(create_connection, module, f"{prefix}HTTPConnection")
        for pool in ("ConnectionPool", "HTTPProxy", "SOCKSProxy"):
            yield PatchTarget(module, f"{prefix}{pool}.create_connection", plain)


PATCH_TARGETS: Final = (
    PatchTarget("http.client", "HTTPConnection.putrequest", put_request),
    PatchTarget("http.client", "HTTPConnection.connect", connect),
    PatchTarget("http.client", "HTTPSConnection.connect", connect),
    PatchTarget("urllib3.connection", "HTTPConnection.connect", connect),
    PatchTarget("urllib3.connection", "HTTPSConnection.connect", connect),
    PatchTarget("requests.adapters", "HTTPAdapter.cert_verify", verify_certificates),
    *_httpcore_targets("httpcore"),
    *_httpcore_targets("httpcore2"),
    PatchTarget("aiohttp.connector", "BaseConnector.connect", connect_aiohttp),
    PatchTarget("http.client", "HTTPConnection._tunnel", open_tunnel),
    # Functions that look up a host name, connect to one, or start TLS with one.
    PatchTarget("socket", "getaddrinfo", check_argument(0, "host")),
    PatchTarget("socket", "socket.connect", check_argument(1)),
    PatchTarget("socket", "socket.connect_ex", check_argument(1)),
    PatchTarget("socket", "socket.sendto", check_argument(-1)),
    PatchTarget("socket", "socket.sendmsg", check_argument(4)),
    PatchTarget("uvloop", "Loop.create_connection", check_argument(2, "host")),
    PatchTarget("uvloop", "Loop.create_datagram_endpoint", check_argument(3, "remote_addr")),
    PatchTarget("uvloop", "Loop.getaddrinfo", check_argument(1, "host")),
    PatchTarget("uvloop", "Loop.sock_connect", check_argument(2, "address")),
    PatchTarget("ssl", "SSLContext.wrap_socket", check_argument(5, "server_hostname")),
    PatchTarget("ssl", "SSLContext.wrap_bio", check_argument(4, "server_hostname")),
)
PATCHED_MODULES: Final = frozenset(target.module for target in PATCH_TARGETS)
# Audit events of the interpreter, and the position of the host in their arguments. The event of a connection to a host
# name is raised after the look-up of the name, so the functions above are patched too.
AUDIT_EVENTS: Final = {
    **dict.fromkeys(("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"), 0),
    **dict.fromkeys(("socket.connect", "socket.sendto", "socket.sendmsg"), 1),
}
