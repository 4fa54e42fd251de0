"""Redirect requests for the vendor's hosts to a mock server, inside this process.

Each client is patched where it sends, and its connection to the mock is plain HTTP. Any other connection to one of the
hosts is refused before anything is sent. This module imports no client.

Names of other packages that are patched or used, with the versions that the tests cover. All but those in brackets are
undocumented. A name that another version lacks is not patched: the requests of that client are refused then.

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
import errno
import os
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache, lru_cache, partial, wraps
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from inspect import Signature, iscoroutinefunction, signature
from threading import Lock
from types import ModuleType
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from mockscope._vendor import VENDOR_HOSTS

DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}
PORTS: Final = frozenset(DEFAULT_PORTS.values())
# Marks an attribute that its owner inherits.
ABSENT: Final = object()
# The attribute of a replacement that holds its patch.
PATCH: Final = "__mockscope_patch__"
# The attribute of a connection of http.client that holds a socket to a mock server, and the route.
ROUTE: Final = "__mockscope_route__"

Hook = Callable[..., Any]


class VendorHostRefused(ConnectionError):
    """A connection to a vendor's host was refused, because the active redirect cannot redirect it.

    It is raised before anything is sent. It is an OSError, because clients handle an OSError of a look-up.

    Args:
        message: the refused connection, and the remedy.
    """

    def __init__(self, message: str) -> None:
        # Some clients show the text of an OSError only if it has a number too.
        super().__init__(errno.ECONNREFUSED, message)

    def __str__(self) -> str:
        return str(self.strerror)


class Route(NamedTuple):
    """The address of the server that receives the redirected requests."""

    url: str
    host: str
    port: int

    @classmethod
    def to(cls, url: str) -> "Route":
        """Parse the URL of a server.

        Raises:
            ValueError: If it is not the URL of a server that speaks plain HTTP.
        """
        host, port = address_of(url)
        if host is None or port is None or not url.lower().startswith("http://"):
            raise ValueError(f"mockscope can only redirect to a server that speaks plain HTTP, not to {url}")
        return cls(url, host, port)


# -- hosts and URLs --------------------------------------------------------------------------------------------


def vendor_host(host: object) -> str | None:
    """Return the vendor's host for a name in any spelling, or None for any other host."""
    if isinstance(host, bytes | bytearray):
        host = host.decode("latin-1")
    if not isinstance(host, str):
        return None
    if not host.isascii():
        try:
            # The interpreter does the same before a look-up.
            host = host.encode("idna").decode()
        except UnicodeError:
            return None
    name = host.lower().removesuffix(".")
    return name if name in VENDOR_HOSTS else None


def route_to(host: object, port: object) -> Route | None:
    """Return the active route for requests to this host and port, if there is one."""
    return REDIRECTS.current if port in PORTS and vendor_host(host) is not None else None


def address_of(url: str) -> tuple[str | None, int | None]:
    """Return the host and port of a URL, or None for both if it is not valid."""
    try:
        parts = urlsplit(url)
        return parts.hostname, parts.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None, None


# -- http.client, and with it urllib, urllib3 and requests -----------------------------------------------------


def set_route(connection: Any, route: Route | None) -> None:
    """Open a connection to the server of a route; without one, close it if it is open to a mock server."""
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
    """Begin a further request on a connection that was open to a mock server, maybe after the redirect.

    Until then a response may still be read from the old socket.
    """
    type(connection).putrequest(connection, *args, **options)
    if REDIRECTS.current is None:
        set_route(connection, None)
        vars(connection).pop("putrequest", None)


def put_request(original: Hook, connection: Any, method: str, url: str, *args: Any, **options: Any) -> None:
    """Begin a request. From here on, a connection opens by itself if it is not open."""
    # Only a proxy is asked for a URL with a host.
    is_absolute = url.lower().startswith(("http://", "https://"))
    route = route_to(*(address_of(url) if is_absolute else destination_of(connection)))
    if route is None or not is_absolute:
        original(connection, method, url, *args, **options)
    else:
        skipped = dict(zip(("skip_host", "skip_accept_encoding"), args, strict=False)) | options
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        original(connection, method, target, skip_host=True, skip_accept_encoding=True)
        # http.client writes them in this order.
        if not skipped.get("skip_host"):
            connection.putheader("Host", parts.netloc.rpartition("@")[2])
        if not skipped.get("skip_accept_encoding"):
            connection.putheader("Accept-Encoding", "identity")
    set_route(connection, route)


def connect(original: Hook, connection: Any) -> None:
    """Open a connection before there is a request."""
    route = route_to(*destination_of(connection))
    if route is None:
        original(connection)
    else:
        set_route(connection, route)


def verify_certificates(original: Hook, adapter: Any, pool: Any, url: str, verify: object, cert: object) -> None:
    """Prepare a pool of requests for TLS. The default bundle may be missing, e.g. in a fake file system."""
    is_default = verify in (True, *map(os.environ.get, ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")))
    try:
        original(adapter, pool, url, verify, cert)
    except OSError:
        if not is_default or route_to(*address_of(url)) is None:
            raise


def destination_of(connection: Any) -> tuple[str, int]:
    """Return the host and port of a connection of http.client; behind a proxy, those of the tunnel."""
    if getattr(connection, "_tunnel_host", None):
        return connection._tunnel_host, connection._tunnel_port
    return connection.host, connection.port


# -- httpcore and httpcore2, and with them httpx and httpx2 ----------------------------------------------------


def handle_request(original: Hook, pool: Any, request: Any) -> Any:
    """Ask a pool for the mock's address, so that it keeps its connections under that address."""
    url = request.url
    route = route_to(url.host, url.port or DEFAULT_PORTS.get(url.scheme.decode("latin-1")))
    if route is not None:
        scheme = "ws" if url.scheme.startswith(b"ws") else "http"
        led = type(url)(scheme=scheme, host=route.host, port=route.port, target=url.target)
        request = type(request)(
            request.method, led, headers=request.headers, content=request.stream, extensions=request.extensions
        )
    return original(pool, request)


def create_connection(module: str, name: str, original: Hook, pool: Any, origin: Any) -> Any:
    """Open a plain connection to the mock, without a proxy."""
    address = origin.host.decode("latin-1"), origin.port
    if any((route.host, route.port) == address for route in REDIRECTS.routes):
        return getattr(sys.modules[module], name)(origin)
    return original(pool, origin)


# -- aiohttp ---------------------------------------------------------------------------------------------------


def connect_aiohttp(original: Hook, connector: Any, request: Any, *args: Any, **options: Any) -> Any:
    """Ask a connector for the mock's address, so that it keeps its connections under that address."""
    route = route_to(request.url.host, request.url.port)
    if route is None:
        return original(connector, request, *args, **options)
    # With a proxy, the request would have an absolute URL.
    request.update_proxy(None, None, None)
    led = copy.copy(request)
    led.url = type(request.url)(route.url)
    led.server_hostname = None
    return original(connector, led, *args, **options)


# -- refused connections ---------------------------------------------------------------------------------------


def refuse(host: object) -> None:
    """Check a host, or an address that begins with a host, before a connection to it.

    Raises:
        VendorHostRefused: If it is a vendor's host and a redirect is active.
    """
    route = REDIRECTS.current
    name = vendor_host(host[0] if isinstance(host, tuple) and host else host)
    if route is None or name is None:
        return
    raise VendorHostRefused(
        f"mockscope refused a connection to {name}: a redirect to {route.url} is active, and this is not a way that it "
        "can lead. Nothing was sent. Use requests, urllib3, urllib, http.client, httpx, httpx2 or aiohttp on port 80 "
        f"or 443, or use {route.url} (server.url) instead of the vendor's URL."
    )


def argument(position: int, name: str = "") -> Hook:
    """Return a hook that checks one argument of a call: a host or an address."""

    def hook(original: Hook, *args: Any, **options: Any) -> Any:
        refuse(args[position] if -len(args) <= position < len(args) else options.get(name))
        return original(*args, **options)

    return hook


def open_tunnel(original: Hook, connection: Any) -> Any:
    """Check the host of a tunnel through a proxy."""
    refuse(connection._tunnel_host)
    return original(connection)


# -- the table -------------------------------------------------------------------------------------------------


class Row(NamedTuple):
    """A function or method to patch, as a module and a dotted name, with its hook."""

    module: str
    name: str
    hook: Hook


def core_rows(module: str) -> Iterator[Row]:
    for prefix, method in (("", "handle_request"), ("Async", "handle_async_request")):
        yield Row(module, f"{prefix}ConnectionPool.{method}", handle_request)
        plain = partial(create_connection, module, f"{prefix}HTTPConnection")
        for pool in ("ConnectionPool", "HTTPProxy", "SOCKSProxy"):
            yield Row(module, f"{prefix}{pool}.create_connection", plain)


ROWS: Final = (
    Row("http.client", "HTTPConnection.putrequest", put_request),
    Row("http.client", "HTTPConnection.connect", connect),
    Row("http.client", "HTTPSConnection.connect", connect),
    Row("urllib3.connection", "HTTPConnection.connect", connect),
    Row("urllib3.connection", "HTTPSConnection.connect", connect),
    Row("requests.adapters", "HTTPAdapter.cert_verify", verify_certificates),
    *core_rows("httpcore"),
    *core_rows("httpcore2"),
    Row("aiohttp.connector", "BaseConnector.connect", connect_aiohttp),
    Row("http.client", "HTTPConnection._tunnel", open_tunnel),
    # Functions that look up a name, connect by name, or start TLS with one.
    Row("socket", "getaddrinfo", argument(0, "host")),
    Row("socket", "socket.connect", argument(1)),
    Row("socket", "socket.connect_ex", argument(1)),
    Row("socket", "socket.sendto", argument(-1)),
    Row("socket", "socket.sendmsg", argument(4)),
    Row("uvloop", "Loop.create_connection", argument(2, "host")),
    Row("uvloop", "Loop.create_datagram_endpoint", argument(3, "remote_addr")),
    Row("uvloop", "Loop.getaddrinfo", argument(1, "host")),
    Row("uvloop", "Loop.sock_connect", argument(2, "address")),
    Row("ssl", "SSLContext.wrap_socket", argument(5, "server_hostname")),
    Row("ssl", "SSLContext.wrap_bio", argument(4, "server_hostname")),
)
MODULES: Final = frozenset(row.module for row in ROWS)
# Audit events of the interpreter, and the position of the host in their arguments. The event of a connection by name
# comes after the look-up of the name, so the rows above are needed too.
EVENTS: Final = {
    **dict.fromkeys(("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"), 0),
    **dict.fromkeys(("socket.connect", "socket.sendto", "socket.sendmsg"), 1),
}


class Patch:
    """An attribute that is replaced by a hook around its value.

    Args:
        owner: the module or class.
        name: the attribute.
        hook: called with the original function and the arguments of the call.
    """

    def __init__(self, owner: Any, name: str, hook: Hook) -> None:
        before = vars(owner).get(name, ABSENT)
        # Another tool may have saved our replacement during an earlier redirect, and restored it after its end.
        while (patch := getattr(before, PATCH, None)) is not None and patch.replacement is before:
            before = patch.before
        self.before = before
        self.replacement = self._replacement(getattr(owner, name) if before is ABSENT else before, hook)
        self._owner, self._name = owner, name
        setattr(owner, name, self.replacement)

    def undo(self) -> None:
        """Restore the original value, unless another tool has patched the attribute since."""
        if vars(self._owner).get(self._name) is not self.replacement:
            return
        if self.before is ABSENT:
            delattr(self._owner, self._name)
        else:
            setattr(self._owner, self._name, self.before)

    def _replacement(self, original: Any, hook: Hook) -> Hook:
        """Return a function of the same kind and signature as the original: other patching tools inspect both."""

        def call(*args: Any, **options: Any) -> Any:
            if REDIRECTS.current is None:
                self.undo()
            return hook(original, *args, **options)

        async def call_async(*args: Any, **options: Any) -> Any:
            return await call(*args, **options)

        replacement = wraps(original)(call_async if iscoroutinefunction(original) else call)
        vars(replacement)[PATCH] = self
        known = signature_of(original)
        if known is not None:
            vars(replacement)["__signature__"] = known
        return replacement


@lru_cache(maxsize=128)
def signature_of(function: Hook) -> Signature | None:
    """Return the signature of a function, or None. Cached: it takes longer than the rest of a patch."""
    try:
        return signature(function)
    except (TypeError, ValueError):
        return None


def class_in(module: ModuleType, name: str) -> Any:
    """Return the class that a module defines, even if another tool has replaced it in the module."""
    found = getattr(module, name, None)
    if getattr(found, "__module__", module.__name__) == module.__name__:
        return found
    return defined_class(module.__name__, name) or found


@cache
def defined_class(module: str, name: str) -> type | None:
    kinds: list[type] = [object]
    # The list grows during the iteration.
    for kind in kinds:
        if (kind.__module__, kind.__qualname__) == (module, name):
            return kind
        kinds += type.__subclasses__(kind)
    return None


# -- clients that are imported later ---------------------------------------------------------------------------


class ImportWatcher(MetaPathFinder):
    """A finder that patches modules of the table when they are imported during a redirect."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in MODULES:
            return None
        finders = sys.meta_path
        for finder in finders[finders.index(self) + 1 :] if self in finders else finders:
            spec = finder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                patch_after(spec.loader)
                return spec
        return None


def patch_after(loader: Any) -> None:
    """Have a loader patch the module that it executes next."""
    execute = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        vars(loader).pop("exec_module", None)
        execute(module)
        REDIRECTS.patch_late(module)

    loader.exec_module = exec_module


# -- redirects -------------------------------------------------------------------------------------------------


class Redirects:
    """The active redirects of this process, the latest last, and the patches that serve them."""

    def __init__(self) -> None:
        self._lock = Lock()
        # Replaced as a whole, so that hooks read it without the lock.
        self.routes: tuple[Route, ...] = ()
        self._patches: list[Patch] = []
        self._watcher = ImportWatcher()
        self._finders: list[Any] = []
        self._is_audited = False

    @property
    def current(self) -> Route | None:
        """The latest route that is still active."""
        routes = self.routes
        return routes[-1] if routes else None

    def open(self, route: Route) -> None:
        """Start a redirect. The first one applies the patches."""
        with self._lock:
            if not self.routes:
                self._patch()
            self.routes = (*self.routes, route)

    def close(self, route: Route) -> None:
        """End a redirect. The last one removes the patches."""
        with self._lock:
            self.routes = tuple(other for other in self.routes if other is not route)
            if not self.routes:
                self._unpatch()

    def patch_late(self, module: ModuleType) -> None:
        """Patch a module that was imported just now."""
        with self._lock:
            if self._patches:
                self._patch_module(module.__name__, module)

    def _patch(self) -> None:
        if not self._is_audited:
            # An audit hook can't be removed. While no redirect is active, it does nothing.
            sys.addaudithook(self._audit)
            self._is_audited = True
        # A new list, because imports in other threads iterate over the old one. Tools like pyfakefs insert a finder at
        # the front and later remove the first one, so ours comes behind all of those.
        finders = self._finders = sys.meta_path
        place = finders.index(PathFinder) if PathFinder in finders else len(finders)
        sys.meta_path = [*finders[:place], self._watcher, *finders[place:]]
        for name in sorted(MODULES & sys.modules.keys()):
            self._patch_module(name, sys.modules[name])

    def _patch_module(self, name: str, module: ModuleType) -> None:
        for row in ROWS:
            if row.module == name:
                kind, _, attribute = row.name.rpartition(".")
                owner = class_in(module, kind) if kind else module
                if hasattr(owner, attribute):
                    self._patches.append(Patch(owner, attribute, row.hook))

    def _unpatch(self) -> None:
        # In reverse order, because a class with two names is patched twice.
        while self._patches:
            self._patches.pop().undo()
        finders = [finder for finder in sys.meta_path if finder is not self._watcher]
        sys.meta_path = self._finders if finders == self._finders else finders

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if self.routes and event in EVENTS:
            refuse(args[EVENTS[event]])


REDIRECTS: Final = Redirects()


def redirected(url: str) -> AbstractContextManager[None]:
    """Redirect requests of this process for the vendor's hosts to a mock server, for a ``with`` block.

    Args:
        url: the URL of a server that speaks plain HTTP.

    Raises:
        ValueError: If it is not such a URL.
    """
    Route.to(url)  # raises here, and not only at the start of the block
    return _active(url)


@contextmanager
def _active(url: str) -> Iterator[None]:
    # Created for each block: as a decorator, one redirect may be active several times at once.
    route = Route.to(url)
    REDIRECTS.open(route)
    try:
        yield
    finally:
        REDIRECTS.close(route)
