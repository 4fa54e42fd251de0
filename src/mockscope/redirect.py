"""The vendor's hostnames, led to a mockscope from inside this process: clients are turned round where they send.

What can't be led is refused before it leaves. No client is imported here, and no answer is made up here.
"""

import copy
import errno
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache, partial, wraps
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from inspect import Signature, iscoroutinefunction, signature
from threading import Lock
from types import ModuleType
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from mockscope.stock import (
    are_stock_connections,
    are_stock_pools,
    is_file_or_switch,
    is_stock_adapter,
    is_stock_core,
    is_stock_function,
)
from mockscope.tls import VENDOR_HOSTS
from mockscope.transports import (
    Shortcut,
    client_response,
    core_response,
    give_way,
    home_of,
    is_patient,
    package_of,
    requests_response,
    shortcut_connection,
)

DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}
PORTS: Final = frozenset(DEFAULT_PORTS.values())
# Clients, and what their transports stand on.
CORES: Final = {"httpx": "httpcore", "httpx2": "httpcore2"}
# What has no attribute of its own there, but inherits one.
ABSENT: Final = object()

Hook = Callable[..., Any]


class VendorHostRefused(ConnectionError):
    """Inside a redirect, a vendor's host was about to be reached by a way that can't be led to the mock.

    It was stopped before anything left. It is an OSError, since look-ups and clients clean up after those.

    Args:
        message: what was stopped, and what leads to the mock instead.
    """

    def __init__(self, message: str) -> None:
        # Some clients show an OSError's text only where it has a number too.
        super().__init__(errno.ECONNREFUSED, message)

    def __str__(self) -> str:
        return str(self.strerror)


class Route:
    """Where the vendor's hosts lead while a redirect is active, and the connections that were led there.

    Args:
        url: the URL of a mockscope that speaks plain HTTP.
        shortcut: what answers without a connection where it can; None: all goes there.

    Raises:
        ValueError: it is not such a URL.
    """

    def __init__(self, url: str, shortcut: Shortcut | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"a redirect needs a server that speaks plain HTTP, and this is {url}")
        self.url = url
        self.shortcut = shortcut
        self.host = parts.hostname
        self.port = parts.port or DEFAULT_PORTS["http"]
        self._lock = Lock()
        self._pools: WeakKeyDictionary[Any, dict[tuple[str, bool, type], Any]] = WeakKeyDictionary()
        self._sockets: WeakKeyDictionary[Any, socket.socket] = WeakKeyDictionary()

    def pool_for(self, pool: Any, host: str, *, connects: bool) -> Any:
        """The pool of urllib3 that stands in for another one: the same in all but where it leads.

        Args:
            pool: the pool that the client uses.
            host: what its requests name as their host.
            connects: whether they need a connection in any case.
        """
        shortcut = None if connects else self.shortcut
        with self._lock:
            twins = self._pools.setdefault(pool, {})
            key = host, shortcut is None, sys.modules["urllib3"].HTTPConnectionPool.ConnectionCls
            if key not in twins:
                twins[key] = twin_of(pool, host, self, shortcut)
            return twins[key]

    def lead(self, connection: Any) -> None:
        """Have a connection of http.client lead here, whatever it was open to."""
        with self._lock:
            if connection.sock is not None and connection.sock is self._sockets.get(connection):
                return
        if connection.sock is not None:
            connection.sock.close()
            connection.sock = None
        connection.sock = socket.create_connection((self.host, self.port), connection.timeout)
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._sockets[connection] = connection.sock

    def close(self) -> None:
        """See to it that no connection that leads here is used again. Requests that are under way may end."""
        with self._lock:
            for twins in self._pools.values():
                for twin in twins.values():
                    twin.close()
            for connection, sock in self._sockets.items():
                if connection.sock is sock:
                    forget_before_next_request(connection, sock)
            self._pools.clear()
            self._sockets.clear()


def twin_of(pool: Any, host: str, route: Route, shortcut: Shortcut | None) -> Any:
    """A pool of urllib3 like another one that leads to a route, with the headers that the other would send."""
    base = sys.modules["urllib3.connectionpool"].HTTPConnectionPool
    twin = base(
        route.host,
        route.port,
        timeout=pool.timeout,
        maxsize=pool.pool.maxsize,
        block=pool.block,
        headers=pool.headers,
        retries=pool.retries,
    )

    def putrequest(connection: Any, method: str, url: str, *args: Any, **options: Any) -> None:
        put_request_line(base.ConnectionCls.putrequest, connection, method, url, host, *args, **options)

    led = type("LedConnection", (base.ConnectionCls,), {"putrequest": putrequest})
    # Before 2, they knew less of their answers.
    is_known = hasattr(led, "is_connected")
    twin.ConnectionCls = led if shortcut is None or not is_known else shortcut_connection(led, host, shortcut)
    # A redirection to the vendor's host, spelled out, stays with the twin.
    twin.is_same_host = lambda url: url.startswith("/") or is_led(*place_of(url))
    return twin


def forget_before_next_request(connection: Any, sock: socket.socket) -> None:
    """Have a connection of http.client open anew when it is used next, though nothing is patched any more by then.

    It is not closed at once, since its answer may still be awaited.
    """

    def putrequest(*args: Any, **options: Any) -> None:
        del connection.putrequest
        if connection.sock is sock:
            sock.close()
            connection.sock = None
        connection.putrequest(*args, **options)

    connection.putrequest = putrequest


# -- which host ------------------------------------------------------------------------------------------------


def vendor_host(host: object) -> str | None:
    """The name of one of the vendor's hosts, of any spelling of it; None for whatever else is given for a host."""
    if isinstance(host, bytes | bytearray):
        host = host.decode("latin-1")
    if not isinstance(host, str):
        return None
    if not host.isascii():
        try:
            # As the interpreter does it before a look-up: there are other letters and dots that mean the same.
            host = host.encode("idna").decode()
        except UnicodeError:
            return None
    name = host.lower().removesuffix(".")
    return name if name in VENDOR_HOSTS else None


def is_led(host: object, port: object) -> bool:
    """Whether requests to this host and port are led to the mock; other ports of the vendor's are refused."""
    return port in PORTS and vendor_host(host) is not None


def place_of(url: str) -> tuple[str | None, int | None]:
    """Host and port of a URL, the port of its scheme where it names none; neither where it is no URL."""
    try:
        parts = urlsplit(url)
        return parts.hostname, parts.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None, None


def is_absolute(url: str) -> bool:
    return url.lower().startswith(("http://", "https://"))


def target_of(url: str) -> str:
    """What a request to a server asks for, of the URL that a proxy would be asked for."""
    parts = urlsplit(url)
    path = parts.path or "/"
    return f"{path}?{parts.query}" if parts.query else path


def host_header(url: str) -> str:
    """What a client says as Host for a URL."""
    return urlsplit(url).netloc.rpartition("@")[2]


# -- hooks: the clients' send-points ---------------------------------------------------------------------------


def send_through_adapter(original: Hook, adapter: Any, request: Any, *args: Any, **options: Any) -> Any:
    """requests, where nobody would see that the pools are left out. All else goes through them."""
    route = DESK.current
    response, host = None, plain_host(request.url)
    if (
        route is not None
        and route.shortcut is not None
        and host is not None
        and not args
        and looks_the_same_without_pools(original, adapter, request, **options)
    ):
        response = requests_response(adapter, route.shortcut, request, host, **options)
    return original(adapter, request, *args, **options) if response is None else response


@lru_cache(maxsize=256)
def plain_host(url: str) -> str | None:
    """The vendor's host in a URL of which every client makes the same Host; None for whatever else a URL may be."""
    host, port = place_of(url)
    return host if host in VENDOR_HOSTS and port == DEFAULT_PORTS.get(url.partition(":")[0]) else None


def looks_the_same_without_pools(
    original: Hook, adapter: Any, request: Any, *, verify: object = True, proxies: Any = None, **options: object
) -> bool:
    """Whether nobody sees that urllib3's pools are left out where requests sends something."""
    return (
        is_stock_function(original, "requests")
        and is_stock_adapter(adapter)
        and are_stock_pools()
        and DESK.wraps_stock(sys.modules["urllib3.connectionpool"].HTTPConnectionPool.urlopen, "urllib3")
        and is_file_or_switch(verify)
        and not (proxies and sys.modules["requests.adapters"].select_proxy(request.url, proxies))
    )


def send_through_pool(original: Hook, pool: Any, method: str, url: str, *args: Any, **options: Any) -> Any:
    """urllib3, and with it requests and what else stands on its pools. A pool of a proxy gets absolute URLs."""
    route = DESK.current
    default = DEFAULT_PORTS.get(pool.scheme)
    port = pool.port or default
    # A pool that is closed says so itself.
    if route is None or pool.pool is None or not is_led(*(place_of(url) if is_absolute(url) else (pool.host, port))):
        return original(pool, method, url, *args, **options)
    if is_absolute(url):
        host, url = host_header(url), target_of(url)
    else:
        host = pool.host if port == default else f"{pool.host}:{port}"
    # A connection of somebody else's wants to see its requests.
    connects = not (are_stock_connections() and is_patient(*waits_of(options.get("timeout", pool.timeout))))
    return original(route.pool_for(pool, host, connects=connects), method, url, *args, **options)


def waits_of(timeout: Any) -> tuple[Any, ...]:
    """How long urllib3 waits for each step, were it to begin now: what is left of a total is only known then."""
    if not isinstance(timeout, sys.modules["urllib3"].Timeout):
        return (timeout,)
    if timeout.total is not None:
        timeout = timeout.clone()
        timeout.start_connect()
    return timeout.connect_timeout, timeout.read_timeout


def put_request(original: Hook, connection: Any, method: str, url: str, *args: Any, **options: Any) -> None:
    """http.client, and with it urllib. It is from here on that a connection opens by itself, if it is not open."""
    route = DESK.current
    if route is None or not is_led(*(place_of(url) if is_absolute(url) else aim_of(connection))):
        original(connection, method, url, *args, **options)
        return
    if is_absolute(url):
        put_request_line(original, connection, method, target_of(url), host_header(url), *args, **options)
    else:
        original(connection, method, url, *args, **options)
    route.lead(connection)


def put_request_line(
    original: Hook, connection: Any, method: str, url: str, host: str, *args: Any, **options: Any
) -> None:
    """Begin a request that names another host than its connection does, unless the client names one itself."""
    skipped = dict(zip(("skip_host", "skip_accept_encoding"), args, strict=False)) | options
    original(connection, method, url, skip_host=True, skip_accept_encoding=True)
    # In the order in which http.client has them.
    if not skipped.get("skip_host"):
        connection.putheader("Host", host)
    if not skipped.get("skip_accept_encoding"):
        connection.putheader("Accept-Encoding", "identity")


def connect(original: Hook, connection: Any) -> None:
    """http.client, where somebody connects before there is a request."""
    route = DESK.current
    if route is None or not is_led(*aim_of(connection)):
        original(connection)
    else:
        route.lead(connection)


def aim_of(connection: Any) -> tuple[str, int]:
    """Where a connection of http.client leads in the end, be it through a proxy."""
    if getattr(connection, "_tunnel_host", None):
        return connection._tunnel_host, connection._tunnel_port
    return connection.host, connection.port


def send_through_transport(original: Hook, transport: Any, request: Any) -> Any:
    """httpx and httpx2, synchronous, where nobody would see that the pools of httpcore and httpcore2 are left out."""
    route, url = DESK.current, request.url
    response = None
    if (
        route is not None
        and route.shortcut is not None
        and is_led(url.host, url.port or DEFAULT_PORTS.get(url.scheme))
        and (client := home_of(type(transport))) in CORES
        and is_stock_function(original, client)
        and (core := sys.modules.get(CORES[client])) is not None
        and type(transport._pool) is core.ConnectionPool
        and "handle_request" not in vars(transport._pool)
        and DESK.wraps_stock(core.ConnectionPool.handle_request, core.__name__)
        and is_stock_core(core, transport._pool)
    ):
        response = client_response(route.shortcut, request)
    return original(transport, request) if response is None else response


def send_through_core(original: Hook, pool: Any, request: Any) -> Any:
    """httpcore and httpcore2, on which httpx and httpx2 stand: the pool is asked for the mock's address instead.

    So its connections are kept under that address, and none is ever taken for one of the vendor's.
    """
    route = route_of(request)
    if route is None:
        return original(pool, request)
    shortcut = shortcut_of(original, pool, request, route)
    response = None if shortcut is None else core_response(shortcut, request)
    return original(pool, led_request(request, route)) if response is None else response


async def send_through_async_core(original: Hook, pool: Any, request: Any) -> Any:
    """The same for their asynchronous pools."""
    route = route_of(request)
    if route is None:
        return await original(pool, request)
    shortcut = shortcut_of(original, pool, request, route)
    if shortcut is not None:
        await give_way()
        response = core_response(shortcut, request)
        if response is not None:
            return response
    return await original(pool, led_request(request, route))


def shortcut_of(original: Hook, pool: Any, request: Any, route: Route) -> Shortcut | None:
    """What answers without a connection, where nobody would see that a pool opens none."""
    core = package_of(request)
    return route.shortcut if is_stock_function(original, core.__name__) and is_stock_core(core, pool) else None


def route_of(request: Any) -> Route | None:
    """Where a request of httpcore or httpcore2 is led; None where it is not."""
    url = request.url
    port = url.port or DEFAULT_PORTS.get(url.scheme.decode("latin-1"))
    return DESK.current if is_led(url.host, port) else None


def led_request(request: Any, route: Route) -> Any:
    """The same request to a route."""
    url = request.url
    scheme = "ws" if url.scheme.startswith(b"ws") else "http"
    led = type(url)(scheme=scheme, host=route.host, port=route.port, target=url.target)
    return type(request)(
        request.method, led, headers=request.headers, content=request.stream, extensions=request.extensions
    )


def connect_core(module: str, name: str, original: Hook, pool: Any, origin: Any) -> Any:
    """httpcore and httpcore2, where a pool opens a connection: to the mock it is a plain one, without a proxy."""
    if DESK.leads_to(origin.host.decode("latin-1"), origin.port):
        return getattr(sys.modules[module], name)(origin)
    return original(pool, origin)


def connect_aiohttp(original: Hook, connector: Any, request: Any, *args: Any, **options: Any) -> Any:
    """aiohttp: the connector is asked for the mock's address, and keeps its connections under it."""
    route = DESK.current
    if route is None or not is_led(request.url.host, request.url.port):
        return original(connector, request, *args, **options)
    # Else the request would ask for an absolute URL.
    request.update_proxy(None, None, None)
    led = copy.copy(request)
    led.url = type(request.url)(route.url)
    led.server_hostname = None
    return original(connector, led, *args, **options)


# -- hooks: what is refused ------------------------------------------------------------------------------------


def refuse(host: object) -> None:
    """Stop what would reach one of the vendor's hosts.

    Raises:
        VendorHostRefused: it would, and a redirect is active.
    """
    route, name = DESK.current, vendor_host(host)
    if route is None or name is None:
        return
    raise VendorHostRefused(
        f"{name} is the vendor's, and a redirect to {route.url} is active, but this is not a way that it can lead. "
        f"Nothing was sent. Use requests, urllib3, urllib, http.client, httpx, httpx2 or aiohttp on port 80 or 443, "
        f"or {route.url} (server.url) in place of the vendor's URL."
    )


def guard(host_in: Callable[[Sequence[Any], dict[str, Any]], object]) -> Hook:
    """A hook that refuses a call where one of the vendor's hosts is among its arguments."""

    def hook(original: Hook, *args: Any, **options: Any) -> Any:
        refuse(host_in(args, options))
        return original(*args, **options)

    return hook


def argument(position: int, name: str = "") -> Hook:
    """A guard of the argument at a position, or of a name: a host, or an address that begins with one."""

    def host_in(args: Sequence[Any], options: dict[str, Any]) -> object:
        return host_of(args[position] if -len(args) <= position < len(args) else options.get(name))

    return guard(host_in)


def host_of(place: object) -> object:
    """The host of an address; of anything else, itself."""
    return place[0] if isinstance(place, tuple) and place else place


# -- the table -------------------------------------------------------------------------------------------------


class Row(NamedTuple):
    """What is patched: a function of a module, or a method of one of its classes."""

    module: str
    name: str
    hook: Hook


def core_rows(module: str, prefix: str, handle: str, hook: Hook) -> tuple[Row, ...]:
    direct = partial(connect_core, module, f"{prefix}HTTPConnection")
    return (
        Row(module, f"{prefix}ConnectionPool.{handle}", hook),
        *(
            Row(module, f"{prefix}{kind}.create_connection", direct)
            for kind in ("ConnectionPool", "HTTPProxy", "SOCKSProxy")
        ),
    )


def loop_rows(module: str, loop: str) -> tuple[Row, ...]:
    return (
        Row(module, f"{loop}.create_connection", argument(2, "host")),
        Row(module, f"{loop}.create_datagram_endpoint", argument(3, "remote_addr")),
        Row(module, f"{loop}.getaddrinfo", argument(1, "host")),
    )


ROWS: Final = (
    # Where clients send.
    Row("requests.adapters", "HTTPAdapter.send", send_through_adapter),
    Row("urllib3.connectionpool", "HTTPConnectionPool.urlopen", send_through_pool),
    Row("http.client", "HTTPConnection.putrequest", put_request),
    Row("http.client", "HTTPConnection.connect", connect),
    Row("http.client", "HTTPSConnection.connect", connect),
    Row("httpx", "HTTPTransport.handle_request", send_through_transport),
    Row("httpx2", "HTTPTransport.handle_request", send_through_transport),
    *core_rows("httpcore", "", "handle_request", send_through_core),
    *core_rows("httpcore", "Async", "handle_async_request", send_through_async_core),
    *core_rows("httpcore2", "", "handle_request", send_through_core),
    *core_rows("httpcore2", "Async", "handle_async_request", send_through_async_core),
    Row("aiohttp.connector", "BaseConnector.connect", connect_aiohttp),
    # What else would look up a name, connect by name, or speak TLS to one.
    Row("socket", "getaddrinfo", argument(0, "host")),
    Row("socket", "gethostbyname", argument(0)),
    Row("socket", "gethostbyname_ex", argument(0)),
    Row("socket", "gethostbyaddr", argument(0)),
    Row("socket", "socket.connect", argument(1)),
    Row("socket", "socket.connect_ex", argument(1)),
    Row("socket", "socket.sendto", argument(-1)),
    Row("socket", "socket.sendmsg", argument(4)),
    *loop_rows("asyncio.base_events", "BaseEventLoop"),
    *loop_rows("uvloop", "Loop"),
    # asyncio's own asks its getaddrinfo.
    Row("uvloop", "Loop.sock_connect", argument(2, "address")),
    Row("http.client", "HTTPConnection._tunnel", guard(lambda args, _: args[0]._tunnel_host)),
    Row("ssl", "SSLContext.wrap_socket", argument(5, "server_hostname")),
    Row("ssl", "SSLContext.wrap_bio", argument(4, "server_hostname")),
)
MODULES: Final = frozenset(row.module for row in ROWS)
ROWS_OF: Final = {name: [row for row in ROWS if row.module == name] for name in MODULES}
# What the interpreter itself reports, by whatever function it was asked, and which of its arguments has the host. Where
# it is told to connect by name, it reports it after the look-up: hence the rows above.
REPORTS: Final = {
    **dict.fromkeys(("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"), 0),
    **dict.fromkeys(("socket.connect", "socket.sendto", "socket.sendmsg"), 1),
}


class Patch:
    """One attribute, replaced by a hook around what was there, and put back exactly."""

    def __init__(self, owner: Any, name: str, hook: Hook) -> None:
        original = getattr(owner, name)
        self.replacement = replacement = looking_like(original, hook)
        self._owner, self._name = owner, name
        self._before = vars(owner).get(name, ABSENT)
        setattr(owner, name, replacement)

    def undo(self) -> None:
        """Put back what was there. What others put there since stays: they put theirs back themselves."""
        if vars(self._owner).get(self._name) is not self.replacement:
            return
        if self._before is ABSENT:
            delattr(self._owner, self._name)
        else:
            setattr(self._owner, self._name, self._before)


def looking_like(original: Hook, hook: Hook) -> Hook:
    """A hook as the function around which it stands: other patches ask what that is, and build theirs on it."""
    replacement: Hook
    if iscoroutinefunction(original):

        @wraps(original)
        async def replacement(*args: Any, **options: Any) -> Any:
            return await hook(original, *args, **options)

    else:

        @wraps(original)
        def replacement(*args: Any, **options: Any) -> Any:
            return hook(original, *args, **options)

    told = signature_of(original)
    if told is not None:
        vars(replacement)["__signature__"] = told
    return replacement


@lru_cache(maxsize=128)
def signature_of(function: Hook) -> Signature | None:
    """What a function takes; None where it does not tell. It takes longer than all the rest of a patch."""
    try:
        return signature(function)
    except (TypeError, ValueError):
        return None


# -- clients that are imported later ---------------------------------------------------------------------------


class Watch(MetaPathFinder):
    """Sees modules of the table being imported while a redirect is active, so that their rows are patched too."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in MODULES:
            return None
        finders = sys.meta_path
        for finder in finders[finders.index(self) + 1 :] if self in finders else finders:
            spec = finder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader = Following(spec.loader)
                return spec
        return None


class Following(Loader):
    """The loader of a module, and what comes after it."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # The module knows nothing of it.
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        if module.__loader__ is self:
            module.__loader__ = self._loader
        self._loader.exec_module(module)
        DESK.follow(module)


# -- the desk --------------------------------------------------------------------------------------------------


class Desk:
    """The redirects that are active in this process, the latest last, and the patches while there is any.

    There is one, as there is one of each thing that it patches.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        # Replaced whole, so that hooks read it without the lock.
        self._routes: tuple[Route, ...] = ()
        self._patches: list[Patch] = []
        self._replacements: set[Hook] = set()
        self._watch = Watch()
        self._finders: list[Any] = []
        self._audited = False

    @property
    def current(self) -> Route | None:
        """The latest redirect that is still active."""
        routes = self._routes
        return routes[-1] if routes else None

    def leads_to(self, host: str, port: int) -> bool:
        """Whether an active redirect leads to this address."""
        return any((route.host, route.port) == (host, port) for route in self._routes)

    def wraps_stock(self, function: Any, package: str) -> bool:
        """Whether a function is a hook around the package's own: nobody else's is within it, and none around it."""
        return function in self._replacements and is_stock_function(function.__wrapped__, package)

    def open(self, route: Route) -> None:
        """Begin a redirect; the first one patches."""
        with self._lock:
            if not self._routes:
                try:
                    self._patch()
                except BaseException:
                    self._unpatch()
                    raise
            self._routes = (*self._routes, route)

    def close(self, route: Route) -> None:
        """End a redirect; the last one puts back what was there."""
        with self._lock:
            self._routes = tuple(other for other in self._routes if other is not route)
            if not self._routes:
                self._unpatch()

    def follow(self, module: ModuleType) -> None:
        """Patch a module that was imported just now."""
        with self._lock:
            if self._patches:
                self._patch_module(module.__name__, module)

    def _patch(self) -> None:
        if not self._audited:
            # It can't be taken away again. While no redirect is active, it does nothing.
            sys.addaudithook(self._audit)
            self._audited = True
        # Another list, since imports of other threads walk along this one just now.
        self._finders = sys.meta_path
        sys.meta_path = [self._watch, *self._finders]
        for name in sorted(MODULES & sys.modules.keys()):
            self._patch_module(name, sys.modules[name])

    def _patch_module(self, name: str, module: ModuleType) -> None:
        for row in ROWS_OF[name]:
            owner_name, _, attribute = row.name.rpartition(".")
            owner = getattr(module, owner_name, None) if owner_name else module
            # Another version of a client may lack it; what it sends is refused then.
            if hasattr(owner, attribute):
                patch = Patch(owner, attribute, row.hook)
                self._patches.append(patch)
                self._replacements.add(patch.replacement)

    def _unpatch(self) -> None:
        self._replacements.clear()
        # A class may be known by two names, and be patched twice.
        while self._patches:
            self._patches.pop().undo()
        finders = [finder for finder in sys.meta_path if finder is not self._watch]
        sys.meta_path = self._finders if finders == self._finders else finders

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if self._routes and event in REPORTS:
            refuse(host_of(args[REPORTS[event]]))


DESK: Final = Desk()


def redirected(url: str, shortcut: Shortcut | None = None) -> AbstractContextManager[None]:
    """Lead requests of this process to the vendor's hosts to a mockscope, for a ``with`` block.

    Args:
        url: the URL of a mockscope that speaks plain HTTP.
        shortcut: what answers for it without a connection, where it can.

    Raises:
        ValueError: it is not such a URL.
    """
    Route(url)  # which complains here, and not only where the block begins
    return _active(url, shortcut)


@contextmanager
def _active(url: str, shortcut: Shortcut | None) -> Iterator[None]:
    # Of its own for each block: as a decorator, this is one for several calls at once.
    route = Route(url, shortcut)
    DESK.open(route)
    try:
        yield
    finally:
        DESK.close(route)
        route.close()
