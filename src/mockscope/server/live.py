"""The server on a socket: uvicorn's protocol on an event loop in a thread of its own.

This module has no rules and no state of the API.
"""

import asyncio
import signal
import sys
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from threading import Lock, Thread, get_native_id
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, Self, Unpack
from urllib.parse import quote

from mockscope._support.arguments import check_choice, check_type
from mockscope._support.signals import ending_signals, ignore_signals
from mockscope.app import Mockscope, forwarded
from mockscope.instruments.findings import fail_on_findings
from mockscope.seeds.files import SeedSource
from mockscope.server.certificates import Authority
from mockscope.server.event_loop import run_event_loop, wake_regularly
from mockscope.server.listeners import BACKLOG, Listener, Listeners, TLSListener, bind, url_of
from mockscope.sites.mock_site import MockSite
from mockscope.sites.registry import SiteRegistry
from mockscope.sites.settings import SettingsArguments
from mockscope.web.app import without_routing
from mockscope.web.inspector.endpoints import INSPECTOR_PATH

if TYPE_CHECKING:
    from mockscope.intercept.transports import InProcess
    from mockscope.server.proxy import Others, Proxy

MAX_PORT: Final = 65535
# Green threads share one system thread: the event loop would block the caller of start(), which waits for the loop.
GREEN_THREADS: Final = (
    "a mockscope server needs a system thread, and gevent or eventlet has replaced threading by green threads: "
    "call gevent.monkey.patch_all(thread=False) or eventlet.monkey_patch(thread=False), "
    "or run `mockscope serve` in a process of its own"
)


class ListenError(OSError):
    """A port could not be opened. ``filename`` is the address."""


class LiveServer:
    """A server on a port, in a thread. Use it as a ``with`` block, or call start and stop.

    ``app`` is its ASGI application. ``clock`` is the clock of all sites. ``calls`` are the calls that reached no site.

    Args:
        seed: a path to a seed file, or the same as plain data; without it the server starts without sites.
        host: the address to bind to.
        port: the port; 0 lets the kernel choose.
        tls: whether the server speaks HTTPS. An Authority signs its certificate; True generates an authority.
        proxy: whether to run a proxy too, which sends requests for the vendor's hosts to this server.
        proxy_port: the port of the proxy; 0 lets the kernel choose.
        proxy_others: whether the proxy refuses or passes requests for other hosts.
        settings: ``hint_header``, ``strict``, ``contract``, ``calls_kept``, ``control`` and ``control_token``: the
            fields of ``mockscope.sites.settings.Settings``.

    Raises:
        SeedError: If the seed is not valid.
        ValueError: If a setting is not valid, a port is out of range, ``tls`` or ``proxy`` is neither True nor False,
            or ``proxy_others`` is neither "refuse" nor "pass".
        OSError: If the seed file can't be read.
        ImportError: If ``contract`` is True, and the validator is not installed.
    """

    def __init__(
        self,
        seed: SeedSource | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: bool | Authority = False,
        proxy: bool = False,
        proxy_port: int = 0,
        proxy_others: "Others" = "refuse",
        **settings: Unpack[SettingsArguments],
    ) -> None:
        _check_port("port", port)
        _check_port("proxy_port", proxy_port)
        check_type("proxy", proxy, bool)
        check_choice("proxy_others", proxy_others, ("refuse", "pass"))
        if not isinstance(tls, Authority):
            check_type("tls", tls, bool)
        self._mockscope = Mockscope(seed, **settings)
        self.app = self._mockscope.app
        self.registry = self._mockscope.registry
        self.registry.address = None
        self.clock = self.registry.clock
        self.calls = self.registry.calls
        self.observers = self.registry.observers
        self._address = (host, port)
        self._proxy_port = proxy_port
        self._authority = tls if isinstance(tls, Authority) else Authority() if tls or proxy else None
        self._listener = TLSListener(self.authority.server_context(host)) if tls else Listener()
        self.proxy = self._new_proxy(proxy_others) if proxy else None
        self._proxy_url: str | None = None
        self._lock = Lock()
        self._thread: Thread | None = None
        self._loop: asyncio.AbstractEventLoop
        self._stopping: asyncio.Event

    site = forwarded(SiteRegistry.site)
    all_calls = forwarded(SiteRegistry.all_calls)
    reset = forwarded(SiteRegistry.reset)
    export = forwarded(SiteRegistry.export)
    events = forwarded(SiteRegistry.events)

    @property
    def sites(self) -> dict[str, MockSite]:
        """The present sites, by host."""
        return self.registry.sites

    @property
    def url(self) -> str:
        """The server's URL, without a slash at the end.

        Raises:
            RuntimeError: If the server is not running.
        """
        return self.registry.url

    @property
    def control_token(self) -> str | None:
        """The bearer token of the control API; None if it requires none, or is switched off."""
        return self._mockscope.control_token

    @property
    def inspector_url(self) -> str:
        """The URL of the inspector. The token, if it requires one, is in the fragment, which no request has.

        Raises:
            RuntimeError: If the server is not running, or its control API is switched off.
        """
        if not self.registry.settings.control:
            raise RuntimeError("this mockscope server has no inspector, because its control API is switched off")
        fragment = f"#token={quote(self.control_token, safe='')}" if self.control_token else ""
        return f"{self.url}{INSPECTOR_PATH}{fragment}"

    def _new_proxy(self, others: "Others") -> "Proxy":
        from mockscope.server.proxy import Proxy  # imported late: most servers do not need it

        return Proxy(self.authority.server_context(), others=others)

    @property
    def proxy_url(self) -> str:
        """The proxy's URL.

        Raises:
            RuntimeError: If the server has no proxy, or is not running.
        """
        if self._proxy_url is None:
            raise RuntimeError("no mockscope proxy is running: use mockscope.serve(proxy=True), in a with block")
        return self._proxy_url

    @property
    def authority(self) -> Authority:
        """The authority that signed the server's certificates.

        Raises:
            RuntimeError: If the server has neither TLS nor a proxy.
        """
        if self._authority is None:
            raise RuntimeError("the mockscope server has no certificate: use serve(tls=True) or serve(proxy=True)")
        return self._authority

    @property
    def ca_file(self) -> Path:
        """The path of the authority's certificate, for a client's ``verify``. It is deleted with the server object.

        Raises:
            RuntimeError: If the server has neither TLS nor a proxy.
        """
        return self.authority.ca_file

    def __repr__(self) -> str:
        return f"<LiveServer {self.registry.address or 'not running'}: {len(self.registry.directory)} sites>"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, *exc_info: object) -> None:
        self.stop()
        if kind is None:
            fail_on_findings({site.host: site.active_findings() for site in self.sites.values()})

    def start(self) -> Self:
        """Bind the ports and serve. When this method returns, they accept connections.

        Raises:
            OSError: If a port is taken, or the address is not this machine's.
            RuntimeError: If the server is running already, or gevent or eventlet has replaced threads.
        """
        with self._lock:
            if self._thread is not None:
                raise RuntimeError(f"the mockscope server is running already, at {self.url}")
            with ExitStack() as opened:
                listeners = self.open_ports(opened)
                ready: Future[None] = Future()
                thread = Thread(
                    target=self._run, args=(listeners, ready, get_native_id()), name="mockscope", daemon=True
                )
                thread.start()
                ready.result()
                opened.pop_all()
            self._thread = thread
            self.publish_urls(listeners)
            return self

    def open_ports(self, opened: ExitStack) -> Listeners:
        """Return the listeners with their sockets, which listen. The first one is the server's.

        Raises:
            ListenError: If a port is taken, or the address is not this machine's.
        """
        host, port = self._address
        ports: dict[Listener, int] = {self._listener: port} | ({self.proxy: self._proxy_port} if self.proxy else {})
        listeners = {}
        for listener, number in ports.items():
            try:
                listeners[listener] = opened.enter_context(bind(host, number))
                # uvloop ignores a listen that fails: two sockets may bind one port, and only one can listen.
                listeners[listener].listen(BACKLOG)
            except OSError as error:
                raise ListenError(error.errno, error.strerror or str(error), f"{host} port {number}") from error
        self._mockscope.listens_at(listeners[self._listener].getsockname()[0], host)
        return listeners

    def publish_urls(self, listeners: Listeners) -> None:
        """Set the URLs of the server and of its proxy to those of the bound sockets."""
        self.registry.address = url_of(listeners[self._listener], has_tls=isinstance(self._listener, TLSListener))
        self._proxy_url = None if self.proxy is None else url_of(listeners[self.proxy])

    def stop(self) -> None:
        """Close the ports and all connections. It does nothing if the server is not running."""
        with self._lock:
            if self._thread is not None:
                self._loop.call_soon_threadsafe(self._stopping.set)
                self._thread.join()
                self._thread = self.registry.address = self._proxy_url = None

    def transport(self) -> Any:
        """Return a transport for one client of httpx or httpx2, synchronous or not. It avoids sockets if it can.

        Raises:
            RuntimeError: If the server is not running.
            ValueError: If the server speaks TLS.
        """
        from mockscope.intercept.transports import new_transport  # imported late: most servers do not need it

        return new_transport(self._in_process())

    def adapter(self) -> Any:
        """Return an adapter for one session of requests. It avoids sockets if it can.

        Raises:
            RuntimeError: If the server is not running.
            ValueError: If the server speaks TLS.
            ImportError: If requests is not installed.
        """
        from mockscope.intercept.transports import new_adapter

        return new_adapter(self._in_process())

    def redirect(self) -> AbstractContextManager[None]:
        """Redirect requests of this process for the vendor's hosts to this server, in a ``with`` block.

        The redirect holds for all threads. If several redirects are active, the latest one wins.

        Raises:
            RuntimeError: If the server is not running.
            ValueError: If the server speaks TLS.
        """
        from mockscope.intercept.redirect import redirected  # imported late: most servers do not need it

        return redirected(self.url)

    def _in_process(self) -> "InProcess":
        from mockscope.intercept.transports import InProcess

        url = self.url
        if isinstance(self._listener, TLSListener):
            raise ValueError(f"this mockscope server speaks TLS, which needs a socket: {url}")
        return InProcess(self.registry, without_routing(self.app), url, lambda: self.registry.address == url)

    def _run(self, listeners: Listeners, ready: "Future[None]", starter: int) -> None:
        def on_started(stopping: asyncio.Event) -> None:
            self._loop, self._stopping = asyncio.get_running_loop(), stopping
            ready.set_result(None)

        try:
            if get_native_id() == starter:
                raise RuntimeError(GREEN_THREADS)
            run_event_loop(self.app, self.registry, listeners, on_started)
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)


def serve_in_foreground(server: LiveServer, listeners: Listeners, on_ready: Callable[[], None]) -> None:
    """Serve in this thread until SIGINT, SIGTERM or SIGHUP. Afterwards these signals are ignored.

    Requests in progress have GRACE_SECONDS to end, unless SIGINT arrives again.

    Args:
        server: a server that was not started.
        listeners: its listeners, from ``open_ports``.
        on_ready: called once the ports accept.
    """
    server.publish_urls(listeners)
    caught: list[int] = []
    numbers = ending_signals()

    def on_started(stopping: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()

        def stop(number: int, frame: FrameType | None) -> None:
            # Only a SIGINT after another signal has a further effect. The handlers of a flood of signals would nest.
            if signal.SIGINT in caught[1:] or (caught and number != signal.SIGINT):
                return
            caught.append(number)
            # A second signal may arrive after the loop is closed.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(stopping.set)

        for number in numbers:
            signal.signal(number, stop)
        if sys.platform == "win32":
            # There, a signal does not interrupt a loop that waits.
            wake_regularly(loop)
        on_ready()

    try:
        run_event_loop(server.app, server.registry, listeners, on_started, lambda: signal.SIGINT in caught[1:])
    finally:
        # A second signal must not interrupt the rest of the shutdown.
        ignore_signals(numbers)


def _check_port(name: str, port: object) -> None:
    # Some systems use the last 16 bits of a larger number. In Python, True is an int.
    if not isinstance(port, int) or isinstance(port, bool) or not 0 <= port <= MAX_PORT:
        raise ValueError(f"{name} is a number from 0 to {MAX_PORT}, not {port!r}")


# For readable code: with mockscope.serve() as server.
serve = LiveServer
